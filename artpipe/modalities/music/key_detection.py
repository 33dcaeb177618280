"""Detect the key of a piece (Krumhansl 1990, chapter 4) and dissonant chords."""

from collections.abc import Sequence
from typing import NamedTuple

from artpipe.modalities.music.tokens import HELD, Step

# How well each semitone above the tonic fits its key, by Krumhansl & Kessler 1982.
_MAJOR = (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88)
_MINOR = (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17)
_NAMES = ("C", "C sharp", "D", "E flat", "E", "F", "F sharp", "G", "A flat", "A", "B flat", "B")
_SCALES = {True: frozenset({0, 2, 4, 5, 7, 9, 11}), False: frozenset({0, 2, 3, 5, 7, 8, 9, 10, 11})}
_CHORDS = (  # triads, sevenths and parts of them, in semitones above the root
    *((0,), (0, 3), (0, 4), (0, 7), (0, 4, 7), (0, 3, 7), (0, 3, 6)),
    *((0, 4, 7, 10), (0, 4, 10), (0, 3, 7, 10), (0, 3, 6, 10)),
)
_CONSONANT = frozenset(frozenset((root + tone) % 12 for tone in chord) for root in range(12) for chord in _CHORDS)


class Key(NamedTuple):
    """A tonic (0 is C), and whether the key is major."""

    tonic: int
    major: bool

    @property
    def name(self) -> str:
        """Return its name, such as "E flat major"."""
        return f"{_NAMES[self.tonic]} {'major' if self.major else 'minor'}"

    def contains(self, pitch: int) -> bool:
        """Return whether a pitch is in the scale.

        A minor key has both of its sixths and sevenths.
        """
        return (pitch - self.tonic) % 12 in _SCALES[self.major]


def detect_key(steps: Sequence[Step]) -> Key:
    """Return the key whose profile fits the durations of the pitch classes best.

    C major for silence.
    """
    durations = [0.0] * 12
    for _, cells in steps:
        for cell in cells:
            if cell:
                durations[cell % HELD % 12] += 1
    keys = [Key(tonic, major) for major in (True, False) for tonic in range(12)]
    return max(keys, key=lambda key: _correlation(durations, key))


def _correlation(durations: Sequence[float], key: Key) -> float:
    profile = _MAJOR if key.major else _MINOR
    rotated = [profile[(pitch - key.tonic) % 12] for pitch in range(12)]
    means = sum(durations) / 12, sum(rotated) / 12
    pairs = [(duration - means[0], fit - means[1]) for duration, fit in zip(durations, rotated, strict=True)]
    size: float = (sum(duration**2 for duration, _ in pairs) * sum(fit**2 for _, fit in pairs)) ** 0.5
    return sum(duration * fit for duration, fit in pairs) / size if size else 0.0


def share_in_key(steps: Sequence[Step]) -> float:
    """Return the share of sounding notes, step by step, in the piece's own key.

    1 for silence.
    """
    key = detect_key(steps)
    pitches = [cell % HELD for _, cells in steps for cell in cells if cell]
    return sum(key.contains(pitch) for pitch in pitches) / len(pitches) if pitches else 1.0


def ends_on_tonic(steps: Sequence[Step]) -> bool:
    """Return whether the lowest note of the last chord is the tonic of the key.

    It is not for silence.

    >>> ends_on_tonic([Step(0, [67, 64, 60])])
    True
    """
    pitches = [cell % HELD for cell in steps[-1].cells if cell] if steps else []
    return bool(pitches) and min(pitches) % 12 == detect_key(steps).tonic


def share_dissonant(steps: Sequence[Step], grid: int) -> float:
    """Return the share of chords on the beat that are dissonant, 0 for silence.

    They are no triad, seventh or part of one.
    """
    chords = [frozenset(cell % HELD % 12 for cell in cells if cell) for _, cells in steps[::grid]]
    chords = [chord for chord in chords if chord]
    return sum(chord not in _CONSONANT for chord in chords) / len(chords) if chords else 0.0
