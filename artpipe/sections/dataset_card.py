"""A collection: what it is, how much of it there is, and who learned from it.

The first models hang with their works, of the others each is named.
"""

from collections.abc import Mapping
from typing import Any

from artpipe.contracts.section import DatasetView, Section

_HUNG_MODELS, _NAMED_MODELS = 8, 120  # within 1,500 elements and 500 kB of a page

_HTML = """
{% import "macros.html" as m with context %}
<div class="head">
<p class="kicker"><a href="{{ root }}index.html#rooms">{{ m.room(view.room) }}</a></p>
<h1 dir="auto">{{ view.room.title | unbroken }}</h1>
<p class="lead" dir="auto">{% if view.room.about.description %}{{ view.room.about.description | clean(1200) }}{% elif view.room.collection %}{{ _("A collection of %(n)s works.", n=view.room.collection.kept | number) }}{% endif %}</p>
</div>
<div class="wall">
{% for artist in hung %}
<div class="hang">
<div class="label">
<h2 dir="auto"><a href="{{ root }}models/{{ artist.name }}/index.html">{{ artist.title | unbroken }}</a></h2>
<p>{{ m.kind(artist) }}</p>
<p>{{ m.standing(artist) }}</p>
</div>
<ul class="{{ m.salon(artist.works) }}">{% for work in artist.works[:12] %}<li>{{ m.hung(work, artist, inline=true) }}</li>
{% endfor %}</ul>
</div>
{% endfor %}
{% if named %}
<div class="hang"><div class="label"><h2>{{ _("Further models") }}</h2></div>
<ul class="further">{% for artist in named %}<li>{{ m.to_model(artist) }}</li>
{% endfor %}</ul></div>
{% endif %}
{% if unnamed %}<p class="lead">{{ ngettext("One more model hangs in this room", "%(num)s more models hang in this room", unnamed) }}</p>{% endif %}
{% for gap in view.room.gaps %}<div class="hang"><div></div>{{ m.gap(gap) }}</div>{% endfor %}
{% if not view.room.artists and not view.room.gaps %}<p class="lead">{{ _("No model has learned from this collection yet.") }}</p>{% endif %}
</div>
<div class="read columns even">
{% if view.room.collection %}
<div><h2>{{ _("The collection") }}</h2>
<dl class="facts-list">
<dt>{{ _("Kept") }}</dt><dd>{{ _("%(n)s works", n=view.room.collection.kept | number) }}</dd>
<dt>{{ _("Set aside") }}</dt><dd>{{ view.room.collection.quarantined | number }}</dd>
{% for split in view.room.collection.splits %}<dt><bdi>{{ split.name | plain }}</bdi></dt><dd>{{ split.count | number }}</dd>
{% endfor %}
</dl></div>
{% if view.room.collection.labels %}
<div><h2>{{ _("Labels") }}</h2>
<ul class="tallies">{% for label in view.room.collection.labels %}<li><bdi>{{ label.name | name }}</bdi><span class="count">{{ label.count | number }}</span></li>
{% endfor %}{% if view.room.collection.unlabelled %}<li>{{ _("without a label") }}<span class="count">{{ view.room.collection.unlabelled | number }}</span></li>{% endif %}</ul></div>
{% endif %}
{% else %}<p class="lead">{{ m.no_record(view.room) }}</p>{% endif %}
</div>
{% if view.room.seen %}
<div class="read"><h2>{{ _("From the collection") }}</h2>
<ul class="row">{% for work in view.room.seen %}<li><figure><span class="frame">{{ m.picture(work.picture, _("%(title)s, from the collection", title=work.title or _("Untitled")), inline=true) }}</span><figcaption><em dir="auto">{{ work.title or _("Untitled") }}</em>{% if work.caption %}<span class="quiet" dir="auto">{{ work.caption }}</span>{% endif %}{% if view.room.collection and view.room.collection.is_mixed %}{{ m.credit(work) }}{% endif %}</figcaption></figure></li>
{% endfor %}</ul></div>
{% endif %}
"""


def _fill(view: DatasetView) -> Mapping[str, Any]:
    artists = view.room.artists
    named = artists[_HUNG_MODELS : _HUNG_MODELS + _NAMED_MODELS]
    return {"hung": artists[:_HUNG_MODELS], "named": named, "unnamed": max(0, len(artists) - _HUNG_MODELS - len(named))}


SECTION: Section[DatasetView] = Section(page="dataset", fill=_fill, html=_HTML)
