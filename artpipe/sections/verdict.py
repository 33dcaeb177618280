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
<p class="sentence">{{ m.isolated(verdict.sentence) }}</p>
<p class="quiet">{{ _("Decided by %(score)s: %(value)s, bound %(bound)s.", score=verdict.score | plain, value=m.mono(verdict.value | number), bound=m.mono(verdict.bound | number)) }}</p>
{% for finding in others %}
<p>{{ m.verdict(finding) }} {{ m.isolated(finding.sentence) }} <span class="quiet">{{ _("%(score)s: %(value)s, bound %(bound)s", score=finding.score | plain, value=m.mono(finding.value | number), bound=m.mono(finding.bound | number)) }}</span></p>
{% endfor %}
</div>
</div>
"""


def _fill(view: ModelView) -> Mapping[str, Any]:
    report = view.artist.report
    return {"verdict": report.verdict, "others": [one for one in report.findings if one != report.verdict]}


SECTION = Section(page="model", fill=_fill, html=_HTML)
