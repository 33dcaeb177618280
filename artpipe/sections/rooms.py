"""The rooms: one painted wall per dataset.

Its text is made of facts; its models hang with their works.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import islice, zip_longest
from typing import Any

from artpipe.contracts.gallery_work import LARGE_EVERY, GalleryWork, put_best_first
from artpipe.contracts.section import Artist, FeaturedWork, IndexView, Room, Section

_MAXIMUM_REQUESTS, _MAXIMUM_WORKS = 26, 96  # what the first view may cost, all rooms together
_INLINE_BYTES, _FILE_BYTES = (
    60_000,
    170_000,
)  # bytes: in the page itself (a third more as base64, and texts), and beside it
_WORKS_PER_MODEL, _OTHER_WORKS_PER_MODEL = 18, 6  # works of a model at most, and where the first of them is no picture
_NEAR_MODELS = 3  # models whose pictures the first view may ask for; those further down are loaded when they come near
_MAXIMUM_MODELS = 56  # named at the entrance, within 1,500 elements; of more, each room tells how many there are

_HTML = """
{% import "macros.html" as m with context %}
<div id="rooms">
{% for room in open %}
<section class="wall wall-{{ (room.number - 1) % 5 + 1 }}" aria-labelledby="room-{{ room.name }}" data-key="room-{{ room.name }}">
<div class="room-head">
<div>
<p class="kicker">{{ m.room(room) }}</p>
<h2 id="room-{{ room.name }}" dir="auto"><a href="{{ root }}datasets/{{ room.name }}/index.html">{{ room.title | unbroken }}</a></h2>
</div>
<div class="text">
{% if room.about.description %}<p dir="auto">{{ room.about.description | clean(600) }}</p>{% endif %}
{% if room.collection %}
{% set works = _("%(n)s works", n=room.collection.kept | number) %}
{% if room.collection.kinds > 1 %}{% set works = _("%(works)s of %(n)s kinds", works=works, n=room.collection.kinds) %}{% endif %}
{% if room.about.creator != "unknown" %}{% set works = _("%(works)s by %(creator)s", works=works, creator=m.isolated(room.about.creator)) %}{% endif %}
<p>{{ ngettext("%(works)s; licence %(licence)s.", "%(works)s; licences %(licence)s.", room.licences | length, works=works, licence=m.licences(room.licences)) }}
{%- if room.collection.quarantined %}{{ _(" ") }}{{ ngettext("One more was set aside.", "%(num)s more were set aside.", room.collection.quarantined) }}{% endif %}</p>
{% else %}<p>{{ m.no_record(room) }}</p>{% endif %}
<p><a href="{{ root }}datasets/{{ room.name }}/index.html">{{ _("The collection and its licences") }}</a></p>
</div>
</div>
{% for artist in hanging[room.name] %}
{% if artist.name in learning %}<p class="kicker below">{{ _("Still learning") }}</p>{% elif artist.name in failed %}<p class="kicker below">{{ _("Failed, and why") }}</p>{% endif %}
<div class="hang" data-key="model-{{ artist.name }}">
<div class="label">
<h3>{{ m.to_model(artist) }}</h3>
<p>{{ m.kind(artist) }}{{ _(",") }}<br> {% if artist.learns %}{{ _("trained on %(collection)s", collection=m.to_room(room)) }}{% else %}{{ _("made from %(collection)s", collection=m.to_room(room)) }}{% endif %}</p>
<p>{{ m.standing(artist) }}</p>
<p><a href="{{ root }}models/{{ artist.name }}/index.html">{{ ngettext("The work and how it was made", "All %(num)s works and how they were made", counts[artist.name]) }}</a></p>
</div>
<ul class="{{ m.salon(shown[artist.name], block=true) }}">
{% for work in shown[artist.name] %}
{% set is_large = loop.index0 % large == 0 %}
<li{% if is_large %} class="large"{% endif %}>{{ m.hung(work, artist, inline=true, large=is_large) }}</li>
{% endfor %}
</ul>
</div>
{% endfor %}
{% set more = room.artists | length - hanging[room.name] | length %}
{% if more %}<p class="lead"><a href="{{ root }}datasets/{{ room.name }}/index.html">{{ ngettext("One more model hangs in this room", "%(num)s more models hang in this room", more) }}</a></p>{% endif %}
{% for gap in room.gaps %}<div class="hang" data-key="gap-{{ gap.model }}"><div></div>{{ m.under_way(gap, activities[gap.model]) if gap.model in activities else m.gap(gap) }}</div>{% endfor %}
{% if not room.artists and not room.gaps %}<p class="lead">{{ _("No model has learned from this collection yet.") }}</p>{% endif %}
</section>
{% endfor %}
{% if ahead %}
<section class="read ahead" aria-labelledby="rooms-ahead" data-key="ahead">
<h2 id="rooms-ahead">{{ _("Rooms still to open") }}</h2>
{% if activities %}
<ul class="coming">
{% for room in ahead %}
<li data-key="ahead-{{ room.name }}"><h3 dir="auto">{{ room.title | unbroken }}</h3>
<ul>
{% for gap in room.gaps if gap.model in activities %}
<li data-key="gap-{{ gap.model }}">{{ m.under_way(gap, activities[gap.model]) }}</li>
{% endfor %}
</ul>
</li>
{% endfor %}
</ul>
{% else %}
{% for rooms, sentence in ((ahead | rejectattr("withdrawn") | list, _("Nothing of these has been made yet.")), (ahead | selectattr("withdrawn") | list, _("What hung there was taken down with works that were withdrawn, and is made again without them."))) if rooms %}
<p class="lead">{% for room in rooms %}<bdi>{{ room.title }}</bdi>{{ _(", ") if not loop.last }}{% endfor %}</p>
<p class="aside">{{ sentence }}</p>
{% endfor %}
{% endif %}
</section>
{% endif %}
</div>
"""


def choose_works(artists: Sequence[Artist]) -> Mapping[str, Sequence[GalleryWork]]:
    """Return the works that each model shows at the entrance, one at least.

    Models take turns until the first view costs enough.
    """
    shown: dict[str, list[GalleryWork]] = {artist.name: [] for artist in artists}
    requests = inline = files = 0
    turns = zip_longest(*map(_select_works, artists))
    for turn, works in enumerate(turns):
        for place, (artist, work) in enumerate(zip(artists, works, strict=True)):
            if work is None:
                continue
            face = work.face and (work.face if turn % LARGE_EVERY == 0 else work.face.small or work.face)
            is_separate_file, is_near = face is not None and not face.inline, place < _NEAR_MODELS
            weight = face.size if face else len(work.text)
            files_full = is_near and (files + weight > _FILE_BYTES or requests >= _MAXIMUM_REQUESTS)
            is_too_much = files_full if is_separate_file else inline + weight > _INLINE_BYTES
            if turn == 0 or not (is_too_much or sum(map(len, shown.values())) >= _MAXIMUM_WORKS):
                shown[artist.name].append(work)
                requests, files = (
                    requests + (is_separate_file and is_near),
                    files + (is_separate_file and is_near) * weight,
                )
                inline += (not is_separate_file) * weight
    return shown


def _choose_models(rooms: Sequence[Room]) -> Mapping[str, Sequence[Artist]]:
    """Return the models that each room shows at the entrance.

    Rooms take turns until there are enough.
    """
    turns = zip_longest(*(room.artists for room in rooms))
    chosen = islice((artist for turn in turns for artist in turn if artist is not None), _MAXIMUM_MODELS)
    names = {artist.name for artist in chosen}
    return {room.name: [artist for artist in room.artists if artist.name in names] for room in rooms}


def _select_works(artist: Artist) -> Sequence[GalleryWork]:
    """Return the works of a model that may hang here.

    Its first film is among the large ones of the first row.
    """
    limit = _WORKS_PER_MODEL if artist.works and artist.works[0].kind == "image" else _OTHER_WORKS_PER_MODEL
    film = next((work for work in artist.works if work.kind == "video"), None)
    works = [work for work in artist.works[:limit] if work is not film]
    return [*works[:LARGE_EVERY], film, *works[LARGE_EVERY:]][:limit] if film else works


def _fill(view: IndexView) -> Mapping[str, Any] | None:
    ahead = [room for room in view.museum.rooms if room.is_not_started]
    open_rooms = [room for room in view.museum.rooms if not room.is_not_started]
    hanging = _choose_models([_without_featured(room, view.featured) for room in view.museum.rooms])
    works_by_model = choose_works([artist for artists in hanging.values() for artist in artists])
    shown = {name: works[:-1] if len(works) == LARGE_EVERY else works for name, works in works_by_model.items()}
    activities = view.museum.run.activities if view.museum.run else {}
    if activities:  # what opens next comes first
        left = {model: one.seconds_left for model, one in activities.items()}
        ahead.sort(key=lambda room: min((left.get(gap.model, math.inf) for gap in room.gaps), default=math.inf))
    groups = {
        name: {_find_first(artists, grade) for artists in hanging.values()}
        for name, grade in (("learning", "weak"), ("failed", "failed"))
    }
    counts = {artist.name: len(artist.works) for room in view.museum.rooms for artist in room.artists}
    facts = {
        **groups,
        "counts": counts,
        "hanging": hanging,
        "shown": shown,
        "large": LARGE_EVERY,
        "open": open_rooms,
        "ahead": ahead,
    }
    return {**facts, "activities": activities} if view.museum.rooms else None


def _without_featured(room: Room, featured: FeaturedWork | None) -> Room:
    """Return the room without the work that hangs above.

    It stays where it is all that its model has.
    """
    if featured is None or featured.room.name != room.name:
        return room

    def take_down(artist: Artist) -> Artist:
        others = put_best_first([work for work in artist.works if work is not featured.work])
        return replace(artist, works=others) if others and artist.name == featured.artist.name else artist

    return replace(room, artists=[take_down(artist) for artist in room.artists])


def _find_first(artists: Sequence[Artist], grade: str) -> str:
    """Return the first model of a grade, empty where there is none."""
    return next((artist.name for artist in artists if artist.report.verdict.grade == grade), "")


SECTION = Section(page="index", fill=_fill, html=_HTML)
