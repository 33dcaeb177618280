"""Plan the walkthrough of the gallery: rooms in a row, and where each work hangs.

All in metres. A visitor enters the first room at z = 0 and looks along -z; y is up. Works hang clockwise, in the order of
their models: along the left wall, beside the door at the far end, and back along the right wall.
"""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

ROOM_WIDTH, DOOR_WIDTH, WALL_THICKNESS = 8.4, 2.2, 0.5
EYE_LEVEL = 1.55  # of the middle of what hangs alone
ROWS = (1.99, 1.11)  # middles of works above each other
PANEL_WIDTH, PANEL_HEIGHT = 0.72, 0.94
LARGE_BORDER, _SMALL_BORDER = 0.17, 0.1  # of frame and mat on each side
_LARGE_SIDE, _SINGLE_SIDE, _SMALL_SIDE = 1.0, 0.8, 0.46  # of a picture's longer side
_WIDE = 1.5  # width by height from which a picture of those above each other is as wide as one that hangs alone
_FEW = 5  # works that all hang alone
_CORNER, _GAP, _MODEL_GAP = 0.34, 0.24, 0.7
_MINIMUM_LENGTH, _MAXIMUM_WALL, _LENGTH_STEP = 6.0, 30.0, 0.25


class PlannedWork(NamedTuple):
    """What is known of a work before it has its place."""

    aspect: float  # width by height
    stacks: bool = True  # two of these may hang above each other


class HungPlace(NamedTuple):
    """Where a work or a panel hangs: its middle, and the size without its frame."""

    number: int  # of the work, or of the model whose panel it is
    x: float
    y: float
    z: float
    facing: int  # 0: it looks along +x, 1: along +z, 2: along -x
    width: float
    height: float
    border: float  # of its frame, on each side


@dataclass(frozen=True)
class PlannedRoom:
    """A room of the walkthrough."""

    collection: int  # which collection it is of
    start: float  # z of its entrance
    length: float
    works: Sequence[HungPlace]
    panels: Sequence[HungPlace]
    models: Sequence[int]
    is_last: bool = False  # it has no door at its far end


class _Item(NamedTuple):
    """Something in a block: its middle from the block's left end, and its height."""

    number: int
    along: float
    y: float
    width: float
    height: float
    border: float
    is_panel: bool = False


@dataclass(frozen=True)
class _Block:
    """What hangs together and is not parted by a corner."""

    model: int
    width: float
    items: Sequence[_Item] = field(default_factory=tuple)


class _Segment(NamedTuple):
    """A piece of wall as who looks at it sees it, from its left end."""

    x: float
    z: float
    facing: int
    length: float


def plan_rooms(collections: Sequence[Sequence[Sequence[PlannedWork]]]) -> list[PlannedRoom]:
    """Plan the rooms for works by collection and model.

    Works and models are counted through.
    """
    pieces: list[tuple[int, list[_Block]]] = []
    work = model = 0
    for number, models in enumerate(collections):
        blocks: list[_Block] = []
        for works in models:
            made = list(_make_blocks(works, work, model))
            if blocks and _measure(blocks) + _measure(made) > _MAXIMUM_WALL:
                pieces.append((number, blocks))
                blocks = []
            blocks += made
            *full, blocks = _split_blocks(blocks)
            pieces += [(number, part) for part in full]
            work, model = work + len(works), model + 1
        pieces += [(number, blocks)] if blocks else []
    rooms: list[PlannedRoom] = []
    start = 0.0
    for place, (number, blocks) in enumerate(pieces):
        rooms.append(_build_room(number, start, blocks, is_last=place == len(pieces) - 1))
        start -= rooms[-1].length + WALL_THICKNESS
    return rooms


def _measure(blocks: Iterable[_Block]) -> float:
    return sum(block.width + _MODEL_GAP for block in blocks)


def _split_blocks(blocks: Sequence[_Block]) -> list[list[_Block]]:
    """Return the blocks in lists that a room can hold."""
    parts: list[list[_Block]] = [[]]
    for block in blocks:
        if parts[-1] and _measure([*parts[-1], block]) > 2 * _MAXIMUM_WALL:
            parts.append([])
        parts[-1].append(block)
    return parts


def _make_blocks(works: Sequence[PlannedWork], first: int, model: int) -> Iterator[_Block]:
    """Yield a model's panel with its first work, then the others alone or in pairs."""
    panel = _Item(model, PANEL_WIDTH / 2, EYE_LEVEL, PANEL_WIDTH, PANEL_HEIGHT, 0, is_panel=True)
    if not works:
        yield _Block(model, PANEL_WIDTH, (panel,))
        return
    large = _hang_alone(works[0], first, _LARGE_SIDE, LARGE_BORDER, PANEL_WIDTH + _GAP + 0.1)
    yield _Block(model, large.along + large.width / 2 + large.border, (panel, large))
    column: list[tuple[int, PlannedWork]] = []
    for number, work in enumerate(works[1:], start=first + 1):
        if len(works) > _FEW and work.stacks:
            column.append((number, work))
        else:
            single = _hang_alone(work, number, _SINGLE_SIDE, _SMALL_BORDER, 0)
            yield _Block(model, single.width + 2 * single.border, (single,))
        if len(column) == len(ROWS):
            yield _stack(column, model)
            column = []
    if column:
        yield _stack(column, model)


def _fit(aspect: float, side: float) -> tuple[float, float]:
    return (side, side / aspect) if aspect >= 1 else (side * aspect, side)


def _hang_alone(work: PlannedWork, number: int, side: float, border: float, left: float) -> _Item:
    width, height = _fit(work.aspect, side * (_WIDE if work.aspect > _WIDE else 1))
    return _Item(number, left + border + width / 2, EYE_LEVEL, width, height, border)


def _stack(column: Sequence[tuple[int, PlannedWork]], model: int) -> _Block:
    """Hang works above each other; one that is left alone hangs at eye level."""
    sizes = [_fit(work.aspect, _SMALL_SIDE * (_WIDE if work.aspect > _WIDE else 1)) for _, work in column]
    widest = max(width for width, _ in sizes) + 2 * _SMALL_BORDER
    heights = ROWS if len(column) > 1 else (EYE_LEVEL,)
    items = [
        _Item(number, widest / 2, y, width, height, _SMALL_BORDER)
        for (number, _), (width, height), y in zip(column, sizes, heights, strict=True)
    ]
    return _Block(model, widest, tuple(items))


def _list_segments(start: float, length: float, *, is_last: bool) -> list[_Segment]:
    """Return the walls of a room on which works hang, clockwise from its entrance."""
    half, far = ROOM_WIDTH / 2, start - length
    beside = (ROOM_WIDTH - DOOR_WIDTH) / 2
    ends = (
        [_Segment(-half, far, 1, ROOM_WIDTH)]
        if is_last
        else [_Segment(-half, far, 1, beside), _Segment(DOOR_WIDTH / 2, far, 1, beside)]
    )
    return [_Segment(-half, start, 0, length), *ends, _Segment(half, far, 2, length)]


def _build_room(collection: int, start: float, blocks: Sequence[_Block], *, is_last: bool) -> PlannedRoom:
    """Return the shortest room whose walls hold the blocks."""
    length = _MINIMUM_LENGTH
    while (lines := _break_lines(blocks, _list_segments(start, length, is_last=is_last))) is None:
        length += _LENGTH_STEP
    works: list[HungPlace] = []
    panels: list[HungPlace] = []
    for segment, line in zip(_list_segments(start, length, is_last=is_last), lines, strict=True):
        for item, along in _spread(line, segment.length):
            (panels if item.is_panel else works).append(_place(segment, item, along))
    models = list(dict.fromkeys(block.model for block in blocks))
    return PlannedRoom(collection, start, length, works, panels, models, is_last)


def _gap(before: _Block, after: _Block) -> float:
    return _GAP if before.model == after.model else _MODEL_GAP


def _length_of(line: Sequence[_Block]) -> float:
    gaps = sum(_gap(before, after) for before, after in itertools.pairwise(line))
    return sum(block.width for block in line) + gaps


def _break_lines(blocks: Sequence[_Block], segments: Sequence[_Segment]) -> list[list[_Block]] | None:
    """Fill the segments one after the other; None where the blocks do not fit."""
    lines: list[list[_Block]] = [[] for _ in segments]
    place = 0
    for block in blocks:
        while _length_of([*lines[place], block]) > segments[place].length - 2 * _CORNER:
            place += 1
            if place == len(segments):
                return None
        lines[place].append(block)
    return lines


def _spread(line: Sequence[_Block], length: float) -> Iterator[tuple[_Item, float]]:
    """Yield the items of a line, put in the middle of its wall, with their places."""
    left = (length - _length_of(line)) / 2
    for number, block in enumerate(line):
        left += _gap(line[number - 1], block) if number else 0
        yield from ((item, left + item.along) for item in block.items)
        left += block.width


def _place(segment: _Segment, item: _Item, along: float) -> HungPlace:
    x, z = {
        0: (segment.x, segment.z - along),
        1: (segment.x + along, segment.z),
        2: (segment.x, segment.z + along),
    }[segment.facing]
    place = (round(x, 3), round(item.y, 3), round(z, 3))
    return HungPlace(item.number, *place, segment.facing, round(item.width, 3), round(item.height, 3), item.border)
