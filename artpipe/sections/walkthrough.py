"""The walkthrough: the exhibition in three dimensions, and as a list.

The list is the page; walkthrough.js builds the rooms of it when a visitor opens them. Plan and pictures lie beside the page in
classic scripts, the pictures as data: URIs, because WebGL takes no file from a folder.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any

from artpipe.contracts.gallery_work import GalleryWork, Media, put_best_first
from artpipe.contracts.section import Artist, GalleryPage, Museum, Room, Section
from artpipe.numerics.hanging_plan import (
    DOOR_WIDTH,
    LARGE_BORDER,
    ROOM_WIDTH,
    WALL_THICKNESS,
    HungPlace,
    PlannedRoom,
    PlannedWork,
    plan_rooms,
)

_WORKS_PER_PAGE = 300  # of which one walkthrough leads past all; models are not parted
_LARGE_SIDE = 448  # pixels of a picture that hangs large, where it has a copy in that size
_TEXT_ASPECT, _CARD_ASPECT = 0.78, 1.4  # width by height of what is no picture

_HTML = """
{% import "macros.html" as m with context %}
<div class="head">
<p class="kicker">{% if view.pages > 1 %}{{ _("Page %(n)s of %(all)s", n=view.number, all=view.pages) }}{% else %}{{ _("The exhibition as a place") }}{% endif %}</p>
<h1>{{ _("Walkthrough") }}</h1>
<p class="lead">{{ _("The works hang in rooms, one after the other, each model on its wall.") }}{{ _(" ") }}<span class="scripted">{{ _("Walk about, or let yourself be led.") }}</span></p>
</div>
{% if collections %}
<div class="walkthrough" data-walkthrough="{{ root }}assets/" data-here="{{ root }}{{ folder }}" data-plan="plan.js" data-pictures="{{ root }}{{ folder }}pictures-0.js" data-loading="{{ _('The works are being hung') }}" data-failed="{{ _('This browser cannot draw the rooms. All that hangs there stands in the list below.') }}">
<div class="walkthrough-stage" data-stage>
<canvas tabindex="0" role="application" aria-label="{{ _('The rooms of the exhibition') }}" aria-describedby="walkthrough-help" hidden data-canvas></canvas>
<div class="walkthrough-door" data-door>
{% if first %}<span class="frame">{{ m.picture(first.face, first.title, true) }}</span>{% endif %}
<p><button class="button" type="button" data-open>{{ _("Enter the rooms") }}</button></p>
<p class="hint" role="status" data-status></p>
</div>
<ul class="walkthrough-stops" aria-label="{{ _('Works in the rooms') }}" hidden data-stops></ul>
<div class="walkthrough-text" hidden data-text><p class="walkthrough-title"><a data-title></a></p><p data-about></p></div>
</div>
<div class="walkthrough-tools" hidden data-tools>
<p class="walkthrough-tour"><button class="button" type="button" data-tour data-start="{{ _('Guided tour') }}" data-stop="{{ _('End the tour') }}">{{ _("Guided tour") }}</button>
<button class="button quiet-button" type="button" data-back>{{ _("Previous work") }}</button>
<button class="button quiet-button" type="button" data-next>{{ _("Next work") }}</button>
<button class="button quiet-button" type="button" aria-pressed="false" hidden data-speak>{{ _("Read aloud") }}</button>
<button class="button quiet-button" type="button" hidden data-headset>{{ _("With a headset") }}</button></p>
<label class="field"><span>{{ _("Go to") }}</span><select data-rooms></select></label>
<p class="hint" id="walkthrough-help">{{ _("Arrow keys or W, A, S and D walk, a drag looks about. A click leads to a work or a place on the floor, a second click opens the work's page. Tab goes from work to work, Enter opens its page, Escape leaves the works.") }}</p>
</div>
</div>
{% endif %}
<div class="read walkthrough-list" data-list>
<h2>{{ _("All that hangs here") }}</h2>
{% for room, artists in collections %}
<section data-collection="{{ room.number | roman }}">
<h3 dir="auto"><span class="numeral">{{ room.number | roman }}</span> <a href="{{ root }}datasets/{{ room.name }}/index.html">{{ room.title | unbroken }}</a></h3>
{% for artist, works in artists %}
<div data-model{% if artist.live %} data-live="{{ root }}models/{{ artist.name }}/index.html#live"{% endif %}>
<h4>{{ m.to_model(artist) }}</h4>
<p class="quiet">{{ m.kind(artist) }}{{ _(", ") }}{% if artist.learns %}{{ _("trained on %(collection)s", collection=m.to_room(room)) }}{% else %}{{ _("made from %(collection)s", collection=m.to_room(room)) }}{% endif %}</p>
<p>{{ m.standing(artist) }}</p>
{% if artist.live %}<p><a href="{{ root }}models/{{ artist.name }}/index.html#live" data-easel>{{ _("Paint with it") }}</a></p>{% endif %}
{% for alike in runs[artist.name] %}
<div data-alike>
{% if museum.labels %}<p class="quiet" data-label>{{ m.ai_label(artist, alike[0]) }}</p>{% endif %}
<ol>
{% for work in alike %}<li data-kind="{{ work.kind }}"><a href="{{ root }}works/{{ work.id }}/index.html"{{ m.spoken(work.title) }}>{{ work.title }}</a></li>
{% endfor %}
</ol>
</div>
{% endfor %}
</div>
{% endfor %}
</section>
{% endfor %}
{% if not collections %}<p class="lead">{{ _("Nothing hangs yet.") }}</p>{% endif %}
<nav class="turn" aria-label="{{ _('Pages') }}">
{% if view.number > 1 %}<a class="previous" rel="prev" href="{{ root }}{{ address(view.number - 1) }}"><span aria-hidden="true">\u2039</span> {{ _("Previous page") }}</a>{% endif %}
{% if view.number < view.pages %}<a class="next" rel="next" href="{{ root }}{{ address(view.number + 1) }}">{{ _("Next page") }} <span aria-hidden="true">\u203a</span></a>{% endif %}
</nav>
</div>
"""

Hanging = Sequence[tuple[Room, Sequence[tuple[Artist, Sequence[GalleryWork]]]]]  # works by collection and model


@dataclass(frozen=True)
class WalkthroughView:
    """What the sections of a page of the walkthrough see."""

    museum: Museum
    hanging: Hanging  # of this page
    number: int  # from 1
    pages: int
    title: str = "Walkthrough"
    description: str = "The exhibition as rooms to walk through, and all that hangs there as a list."


def list_pages(museum: Museum) -> Iterator[GalleryPage]:
    """Yield the pages, each with its plan and the pictures of its rooms."""
    parts = _split(museum)
    for number, hanging in enumerate(parts, start=1):
        files, pictures = _make_scripts(museum, hanging, _address(number).rpartition("/")[0])
        view = WalkthroughView(museum, hanging, number, len(parts))
        yield GalleryPage(_address(number), view, files=files, shared=pictures)


def _split(museum: Museum) -> list[Hanging]:
    """Return what hangs, in as many parts as there are pages."""
    parts: list[dict[str, tuple[Room, list[tuple[Artist, Sequence[GalleryWork]]]]]] = [{}]
    count = 0
    for room, artist in museum.artists:
        if count and count + len(artist.works) > _WORKS_PER_PAGE:
            parts.append({})
            count = 0
        count += len(artist.works)
        parts[-1].setdefault(room.name, (room, []))[1].append((artist, put_best_first(artist.works)))
    return [list(part.values()) for part in parts]


def _address(number: int) -> str:
    return "walkthrough/index.html" if number == 1 else f"walkthrough/page-{number}/index.html"


def _make_scripts(museum: Museum, hanging: Hanging, folder: str) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """Return the plan, and a script of pictures for each room."""
    rooms = plan_rooms([[[_measure(work) for work in works] for _, works in artists] for _, artists in hanging])
    works = [work for _, artists in hanging for _, own in artists for work in own]
    plan = {"width": ROOM_WIDTH, "door": DOOR_WIDTH, "wall": WALL_THICKNESS, "rooms": list(map(_describe_room, rooms))}
    plan["texts"] = {
        number: work.text.split("\n")[:14] for number, work in enumerate(works) if not work.face and work.text
    }
    scripts = dict[str, bytes]()
    for number, room in enumerate(rooms):
        pictures = {place.number: _describe_picture(museum, works[place.number], place) for place in room.works}
        shown = {key: picture for key, picture in pictures.items() if picture}
        scripts[f"{folder}/pictures-{number}.js"] = _call("hang", number, shown)
    return {f"{folder}/plan.js": _call("plan", plan)}, scripts


def _call(function: str, *values: object) -> bytes:
    """Return a script that hands values to walkthrough.js."""
    words = (json.dumps(value, ensure_ascii=False, separators=(",", ":")) for value in values)
    return f"artpipeWalkthrough.{function}({','.join(words)});\n".encode()


def _measure(work: GalleryWork) -> PlannedWork:
    if work.face and work.face.height:
        return PlannedWork(work.face.width / work.face.height, stacks=work.kind in {"image", "video"})
    return PlannedWork(_TEXT_ASPECT if work.text else _CARD_ASPECT, stacks=False)


def _describe_room(room: PlannedRoom) -> Mapping[str, Any]:
    fields = asdict(room)
    return fields | {"works": [list(place) for place in room.works], "panels": [list(place) for place in room.panels]}


def _describe_picture(museum: Museum, work: GalleryWork, place: HungPlace) -> list[Any] | None:
    """Return a picture as a data: URI, and whether its squares are kept."""
    if work.face is None:
        return None
    picture = _choose_size(work.face, large=place.border == LARGE_BORDER)
    is_pixel_art = work.face.exact and not work.face.is_soft
    return [museum.embed(picture), int(is_pixel_art)]


def _choose_size(face: Media, *, large: bool) -> Media:
    """Return the smallest copy that is large enough for a wall."""
    copies = [copy for copy in face.sizes if not large or max(copy.width, copy.height) >= _LARGE_SIDE]
    return copies[0] if copies else face


def _fill(view: WalkthroughView) -> Mapping[str, Any]:
    works = (work for _, artists in view.hanging for _, own in artists for work in own)
    first = next((work for work in works if work.face and work.kind == "image"), None)
    models = (pair for _, artists in view.hanging for pair in artists)
    return {
        "collections": view.hanging,
        "runs": {artist.name: _group_alike(artist, own) for artist, own in models},
        "first": first,
        "address": _address,
        "folder": _address(view.number).removesuffix("index.html"),
    }


def _group_alike(artist: Artist, works: Sequence[GalleryWork]) -> list[list[GalleryWork]]:
    """Return works in their order, in runs that one label says all of."""
    return [list(run) for _, run in groupby(works, key=artist.source_type)]


SECTION: Section[WalkthroughView] = Section(
    page="walkthrough", fill=_fill, html=_HTML, scripts=("walkthrough.js",), list_pages=list_pages, link="Walkthrough"
)
