"""A work in the form that suits it, and the label beside it.

It hangs in a frame, on a sheet, or is to be played.
"""

from collections.abc import Mapping
from typing import Any

from artpipe.contracts.gallery_work import have_same_shape
from artpipe.contracts.section import Section, WorkView

_BROAD_RATIO = 1.45  # width by height above which a picture takes the wall's breadth and its label hangs below

_HTML = """
{% import "macros.html" as m with context %}
{% set work = view.work %}
<div class="wall">
<figure class="solo{{ ' broad' if broad }}"{% if work.input_picture %} data-compare{% endif %}>
{% if work.kind == "text" %}<blockquote class="leaf">{{ m.sheet(work.text) }}</blockquote>
{% elif work.kind == "video" %}<div class="frame"><video controls loop muted playsinline data-film preload="metadata"{% if work.face %} poster="{{ root ~ work.face.src }}" width="{{ work.face.width }}" height="{{ work.face.height }}"{% endif %} aria-label="{{ m.alt(work, view.artist) }}">{% for form, media in work.films.items() %}<source src="{{ root ~ media.src }}" type="video/{{ form }}">{% endfor %}</video></div>
{% elif work.kind == "audio" %}<div class="music">{% if work.face %}<span class="frame">{{ m.picture(work.face, m.alt(work, view.artist), eager=true) }}</span>{% endif %}
{{ m.sound(work.media, work.title) }}</div>
{% elif work.input_picture %}<div class="compare">
<div class="frame pair">
<div class="side before">{{ m.picture(work.input_picture, _("%(title)s, before", title=work.title), eager=true) }}<p class="caps" data-before>{{ m.part("before") }}</p></div>
<div class="side after">{{ m.picture(work.media, m.alt(work, view.artist), eager=true) }}<p class="caps">{{ _("after") }}</p></div>
</div>
<div class="controls" hidden><input type="range" min="0" max="100" value="50" step="1" aria-label="{{ _('How much is seen of the picture before') }}" data-said="{{ _('%%s percent') }}"></div>
</div>
{% else %}<span class="frame">{{ m.picture(work.media, m.alt(work, view.artist), eager=true) }}</span>
{% endif %}
<figcaption class="label">
<p class="artist">{{ m.to_model(view.artist) }}</p>
<h1{{ m.spoken(work.title) }}>{{ work.title }}</h1>
{% if museum.labels %}<p class="ai-label">{{ m.ai_label(view.artist, work) }}</p>
{% endif %}<p>{{ m.kind(view.artist) }}{% if work.seed is not none %}{{ _(", ") }}{{ _("seed %(n)s", n=work.seed) }}{% endif %}{{ _(", ") }}{{ _("step %(n)s", n=view.artist.step | number) }}{% if work.kind == "image" and work.media.width %}{{ _("; ") }}{{ work.media.width }}&thinsp;&times;&thinsp;{{ work.media.height }} {{ _("pixels") }}{% elif work.kind != "audio" and work.media and work.media.seconds %}{{ _("; ") }}{{ work.media.seconds | duration }}{% endif %}</p>
<p>{{ ngettext("After the collection %(collection)s, licence %(licence)s", "After the collection %(collection)s, licences %(licence)s", licences | length, collection=m.to_room(view.room), licence=m.licences(licences)) }}</p>
{% if work.kind == "audio" and work.media.light %}<p><a href="{{ root ~ work.media.src }}" download="{{ work.id }}{{ work.media.src[22:] }}">WAV</a> <span class="quiet">{{ work.media.size | size }}</span></p>
{% endif %}{% for name, file in work.downloads.items() %}<p><a href="{{ root ~ file.src }}" download="{{ work.id }}{{ file.src[22:] }}">{{ m.part(name) }}</a> <span class="quiet">{{ file.size | size }}</span></p>
{% endfor %}
{% if work.offered %}<p><a href="{{ root ~ work.offered.src }}" download="{{ work.id }}.{{ work.offered.src.split(".") | last }}">{{ _("Take it with you") }}</a> <span class="quiet">{{ work.offered.size | size }}{% if museum.credentials %}{{ _(", ") }}<a href="{{ root }}provenance/index.html">{{ _("with content credentials") }}</a>{% endif %}</span></p>
{% endif %}{% if share %}<p class="quiet">{% if view.artist.learns %}{% if share.energy_wh is not none %}{{ _("Its share of the training: %(time)s of one core, %(energy)s Wh (estimated), in %(memory)s GiB of memory", time=share.core_seconds | duration, energy=share.energy_wh | number, memory=share.peak_memory_gib | number) }}{% else %}{{ _("Its share of the training: %(time)s of one core", time=share.core_seconds | duration) }}{% endif %}{% else %}{% if share.energy_wh is not none %}{{ _("Its share of the work: %(time)s of one core, %(energy)s Wh (estimated), in %(memory)s GiB of memory", time=share.core_seconds | duration, energy=share.energy_wh | number, memory=share.peak_memory_gib | number) }}{% else %}{{ _("Its share of the work: %(time)s of one core", time=share.core_seconds | duration) }}{% endif %}{% endif %}</p>
{% endif %}<p>{{ _("Grade of the model") }}{{ _(": ") }}{{ m.standing(view.artist) }}</p>
{% if view.artist.accepted %}<p class="quiet">{{ _("Made by earlier code and accepted as it stands: %(stages)s", stages=view.artist.accepted | join(", ")) }}</p>
{% endif %}</figcaption>
{% if work.further_pictures %}
<ul class="companions">
{% for name, media in work.further_pictures.items() %}<li><figure><span class="frame">{{ m.picture(media, _("%(title)s: %(part)s", title=work.title, part=m.part(name)), eager=true) }}</span><figcaption><span class="caps">{{ m.part(name) }}</span>{% if name in against %} <button type="button" hidden aria-pressed="false" data-against="{{ m.part(name) }}">{{ _("compare") }}</button>{% endif %}</figcaption></figure></li>
{% endfor %}
</ul>
{% endif %}
</figure>
{% if view.previous or view.next %}
<nav class="turn" aria-label="{{ _('Works on this wall') }}">
{% if view.previous %}<a class="previous" rel="prev" href="{{ root }}works/{{ view.previous.id }}/index.html"><span aria-hidden="true">\u2039</span> {{ m.named(view.previous.title) }}</a>{% endif %}
{% if view.next %}<a class="next" rel="next" href="{{ root }}works/{{ view.next.id }}/index.html">{{ m.named(view.next.title) }} <span aria-hidden="true">\u203a</span></a>{% endif %}
</nav>
{% endif %}
</div>
"""


def _fill(view: WorkView) -> Mapping[str, Any]:
    work, face = view.work, view.work.face
    against = [
        name
        for name, part in work.further_pictures.items()
        if work.input_picture and face and have_same_shape(part, face)
    ]
    broad = face is not None and face.width > _BROAD_RATIO * face.height
    licences = list(dict.fromkeys(source.licence for source in work.sources)) or view.room.licences
    return {"broad": broad, "against": against, "share": view.artist.cost_per_work, "licences": licences}


SECTION: Section[WorkView] = Section(page="work", fill=_fill, html=_HTML)
