"""The losses and what validation measured, drawn step by step."""

from collections.abc import Mapping
from typing import Any

from artpipe.contracts.section import ModelView, Section

_HTML = """
<div class="read">
<h2>{{ _("Curves of the training") if view.artist.learns else _("Curves by step") }}</h2>
{% for title, curves, where in ((_("On validation works, while it trained"), validation, _("validation works")), (_("On training works, while it trained") if view.artist.learns else _("What each step made smaller"), losses, _("training works"))) if curves %}
<h3>{{ title }}</h3>
<div class="charts">
{% for curve in curves %}
{% set last = curve.points[-1] %}
{% set name = (curve.name | plain) ~ _(", ") ~ where if curve.name in shared else curve.name | plain %}
<figure>
<figcaption><span><bdi>{{ name }}</bdi></span><span class="quiet">{{ _("%(value)s at step %(step)s", value=last[1] | number, step=last[0] | number) }}</span></figcaption>
{{ curve.points | chart(_("%(name)s by step, from %(first)s to %(last)s", name=name, first=curve.points[0][1] | number, last=last[1] | number)) }}
</figure>
{% endfor %}
</div>
{% endfor %}
{% if view.artist.events %}
<details class="more"><summary>{{ ngettext("One event", "%(num)s events", view.artist.events | length) }}</summary>
<ul class="tallies">{% for step, event in view.artist.events %}<li><bdi>{{ event }}</bdi><span class="count">{{ _("step %(n)s", n=step | number) }}</span></li>{% endfor %}</ul></details>
{% endif %}
</div>
"""


def _fill(view: ModelView) -> Mapping[str, Any] | None:
    validation, losses = (
        [curve for curve in curves if len(curve.points) > 1] for curves in (view.artist.validation, view.artist.losses)
    )
    shared = {curve.name for curve in validation} & {curve.name for curve in losses}  # each says where it was measured
    return {"validation": validation, "losses": losses, "shared": shared} if validation or losses else None


SECTION = Section(page="model", fill=_fill, html=_HTML)
