"""Everything a model hangs, by role and form: what it makes of itself, then what it makes of given works."""

from collections.abc import Mapping
from itertools import groupby
from typing import Any

from artpipe.contracts.section import ModelView, Section

_HTML = """
{% import "macros.html" as m with context %}
{% set headings = {"sample": _("Works"), "sample text": _("Texts"), "sample audio": _("Music"), "sample video": _("Films"), "stylisation": _("Stylisations"), "continuation": _("Continuations"), "walk": _("Walks"), "enlargement": _("Enlargements"), "restoration": _("Restorations"), "reconstruction": _("Reconstructions"), "explanation": _("Explanations"), "plane": _("A plane through the codes"), "nearest pair": _("Nearest to a training work"), "failure": _("Failures")} %}
{% set notes = {"sample text": _("Written by the model, letter by letter."), "sample audio": _("Composed by the model, note by note: a player and the score are behind each frame."), "stylisation": _("A given picture, painted again in the strokes of another; behind each frame the one lies beside the other."), "continuation": _("The beginning was given, the rest is the model's."), "walk": _("A loop through what the model can paint, in steps that look alike; it ends where it began."), "enlargement": _("Small pictures, enlarged by the model; behind each frame a plain enlargement and the original hang beside it."), "restoration": _("Damaged pictures, and what the model put where something was missing."), "reconstruction": _("Works of the collection beside what the model made of them."), "explanation": _("Where the model looked to decide."), "failure": _("Shown because it was wrong.")} %}
{% for role, key, works in groups %}
{% if loop.first %}
<div class="wall">
<h2 class="kicker">{{ headings.get(key) or headings.get(role) or role | plain }}{{ _(", ") }}{{ works | length }}</h2>
{% if notes.get(key) %}<p class="note">{{ notes.get(key) }}</p>{% endif %}
<ul class="{{ m.salon(works, block=true) }}">
{% for work in works %}<li{% if loop.index0 % 11 == 0 %} class="large"{% endif %}>{{ m.hung(work, view.artist, inline=true, large=loop.index0 % 11 == 0) }}</li>
{% endfor %}
</ul>
</div>
{% else %}
<div class="read columns">
<div><h2>{{ headings.get(key) or headings.get(role) or role | plain }}</h2>{% if notes.get(key) %}<p class="aside">{{ notes.get(key) }}</p>{% endif %}</div>
<ul class="row{{ ' far' if works[0].kind != 'image' }}">
{% for work in works %}<li><figure>{{ m.hung(work, view.artist, inline=true) }}<figcaption{{ m.spoken(work.title) }}>{{ work.title }}</figcaption></figure></li>
{% endfor %}
</ul>
</div>
{% endif %}
{% endfor %}
"""


def _fill(view: ModelView) -> Mapping[str, Any] | None:
    groups = [
        (role, role if role != "sample" or kind == "image" else f"sample {kind}", list(works))
        for (role, kind), works in groupby(view.artist.works, key=lambda work: (work.role, work.kind))
    ]
    return {"groups": groups} if groups else None


SECTION = Section(page="model", fill=_fill, html=_HTML)
