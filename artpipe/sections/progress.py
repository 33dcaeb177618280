"""What the model painted from the same noise as it learned; a slider with JavaScript, a strip without."""

from collections.abc import Mapping
from typing import Any

from artpipe.sections import ModelView, Section

_HTML = """
{% import "macros.html" as m with context %}
<div class="wall progress">
<div class="room-head">
<div><p class="kicker">{{ _("Progress") }}</p><h2>{{ _("The same noise, again and again") }}</h2></div>
<p class="text">{{ _("At every evaluation point the model painted from the same seeds. What changes from one sheet to the next is only what it had learned.") }}</p>
</div>
<div data-slider>
<ol class="strip" tabindex="0" aria-label="{{ _('Sheets by step') }}">
{% for frame in frames %}
<li data-frame="{{ _('Step %(n)s', n=frame.step | number) }}"><span class="frame">{{ m.picture(frame.media, _("Painted by %(model)s at step %(n)s", model=view.artist.title, n=frame.step | number)) }}</span><p>{{ _("Step %(n)s", n=frame.step | number) }}</p></li>
{% endfor %}
</ol>
<div class="controls" hidden>
<output aria-live="polite"></output>
<input type="range" min="0" max="{{ frames | length - 1 }}" value="{{ frames | length - 1 }}" step="1" aria-label="{{ _('Step of the training') }}">
<p class="hint">{{ _("Up and down move through the training.") }}</p>
</div>
</div>
</div>
"""


def _fill(view: ModelView) -> Mapping[str, Any] | None:
    return {"frames": view.artist.frames} if view.artist.frames else None


SECTION = Section(page="model", fill=_fill, html=_HTML)
