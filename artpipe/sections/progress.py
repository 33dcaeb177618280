"""What the model made from the same noise at each evaluation point.

A slider with JavaScript, a strip without.
"""

from collections.abc import Mapping
from typing import Any

from artpipe.contracts.section import ModelView, Section

_HTML = """
{% import "macros.html" as m with context %}
<div class="wall progress">
<div class="room-head">
<div><p class="kicker">{{ _("Progress") }}</p><h2>{% if not view.artist.learns %}{{ _("How the pictures came about") }}{% elif given %}{{ _("The same pictures, again and again") }}{% elif written or sounds %}{{ _("The same seeds, again and again") }}{% else %}{{ _("The same noise, again and again") }}{% endif %}</h2></div>
<p class="text">{% if not view.artist.learns %}{{ _("The pictures after so many steps, from the first to the last.") }}{% elif given %}{{ _("At every evaluation point the model worked on the same given pictures. What changes from one sheet to the next is only what it had learned.") }}{% elif written %}{{ _("At every evaluation point the model wrote from the same seeds. What changes from one sheet to the next is only what it had learned.") }}{% elif sounds %}{{ _("At every evaluation point the model composed from the same seeds. What changes from one piece to the next is only what it had learned.") }}{% else %}{{ _("At every evaluation point the model painted from the same seeds. What changes from one sheet to the next is only what it had learned.") }}{% endif %}</p>
</div>
<div data-slider>
<ol class="strip" tabindex="0" aria-label="{{ _('Sheets by step') }}">
{% for frame in frames %}
<li data-frame="{{ _('Step %(n)s', n=frame.step | number) }}">{% if not frame.media %}{{ m.sheet(frame.text) }}{% elif frame.media.width %}<span class="frame">{{ m.picture(frame.media, (_("Composed by %(model)s at step %(n)s", model=view.artist.title, n=frame.step | number) if sounds else _("Painted by %(model)s at step %(n)s", model=view.artist.title, n=frame.step | number))) }}</span>{% else %}{{ m.sound(frame.media, _("Step %(n)s", n=frame.step | number), "none") }}{% endif %}<p>{{ _("Step %(n)s", n=frame.step | number) }}</p></li>
{% endfor %}
</ol>
<div class="controls" hidden>
<output aria-live="polite"></output>
<input type="range" min="0" max="{{ frames | length - 1 }}" value="{{ frames | length - 1 }}" step="1" aria-label="{{ _('Step of the training') if view.artist.learns else _('Step') }}">
<p class="hint">{{ _("Up and down move through the training.") if view.artist.learns else _("Up and down move through the steps.") }}</p>
</div>
</div>
</div>
"""


def _fill(view: ModelView) -> Mapping[str, Any] | None:
    frames = view.artist.frames
    kinds = {work.kind for work in view.artist.works[:1]}
    is_text = any(not frame.media for frame in frames)
    is_sound = "audio" in kinds or any(frame.media and not frame.media.width for frame in frames)
    text = view.artist.wall_texts.get(view.artist.works[0].role) if view.artist.works else None
    is_given = text is not None and text.given
    return {"frames": frames, "given": is_given, "written": is_text, "sounds": is_sound} if frames else None


SECTION = Section(page="model", fill=_fill, html=_HTML)
