"""Which works are the plates of the catalogue, in which order and layout."""

from collections.abc import Iterator, Sequence
from itertools import count, groupby, islice, zip_longest
from typing import Any, Literal, NamedTuple

from artpipe.contracts.gallery_work import GalleryWork
from artpipe.contracts.section import Artist, Museum, Room

WHOLE_SIDE = 480  # pixels of a side that a whole page bears
_LARGE_SIDE = 129  # and half a page
_MAXIMUM_PLATES, _PLATES_PER_ROOM, _PLATES_PER_MODEL = 240, 72, 12
_MAXIMUM_MODELS, _MODELS_PER_ROOM = 60, 24
_BROAD_RATIO = 1.8  # width by height of a score

Layout = Literal["text", "broad", "large", "small"]


class Plate(NamedTuple):
    """A work as it is shown, with its number in the catalogue."""

    number: int  # from 1
    artist: Artist
    work: GalleryWork
    is_whole: bool  # it takes the page's breadth


class PlateGroup(NamedTuple):
    """Plates of one role and layout of a model."""

    role: str
    text: Any  # the wall text of the role; None: there is none
    layout: Layout
    plates: Sequence[Plate]


class ModelPart(NamedTuple):
    """A model in its chapter."""

    artist: Artist
    groups: Sequence[PlateGroup]
    first: int  # numbers of its plates
    last: int


class Chapter(NamedTuple):
    """A room with the models that hang in it."""

    room: Room
    parts: Sequence[ModelPart]
    first: int
    last: int


def arrange_chapters(museum: Museum) -> list[Chapter]:
    """Return the rooms in which something hangs, their plates numbered through."""
    rooms = _choose_models(museum)
    models = sum(len(artists) for _, artists in rooms)
    numbers = count(1)
    chapters = []
    for room, artists in rooms:
        shares = (_PLATES_PER_MODEL, _MAXIMUM_PLATES // max(1, models), _PLATES_PER_ROOM // max(1, len(artists)))
        if parts := [_arrange_model(artist, max(1, min(shares)), numbers) for artist in artists]:
            chapters.append(Chapter(room, parts, parts[0].first, parts[-1].last))
    return chapters


def _choose_models(museum: Museum) -> list[tuple[Room, list[Artist]]]:
    """Return the models of each room that have a part.

    Rooms take turns until there are enough.
    """
    hanging = [[artist for artist in room.artists if artist.works][:_MODELS_PER_ROOM] for room in museum.rooms]
    turns = zip_longest(*hanging)
    chosen = islice((artist for turn in turns for artist in turn if artist is not None), _MAXIMUM_MODELS)
    names = {artist.name for artist in chosen}
    return [
        (room, [artist for artist in artists if artist.name in names])
        for room, artists in zip(museum.rooms, hanging, strict=True)
    ]


def _arrange_model(artist: Artist, most: int, numbers: Iterator[int]) -> ModelPart:
    """Return the plates of a model: of what it makes of itself, if there is some."""
    works = ([work for work in artist.works if artist.is_own(work)] or list(artist.works))[:most]
    texts, groups = artist.wall_texts, list[PlateGroup]()
    for (role, kind, layout), members in groupby(works, key=lambda work: (work.role, work.kind, _choose_layout(work))):
        text = texts.get(f"{role} {kind}") or texts.get(role)
        plates = [Plate(next(numbers), artist, work, _is_whole(work, layout)) for work in members]
        groups.append(PlateGroup(role, text, layout, plates))
    return ModelPart(artist, groups, groups[0].plates[0].number, groups[-1].plates[-1].number)


def _choose_layout(work: GalleryWork) -> Layout:
    face = work.face
    if face is None:
        return "text"
    if face.width > max(_BROAD_RATIO * face.height, WHOLE_SIDE):
        return "broad"
    return "large" if max(face.width, face.height) >= _LARGE_SIDE else "small"


def _is_whole(work: GalleryWork, layout: Layout) -> bool:
    face = work.face
    return layout == "large" and face is not None and min(face.width, face.height) >= WHOLE_SIDE
