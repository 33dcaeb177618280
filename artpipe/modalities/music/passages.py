"""Passages of a piece: some beats in a row, in any key."""

from collections.abc import Iterator, Sequence

from artpipe.modalities.music.tokens import HELD, Step

PASSAGE_BEATS = 4  # beats in a row


def list_passages(piece: Sequence[Step], grid: int) -> Iterator[tuple[int, ...]]:
    """Yield each passage of some beats, relative to its first note.

    It is the same in every key.
    """
    sounding = [tuple(cell % HELD for cell in cells) for _, cells in piece]
    for start in range(len(sounding) - PASSAGE_BEATS * grid + 1):
        part = sounding[start : start + PASSAGE_BEATS * grid]
        first = next((pitch for chord in part for pitch in chord if pitch), None)
        if first is not None:
            yield tuple(pitch - first if pitch else -HELD for chord in part for pitch in (*chord, 0))
