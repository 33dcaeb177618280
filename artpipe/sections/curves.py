"""The losses and what validation measured, drawn step by step."""

from collections.abc import Mapping
from typing import Any

from artpipe.contracts.section import ModelView, Section

_HTML = """
<div class="read">
<h2>{{ _("Curves of the training") }}</h2>
<div class="charts">
{% for curve in curves %}
{% set last = curve.points[-1] %}
<figure>
<figcaption><span><bdi>{{ curve.name | plain }}</bdi></span><span class="quiet">{{ _("%(value)s at step %(step)s", value=last[1] | number, step=last[0] | number) }}</span></figcaption>
{{ curve.points | chart(_("%(name)s by step, from %(first)s to %(last)s", name=curve.name | plain, first=curve.points[0][1] | number, last=last[1] | number)) }}
</figure>
{% endfor %}
</div>
{% if view.artist.events %}
<details class="more"><summary>{{ ngettext("One event", "%(num)s events", view.artist.events | length) }}</summary>
<ul class="tallies">{% for step, event in view.artist.events %}<li><bdi>{{ event }}</bdi><span class="count">{{ _("step %(n)s", n=step | number) }}</span></li>{% endfor %}</ul></details>
{% endif %}
</div>
"""


def _fill(view: ModelView) -> Mapping[str, Any] | None:
    curves = [curve for curve in (*view.artist.validation, *view.artist.losses) if len(curve.points) > 1]
    return {"curves": curves} if curves else None


SECTION = Section(page="model", fill=_fill, html=_HTML)
