"""Models side by side through their training: one slider moves all of them.

Without JavaScript each model has its strip of sheets.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from artpipe.contracts.section import Artist, GalleryPage, Museum, Room, Section

_MODELS_PER_PAGE = 12
_MINIMUM_FRAMES = 2  # of a model that changes as the slider moves

_HTML = """
{% import "macros.html" as m with context %}
<div class="head">
<p class="kicker">{% if view.pages > 1 %}{{ _("Page %(n)s of %(all)s", n=view.number, all=view.pages) }}{% else %}{{ _("Side by side") }}{% endif %}</p>
<h1>{{ _("Compare") }}</h1>
<p class="lead">{{ _("Every model from its first step to its last, each from the same seeds or works again and again.") }} <span class="scripted">{{ _("One slider moves all of them.") }}</span></p>
</div>
<div class="wall" data-pace>
{% if view.models %}<div class="pacer"><div class="controls"><output aria-live="polite" data-said="{{ _('%%s percent of the training') }}"></output><input type="range" min="0" max="1" value="1" step="1" aria-label="{{ _('How much of the training is over') }}"></div></div>{% endif %}
<ul class="moving">
{% for room, artist in view.models %}
{% set top = loop.first %}
<li>
<h2 dir="auto"><a href="{{ root }}models/{{ artist.name }}/index.html">{{ artist.title | unbroken }}</a></h2>
<p>{{ m.kind(artist) }}{{ _(", ") }}{{ m.to_room(room) }}<br>{{ m.standing(artist) }}</p>
<ol tabindex="0" aria-label="{{ _('Sheets by step') }}">
{% for frame in artist.frames %}
<li data-step="{{ frame.step }}">{% if not frame.media %}{{ m.sheet(frame.text, 14) }}{% elif frame.media.width %}<span class="frame">{{ m.picture(frame.media, _("%(title)s at step %(n)s", title=artist.title, n=frame.step | number), eager=top and loop.last) }}</span>{% else %}{{ m.sound(frame.media, _("Step %(n)s", n=frame.step | number), "none") }}{% endif %}<p>{{ _("Step %(n)s", n=frame.step | number) }}</p></li>
{% endfor %}
</ol>
</li>
{% endfor %}
</ul>
{% if not view.models %}<p class="lead">{{ _("No model has sheets of its training.") }}</p>{% endif %}
<nav class="turn" aria-label="{{ _('Pages') }}">
{% if view.number > 1 %}<a class="previous" rel="prev" href="{{ root }}{{ address(view.number - 1) }}"><span aria-hidden="true">\u2039</span> {{ _("Previous page") }}</a>{% endif %}
{% if view.number < view.pages %}<a class="next" rel="next" href="{{ root }}{{ address(view.number + 1) }}">{{ _("Next page") }} <span aria-hidden="true">\u203a</span></a>{% endif %}
</nav>
</div>
"""


@dataclass(frozen=True)
class CompareView:
    """What the sections of a page of models side by side see."""

    museum: Museum
    models: Sequence[tuple[Room, Artist]]  # of this page
    number: int  # from 1
    pages: int
    title: str = "Compare"
    description: str = "Every model from its first step to its last, moved by one slider."


def list_pages(museum: Museum) -> Iterator[GalleryPage]:
    """Yield pages of twelve models each."""
    models = [(room, artist) for room, artist in museum.artists if len(artist.frames) >= _MINIMUM_FRAMES]
    starts = range(0, max(1, len(models)), _MODELS_PER_PAGE)
    for number, start in enumerate(starts, start=1):
        view = CompareView(museum, models[start : start + _MODELS_PER_PAGE], number, len(starts))
        yield GalleryPage(_address(number), view)


def _address(number: int) -> str:
    return "compare/index.html" if number == 1 else f"compare/page-{number}/index.html"


def _fill(view: CompareView) -> Mapping[str, Any]:
    del view
    return {"address": _address}


SECTION: Section[CompareView] = Section(
    page="compare", fill=_fill, html=_HTML, scripts=("compare.js",), list_pages=list_pages, link="Compare"
)
