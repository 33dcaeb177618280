"""What the evaluation concludes about a model, with the number that decided it."""

from collections.abc import Mapping
from typing import Any

from artpipe.sections import ModelView, Section

_HTML = """
{% import "macros.html" as m with context %}
<div class="read columns">
<h2>{{ _("Verdict") }}</h2>
<div class="conclusion is-{{ verdict.verdict | slug }}">
<p class="big">{{ m.verdict(verdict) }}</p>
<p class="sentence"><bdi>{{ verdict.sentence | clean }}</bdi></p>
<p class="quiet">{{ _("Decided by %(score)s", score=verdict.score | plain) }}: <span class="mono">{{ verdict.value | number }}</span>, {{ _("bound") }} <span class="mono">{{ verdict.bound | number }}</span>.</p>
{% for finding in others %}
<p>{{ m.verdict(finding) }} <bdi>{{ finding.sentence | clean }}</bdi> <span class="quiet">{{ finding.score | plain }}: <span class="mono">{{ finding.value | number }}</span>, {{ _("bound") }} <span class="mono">{{ finding.bound | number }}</span></span></p>
{% endfor %}
</div>
</div>
"""


def _fill(view: ModelView) -> Mapping[str, Any]:
    report = view.artist.report
    return {"verdict": report.verdict, "others": [one for one in report.findings if one != report.verdict]}


SECTION = Section(page="model", fill=_fill, html=_HTML)
