"""Draw music as a piano roll: time from left to right, a colour for each voice.

On paper, with bar lines.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from artpipe.modalities.music.tokens import BAR, FERMATA, HELD, Step

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    Array = NDArray[np.float32]

_PAPER, _BAND, _BAR, _BEAT = (250, 247, 240), (243, 239, 229), (196, 186, 168), (231, 225, 212)
# From the highest voice to the lowest: terracotta, ochre, sage, slate blue.
_VOICE_COLOURS = ((191, 90, 67), (214, 160, 74), (106, 145, 120), (62, 88, 128))
_FERMATA_COLOUR = (120, 110, 95)
_WHITE_KEYS = frozenset({0, 2, 4, 5, 7, 9, 11})
_MIN_KEYS = 26  # at least as many keys from top to bottom
_MIN_STEPS = 32  # at least as many steps from left to right


class Tone(NamedTuple):
    """A note of a piece, in steps."""

    voice: int  # from the highest, 0
    start: int
    end: int
    pitch: int


def collect_tones(steps: Sequence[Step]) -> list[Tone]:
    """Return the notes of a piece in the order of their beginnings.

    A held cell without a note before it begins one.
    """
    notes: list[Tone] = []
    last: dict[int, int] = {}  # of a voice: where its last note stands
    for step, (_, cells) in enumerate(steps):
        for voice, cell in enumerate(cells):
            last_note = last.get(voice)
            if cell > HELD and last_note is not None and notes[last_note][2:] == (step, cell - HELD):
                notes[last_note] = notes[last_note]._replace(end=step + 1)
            elif cell:
                last[voice] = len(notes)
                notes.append(Tone(voice, step, step + 1, cell % HELD))
    return notes


def draw_piano_roll(steps: Sequence[Step], grid: int, width: int = 1200, height: int = 360) -> "Tensor":
    """Return a piano roll, uint8 ``(3, height, width)``, with bar lines and fermatas."""
    import torch

    return torch.from_numpy(paint_piano_roll(steps, grid, width, height))


def paint_piano_roll(steps: Sequence[Step], grid: int, width: int, height: int) -> "NDArray[np.uint8]":
    """Return what `draw_piano_roll` draws, without torch.

    Its threads, on patches of some hundred pixels, take ten times the core-seconds.
    """
    import numpy as np

    notes = collect_tones(steps)
    pitches = [note.pitch for note in notes] or [60]
    middle, reach = (max(pitches) + min(pitches)) / 2, max(_MIN_KEYS, max(pitches) - min(pitches) + 5)
    margin, count = round(height * 0.05), max(len(steps), _MIN_STEPS)
    across, key = (width - 2 * margin) / count, (height - 2 * margin) / reach
    top = middle + reach / 2
    picture = np.tile(np.array(_PAPER, np.float32)[:, None, None], (1, height, width))
    for pitch in range(int(top - reach) + 1, int(top) + 1):
        if pitch % 12 not in _WHITE_KEYS:
            y = margin + (top - pitch - 0.5) * key
            _paint_box(picture, (0, y, width, y + key), _BAND, 0)
    for at, (mark, _) in enumerate(steps):
        x, bar = margin + at * across, bool(mark & BAR)
        if bar or at % grid == 0:
            _paint_box(picture, (x - 0.75, 0, x + 0.75, height) if bar else (x - 0.5, 0, x + 0.5, height), _BAR if bar else _BEAT, 0)  # fmt: skip
    voices = max((note.voice for note in notes), default=0)
    for note in sorted(notes, reverse=True):
        y = margin + (top - note.pitch - 0.5) * key
        place = (margin + note.start * across + 0.5, y, margin + note.end * across - 1, y + key)
        colour = (
            _VOICE_COLOURS[-1] if note.voice == voices > 0 else _VOICE_COLOURS[min(note.voice, len(_VOICE_COLOURS) - 2)]
        )
        _paint_box(picture, place, colour, min(key, across) * 0.4)
    for at in (at for at, (mark, _) in enumerate(steps) if mark & FERMATA):
        _paint_fermata(picture, margin + (at + grid / 2) * across, margin * 0.9, max(3.0, key * 0.6))
    return picture.round().clip(0, 255).astype(np.uint8)


def _paint_box(
    picture: "Array", place: tuple[float, float, float, float], colour: tuple[int, ...], radius: float
) -> None:
    """Paint a box with round, smooth corners: left, top, right, bottom in pixels."""
    import numpy as np

    left, top, right, bottom = place
    patch, x, y = _patch(picture, left, top, right, bottom)
    half = (right - left) / 2, (bottom - top) / 2
    radius = min(radius, *half)
    dx = np.abs(x - (left + right) / 2) - half[0] + radius
    dy = np.abs(y - (top + bottom) / 2) - half[1] + radius
    outside = np.sqrt(np.square(np.maximum(dx, 0)) + np.square(np.maximum(dy, 0)))
    _blend(patch, outside + np.minimum(np.maximum(dx, dy), 0) - radius, colour)


def _paint_fermata(picture: "Array", x: float, y: float, radius: float) -> None:
    """Paint a fermata: an arc and the point below it."""
    import numpy as np

    patch, across, down = _patch(picture, x - radius - 1, y - radius - 1, x + radius + 1, y + 2)
    distance = np.sqrt(np.square(across - x) + np.square(down - y))
    arc = np.maximum(np.abs(distance - radius) - 0.75, down - y)
    _blend(patch, np.minimum(arc, distance - 1.2), _FERMATA_COLOUR)


def _patch(
    picture: "Array", left: float, top: float, right: float, bottom: float
) -> tuple["Array", "NDArray[Any]", "NDArray[Any]"]:
    """Return a view of a part of the picture, and its pixel centres.

    The view is one pixel wider on each side.
    """
    import numpy as np

    height, width = picture.shape[1:]
    x0, x1 = max(0, int(left) - 1), min(width, int(right) + 2)
    y0, y1 = max(0, int(top) - 1), min(height, int(bottom) + 2)
    half = np.float32(0.5)
    across, down = np.arange(x0, x1, dtype=np.float32) + half, np.arange(y0, y1, dtype=np.float32) + half
    return picture[:, y0:y1, x0:x1], across[None], down[:, None]


def _blend(patch: "Array", distance: "NDArray[Any]", colour: tuple[int, ...]) -> None:
    """Paint a shape, given each pixel's distance to its edge, negative inside."""
    import numpy as np

    cover = (0.5 - distance).clip(0, 1)
    patch += cover * (np.array(colour, np.float32)[:, None, None] - patch)
