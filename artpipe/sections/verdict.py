"""What the evaluation concludes about a model, with the number that decided it."""

from collections.abc import Mapping
from typing import Any

from artpipe.contracts.section import ModelView, Section

_HTML = """
{% import "macros.html" as m with context %}
<div class="read columns">
<h2>{{ _("Verdict") }}</h2>
<div class="conclusion is-{{ verdict.verdict | slug }}">
<p class="big">{{ m.standing(view.artist) }}</p>
<p class="sentence">{{ m.isolated(verdict | sentence) }}</p>
<p class="quiet">{{ _("Decided by %(score)s: %(value)s, bound %(bound)s.", score=verdict.score | plain, value=m.mono(verdict.value | number), bound=m.mono(verdict.bound | number)) }}</p>
{% for finding in others %}
<p>{{ m.verdict(finding) }} {{ m.isolated(finding | sentence) }} <span class="quiet">{{ _("%(score)s: %(value)s, bound %(bound)s", score=finding.score | plain, value=m.mono(finding.value | number), bound=m.mono(finding.bound | number)) }}</span></p>
{% endfor %}
{% if view.artist.champion %}<p>{{ _("Of the models of its kind after this collection, it is the champion: the one that counts.") }}</p>
{% elif rival %}<p>{{ _("Of the models of its kind after this collection, %(model)s is the champion.", model=m.to_model(rival)) }}</p>
{% elif view.artist.rival %}<p>{{ _("Of the models of its kind after this collection, another training of %(model)s is the champion.", model=m.isolated(view.artist.rival)) }}</p>
{% endif %}
</div>
</div>
"""


def _fill(view: ModelView) -> Mapping[str, Any]:
    report, name = view.artist.report, view.artist.rival
    return {
        "verdict": report.verdict,
        "others": [finding for finding in report.findings if finding != report.verdict],
        "rival": next((finding for finding in view.room.artists if finding.name == name and finding.champion), None),
    }


SECTION = Section(page="model", fill=_fill, html=_HTML)
