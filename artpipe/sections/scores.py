"""Every score with its meaning, its number of samples and its spread."""

from collections.abc import Mapping
from typing import Any

from artpipe.contracts.section import ModelView, Section

_HTML = """
{% import "macros.html" as m with context %}
<div class="read columns">
<div><h2>{{ _("Scores") }}</h2>
<p class="aside">{{ _("Measured on the same samples that hang here.") }}{% if feature_extractor %} {{ _("The feature extractor is the checkpoint %(hash)s; scores of different feature extractors are never compared.", hash=m.mono(feature_extractor | short)) }}{% endif %}</p></div>
<div><table class="scores">
<thead><tr><th scope="col">{{ _("Measure") }}</th><th scope="col" class="figure">{{ _("Value") }}</th><th scope="col" class="figure">{{ _("Samples") }}</th></tr></thead>
<tbody>
{% for score in scores %}
<tr><td><bdi><strong>{{ score.name | plain }}</strong></bdi>{% if score.better != "neither" %} <span class="caps">{{ _("lower is better") if score.better == "lower" else _("higher is better") }}</span>{% endif %}
{% if score | sentence %}<span class="quiet">{{ m.isolated(score | sentence) }}</span>{% endif %}</td>
<td class="figure">{{ score.value | number }}{% if score.spread is not none %} \u00b1 {{ score.spread | number(2) }}{% endif %}{% if score.unit %} {{ score.unit | name }}{% endif %}</td>
<td class="figure">{{ score.n | number }}</td></tr>
{% endfor %}
</tbody></table></div>
</div>
"""


def _fill(view: ModelView) -> Mapping[str, Any] | None:
    report = view.artist.report
    return {"scores": report.scores, "feature_extractor": report.feature_extractor} if report.scores else None


SECTION = Section(page="model", fill=_fill, html=_HTML)
