"""A model's grade, and each number that was asked with its pass mark."""

from collections.abc import Mapping
from typing import Any

from artpipe.contracts.section import ModelView, Section

_HTML = """
{% import "macros.html" as m with context %}
<div class="read columns">
<div><h2>{{ _("Grade") }}</h2>
<p class="aside">{{ _("A pass mark is the value from which on a model has not failed.") }}
{%- if view.artist.report.feature_extractor %}{{ _(" ") }}{{ _("A feature extractor is a trained network that turns a picture into numbers for what is seen in it; distances are measured in these.") }}
{%- endif %}{% for term in view.artist.terms %}{{ _(" ") }}{{ _(term) }}
{%- endfor %}{% if is_in_nats %}{{ _(" ") }}{{ _("A nat is a unit of information: 1.44 bits.") }}
{% endif %}</p></div>
<div class="conclusion is-{{ verdict.grade | slug }}">
<p class="big">{{ m.standing(view.artist) }}</p>
<p class="sentence">{{ m.isolated(verdict | sentence) }}</p>
<p class="quiet">
{% set number, bound = m.mono(verdict.value | number), m.mono(verdict.bound | number) %}
{% if verdict.good is not none and verdict.good != verdict.bound and verdict | wanted_side %}{{ _("Decided by %(score)s: %(value)s; pass mark %(bound)s, good from %(good)s on.", score=verdict.score | plain, value=number, bound=bound, good=m.mono(verdict.good | number)) }}
{% elif verdict | wanted_side == "least" %}{{ _("Decided by %(score)s: %(value)s; at least %(bound)s is asked for.", score=verdict.score | plain, value=number, bound=bound) }}
{% elif verdict | wanted_side == "most" %}{{ _("Decided by %(score)s: %(value)s; at most %(bound)s is allowed.", score=verdict.score | plain, value=number, bound=bound) }}
{% else %}{{ _("Decided by %(score)s: %(value)s.", score=verdict.score | plain, value=number) }}
{% endif %}
</p>
{% if others %}
<details{% if not verdict.is_passing %} open{% endif %}><summary>{{ _("What else was asked") }}</summary>
{% for finding in others %}
{% set number, bound = m.mono(finding.value | number), m.mono(finding.bound | number) %}
<p>{{ m.grade(finding) }} {{ m.isolated(finding | sentence) }} <span class="quiet">
{% if finding | wanted_side == "least" %}{{ _("%(score)s: %(value)s; at least %(bound)s is asked for", score=finding.score | plain, value=number, bound=bound) }}
{% elif finding | wanted_side == "most" %}{{ _("%(score)s: %(value)s; at most %(bound)s is allowed", score=finding.score | plain, value=number, bound=bound) }}
{% else %}{{ _("%(score)s: %(value)s", score=finding.score | plain, value=number) }}
{% endif %}
</span></p>
{% endfor %}
</details>
{% endif %}
{% if view.artist.champion %}<p>{{ _("Of the models of its kind after this collection, it is the champion: the one that counts.") }}</p>
{% elif rival %}<p>{{ _("Of the models of its kind after this collection, %(model)s is the champion.", model=m.to_model(rival)) }}</p>
{% elif view.artist.rival %}<p>{{ _("Of the models of its kind after this collection, another training of %(model)s is the champion.", model=m.isolated(view.artist.rival)) }}</p>
{% elif verdict.is_passing %}<p>{{ _("No champion is named yet among the models of its kind after this collection; %(command)s names it.", command=m.mono("artpipe promote " ~ view.artist.name)) }}</p>
{% else %}<p>{{ _("Among the models of its kind after this collection there is no champion: only what is fair or good becomes one.") }}</p>
{% endif %}
</div>
</div>
"""


def _fill(view: ModelView) -> Mapping[str, Any]:
    report, name = view.artist.report, view.artist.rival
    return {
        "is_in_nats": any(str(score.unit) == "nats" for score in report.scores),
        "verdict": report.verdict,
        "others": [finding for finding in report.findings if finding != report.verdict],
        "rival": next((artist for artist in view.room.artists if artist.name == name and artist.champion), None),
    }


SECTION = Section(page="model", fill=_fill, html=_HTML)
