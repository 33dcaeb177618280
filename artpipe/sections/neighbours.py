"""The training works nearest to this one, with whose they are."""

from collections.abc import Mapping
from typing import Any

from artpipe.contracts.section import Section, WorkView

_HTML = """
{% import "macros.html" as m with context %}
{% macro real(work, distance, share=none) %}
<li><figure>
{% if work.picture %}<span class="frame">{{ m.picture(work.picture, _("%(title)s, from the collection", title=work.title or _("Untitled")), inline=true) }}</span>{% elif work.text %}{{ m.sheet(work.text, 17 if work.text | upright else 6) }}{% else %}<span class="frame empty" aria-hidden="true"></span>{% endif %}
<figcaption><em dir="auto">{{ work.title or _("Untitled") }}</em>
{% if work.caption %}<span class="quiet" dir="auto">{{ work.caption }}</span>{% endif %}
{{ m.credit(work) }}
{% if share == "0%" %}<span class="quiet">{{ _("Its layout, and no pixel") }}</span>{% elif share is not none %}<span class="quiet">{{ _("%(n)s of the pixels", n=share) }}</span>{% endif %}
{% if distance is not none %}<span class="quiet">{{ _("Distance %(n)s", n=m.mono(distance | number)) }}</span>{% endif %}
</figcaption></figure></li>
{% endmacro %}
{% if view.work.sources %}
<div class="read columns"><div><h2>{{ _("Made from") }}</h2></div><ul class="row">{% for work, share in sources %}{{ real(work, none, share) }}{% endfor %}</ul></div>
{% endif %}
{% if view.work.neighbours %}
<div class="read columns">
<div><h2>{{ _("Nearest works it learned from") }}</h2>
<p class="aside">{% if view.work.kind == "text" %}{{ _("Of all the works in the training, these share most of its rare turns, letter by letter. If one were the same, the model would have copied.") }}{% else %}{{ _("Of all the pictures in the training, these look most like it to the feature extractor. If one were the same, the model would have copied.") }}{% endif %}</p></div>
<ul class="row{{ ' far' if view.work.kind == 'text' }}">{% for near in view.work.neighbours %}{{ real(near.work, near.distance) }}{% endfor %}</ul>
</div>
{% endif %}
"""


def _fill(view: WorkView) -> Mapping[str, Any] | None:
    sources, shares = view.work.sources, view.work.shares
    if not view.work.neighbours and not sources:
        return None
    by_share = sorted(zip(shares, sources, strict=True), key=lambda pair: -pair[0]) if shares else []
    unknown = [] if by_share else [(work, None) for work in sources]
    return {"sources": [*((work, f"{share:.0%}") for share, work in by_share), *unknown]}


SECTION = Section(page="work", fill=_fill, html=_HTML)
