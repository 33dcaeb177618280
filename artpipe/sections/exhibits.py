"""Everything a model hangs, by role and form.

What it makes of itself comes before what it makes of given works.
"""

from collections.abc import Mapping
from itertools import groupby
from typing import Any

from artpipe.contracts.gallery_work import LARGE_EVERY
from artpipe.contracts.section import ModelView, Section

_HTML = """
{% import "macros.html" as m with context %}
{% for role, text, works in groups %}
{% if loop.first %}
<div class="wall">
<h2 class="kicker">{{ _(text.heading) if text else role | plain }}{{ _(", ") }}{{ works | length }}</h2>
{% if text and text.note %}<p class="note">{{ _(text.note) }}{% if whole and role == "sample" %}{{ _(" ") }}{{ _("Of %(written)s that it composed, %(whole)s are whole: as long as those of the collection are, and they end in their key. The first of these hang here.", written=whole.written | number, whole=whole.whole | number) if works[0].kind == "audio" else _("Of %(written)s that it wrote, %(whole)s are whole: as long as those of the collection are. The first of these hang here.", written=whole.written | number, whole=whole.whole | number) }}{% endif %}</p>{% endif %}
<ul class="{{ m.salon(works, block=true) }}{{ ' told' if told }}">
{% for work in works %}<li{% if loop.index0 % large == 0 %} class="large"{% endif %}>{% if told %}<figure>{% endif %}{{ m.hung(work, view.artist, inline=true, eager=loop.first, large=loop.index0 % large == 0) }}{% if told %}<figcaption{{ m.spoken(work.title) }}>{{ work.title }}</figcaption></figure>{% endif %}</li>
{% endfor %}
</ul>
</div>
{% else %}
<div class="read columns">
<div><h2>{{ _(text.heading) if text else role | plain }}</h2>{% if text and text.note %}<p class="aside">{{ _(text.note) }}</p>{% endif %}</div>
<ul class="row{{ ' far' if works[0].kind != 'image' }}">
{% for work in works %}<li><figure>{{ m.hung(work, view.artist, inline=true) }}<figcaption{{ m.spoken(work.title) }}>{{ work.title }}</figcaption></figure></li>
{% endfor %}
</ul>
</div>
{% endif %}
{% endfor %}
"""


def _fill(view: ModelView) -> Mapping[str, Any] | None:
    texts = view.artist.wall_texts
    groups = [
        (role, texts.get(f"{role} {kind}") or texts.get(role), list(works))
        for (role, kind), works in groupby(view.artist.works, key=lambda work: (work.role, work.kind))
    ]
    report = view.artist.report
    told = bool(report.live and report.live.path and report.live.path.captions)  # what was asked for stands below each
    return {"groups": groups, "large": LARGE_EVERY, "whole": report.whole_works, "told": told} if groups else None


SECTION = Section(page="model", fill=_fill, html=_HTML)
