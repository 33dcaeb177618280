"""Everything a model hangs, by role: its samples, then reconstructions, explanations and failures."""

from collections.abc import Mapping
from itertools import groupby
from typing import Any

from artpipe.sections import ModelView, Section

_HTML = """
{% import "macros.html" as m with context %}
{% set headings = {"sample": _("Works"), "walk": _("Walks"), "reconstruction": _("Reconstructions"), "explanation": _("Explanations"), "plane": _("A plane through the codes"), "nearest pair": _("Nearest to a training work"), "failure": _("Failures")} %}
{% set notes = {"reconstruction": _("Works of the collection beside what the model made of them."), "explanation": _("Where the model looked to decide."), "failure": _("Shown because it was wrong.")} %}
{% for role, works in groups %}
{% if loop.first %}
<div class="wall">
<h2 class="kicker">{{ headings.get(role, role | plain) }}, {{ works | length }}</h2>
<ul class="{{ m.salon(works) }}">
{% for work in works %}<li{% if loop.index0 % 11 == 0 %} class="large"{% endif %}>{{ m.hung(work, view.artist, inline=true) }}</li>
{% endfor %}
</ul>
</div>
{% else %}
<div class="read columns">
<div><h2>{{ headings.get(role, role | plain) }}</h2>{% if notes.get(role) %}<p class="aside">{{ notes.get(role) }}</p>{% endif %}</div>
<ul class="row">
{% for work in works %}<li><figure>{{ m.hung(work, view.artist, inline=true) }}<figcaption><bdi>{{ work.title }}</bdi></figcaption></figure></li>
{% endfor %}
</ul>
</div>
{% endif %}
{% endfor %}
"""


def _fill(view: ModelView) -> Mapping[str, Any] | None:
    groups = [(role, list(works)) for role, works in groupby(view.artist.works, key=lambda work: work.role)]
    return {"groups": groups} if groups else None


SECTION = Section(page="model", fill=_fill, html=_HTML)
