"""The live room: a visitor paints with the model, in the page itself."""

from collections.abc import Mapping
from typing import Any

from artpipe.contracts.section import ModelView, Section

_HTML = """
{% import "macros.html" as m with context %}
<div class="wall live" hidden data-live="{{ root }}{{ live.script.src }}" data-model="{{ view.artist.name }}"
 data-checkpoint="{{ view.artist.report.checkpoint | short }}" data-seeds="{{ seeds | join(' ') }}"
 data-width="{{ live.width }}" data-height="{{ live.height }}">
<div class="room-head">
<div><p class="kicker">{{ _("Live room") }}</p><h2>{{ _("Paint with it") }}</h2></div>
<p class="text">{{ _("The model itself runs in this page, on your own machine. Nothing is sent anywhere, and every picture can be painted again from its recipe.") }}</p>
</div>
<p class="live-door"><button class="button" type="button" data-open>{{ _("Open the room") }}</button>
<span class="hint" role="status" data-status data-loading="{{ _('The model is coming in') }}" data-failed="{{ _('This browser cannot run the model. The works on the walls are the same as ever.') }}">{{ live.script.size | size }}</span></p>
<div class="studio" hidden data-studio>
<figure class="easel">
<span class="frame"><canvas class="{{ easel }}" width="{{ live.width }}" height="{{ live.height }}" role="img" aria-label="{{ _('The picture on the easel') }}" data-canvas></canvas></span>
<figcaption><span role="status" data-caption data-seed="{{ _('Seed') }}" data-child="{{ _('Child of two pictures, seed') }}" data-moved="{{ _('moved by') }}" data-time="{{ _('painted in %(n)s ms', n='%s') }}" data-coming="{{ _('being painted') }}"></span></figcaption>
</figure>
<div class="tools">
<p class="pair-of-buttons"><button class="button" type="button" data-new>{{ _("New picture") }}</button> <button class="button" type="button" data-keep>{{ _("Put aside") }}</button></p>
<label class="field"><span>{{ _("Seed") }}</span><input type="number" min="0" max="4294967295" step="1" inputmode="numeric" data-seed></label>
{% if live.path and live.path.captions %}
<label class="field"><span>{{ _("In your words") }}</span><input maxlength="200" autocomplete="off" placeholder="{{ live.path.captions[0] | clean(60) }}" data-words></label>
<p class="hint" role="status" hidden data-refusal data-refused="{{ _('This model does not paint “%(words)s”.', words='%s') }}"></p>
{% endif %}
{% if live.classes %}
<label class="field"><span>{{ _("What it shows") }}</span><select data-class><option value="">{{ _("as the seed has it") }}</option>
{% for name in live.classes %}<option value="{{ loop.index0 }}">{{ name | clean(60) | name }}</option>{% endfor %}
</select></label>
{% endif %}
{% if live.path %}
<label class="field"><span>{{ _("How closely it follows") }}</span><input type="range" min="0" max="8" step="0.5" value="{{ live.path.guidance }}" data-guidance><output>{{ live.path.guidance }}</output></label>
<label class="field"><span>{{ _("In how many steps") }}</span><input type="range" min="1" max="32" step="1" value="{{ live.path.steps }}" data-steps><output>{{ live.path.steps }}</output></label>
{% else %}
<label class="field"><span>{{ _("What varies most") }}</span><input type="range" min="-4" max="4" step="0.1" value="0" data-move></label>
<label class="field"><span>{{ _("What varies next") }}</span><input type="range" min="-4" max="4" step="0.1" value="0" data-move></label>
{% endif %}
<p class="pair-of-buttons"><button class="button quiet-button" type="button" data-near>{{ _("Nearest works it learned from") }}</button> <button class="button quiet-button" type="button" data-save>{{ _("Save the picture") }}</button></p>
</div>
<div class="bench">
<h3 class="kicker">{{ _("Pictures put aside") }}</h3>
<ul class="shelf" data-shelf data-parent="{{ _('parent') }}" data-show="{{ _('Back onto the easel') }}"></ul>
<p class="pair-of-buttons"><button class="button" type="button" data-breed>{{ _("Breed the two parents") }}</button> <span class="hint">{{ _("A child takes each number of its noise from one parent or the other.") }}</span></p>
<ul class="shelf" data-children data-show="{{ _('Onto the easel') }}"></ul>
</div>
<div class="bench" hidden data-neighbours data-untitled="{{ _('Untitled') }}">
<h3 class="kicker">{{ _("Nearest works it learned from") }}</h3>
<p class="hint">{{ _("Of %(n)s works of its training that this gallery shows, by their pixels at %(side)s by %(side)s.", n=live.works | number, side=live.side) }}</p>
<ul class="row" data-nearest></ul>
</div>
</div>
</div>
"""


def _fill(view: ModelView) -> Mapping[str, Any] | None:
    live = view.artist.live
    if live is None:
        return None
    seeds = [work.seed for work in view.artist.works if work.seed is not None]
    easel = next((work.media.classes for work in view.artist.works if work.media and work.media.width), "pixel")
    return {"live": live, "seeds": list(dict.fromkeys(seeds))[:4], "easel": easel}


SECTION = Section(
    page="model",
    fill=_fill,
    html=_HTML,
    scripts=("interpreter.js", "captions.js", "painter.js", "live.js"),
    policy={"script-src": "'wasm-unsafe-eval'", "worker-src": "blob:"},
)
