"""The pictures of a work that was made step by step.

A slider with JavaScript, a strip without.
"""

from collections.abc import Mapping
from typing import Any

from artpipe.contracts.section import Section, WorkView

_HTML = """
{% import "macros.html" as m with context %}
<div class="wall progress">
<div class="room-head">
<div><p class="kicker">{{ _("Step by step") }}</p><h2>{{ _("How it came to be") }}</h2></div>
<p class="text">{{ _("The same canvas, seen again and again while it was made.") }}</p>
</div>
<div data-slider>
<ol class="strip" tabindex="0" aria-label="{{ _('Pictures by step') }}">
{% for step, media in steps %}
<li data-frame="{{ _('Step %(n)s', n=step | number) }}"><span class="frame">{{ m.picture(media, _("%(title)s at step %(n)s", title=view.work.title, n=step | number)) }}</span><p>{{ _("Step %(n)s", n=step | number) }}</p></li>
{% endfor %}
</ol>
<div class="controls" hidden>
<output aria-live="polite"></output>
<input type="range" min="0" max="{{ steps | length - 1 }}" value="{{ steps | length - 1 }}" step="1" aria-label="{{ _('Step of the work') }}">
<p class="hint">{{ _("Up and down move through the steps.") }}</p>
</div>
</div>
</div>
"""


def _fill(view: WorkView) -> Mapping[str, Any] | None:
    return {"steps": view.work.intermediate_pictures} if view.work.intermediate_pictures else None


SECTION = Section(page="work", fill=_fill, html=_HTML)
