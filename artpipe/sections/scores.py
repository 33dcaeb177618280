"""Every score with its meaning, interval, number of samples and anchors."""

from collections.abc import Mapping
from typing import Any

from artpipe.contracts.section import ModelView, Section

_HTML = """
{% import "macros.html" as m with context %}
<div class="read columns">
<div><h2>{{ _("Scores") }}</h2>
<p class="aside">{{ _("Measured on as many works as the last column counts.") }}{{ _(" ") }}{{ _("Below each value stands its 95 percent interval.") }}{% if feature_extractor %}{{ _(" ") }}{{ _("The feature extractor is the checkpoint %(hash)s; scores of different feature extractors are never compared.", hash=m.mono(feature_extractor | short)) }}{% endif %}</p></div>
<div><table class="scores">
<thead><tr><th scope="col">{{ _("Measure") }}</th><th scope="col" class="figure">{{ _("Value") }}</th>
{% if has_real %}<th scope="col" class="figure">{{ _("Real works") }}</th>{% endif %}
{% if rivals %}<th scope="col" class="figure">{{ _("Champion") }}</th>{% endif %}
<th scope="col" class="figure">{{ _("Works") }}</th></tr></thead>
<tbody>
{% for score in scores %}
<tr><td><bdi><strong>{{ score.name | plain }}</strong></bdi>{% if score.better != "neither" %} <span class="caps">{{ _("lower is better") if score.better == "lower" else _("higher is better") }}</span>{% endif %}
{% if score | sentence %}<span class="quiet">{{ m.isolated(score | sentence) }}</span>{% endif %}</td>
<td class="figure">{{ score.value | number }}{% if score.low is none and score.spread is not none %} \u00b1 {{ score.spread | number(2) }}{% endif %}{% if score.unit %} {{ score.unit | name }}{% endif %}
{% if score.low is not none %}{% set ends = score.interval | ends %}<span class="quiet">{{ _("%(low)s to %(high)s", low=ends[0], high=ends[1]) }}</span>{% endif %}</td>
{% if has_real %}<td class="figure" data-head="{{ _("Real works") }}">{% if score.real is not none %}{{ score.real | number }}{% endif %}</td>{% endif %}
{% if rivals %}<td class="figure" data-head="{{ _("Champion") }}">{% if score.name in rivals %}{{ rivals[score.name].value | number }}{% endif %}</td>{% endif %}
<td class="figure">{% if not score.is_training_record %}{{ score.n | number }}{% endif %}</td></tr>
{% endfor %}
</tbody></table></div>
</div>
"""


def _fill(view: ModelView) -> Mapping[str, Any] | None:
    """Put beside each score that of real works and of the room's champion.

    The champion's stands only where both may be compared.
    """
    report, name = view.artist.report, view.artist.rival
    if not report.scores:
        return None
    champion = next(
        (artist.report.scores for artist in view.room.artists if artist.name == name and artist.champion), ()
    )
    theirs = {score.name: score for score in champion}
    rivals = {
        score.name: theirs[score.name]
        for score in report.scores
        if score.name in theirs and not score.describe_difference(theirs[score.name])
    }
    has_real = any(score.real is not None for score in report.scores)
    return {
        "scores": [score for score in report.scores if view.artist.learns or not score.is_training_record],
        "feature_extractor": report.feature_extractor,
        "has_real": has_real,
        "rivals": rivals,
    }


SECTION = Section(page="model", fill=_fill, html=_HTML)
