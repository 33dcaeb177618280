"""The key of a piece by its notes (Krumhansl 1990, chapter 4), what is in it, which chords are dissonant."""

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
    """A tonic, 0 is C, and whether it is major."""

    tonic: int
    major: bool

    @property
    def name(self) -> str:
        """Return its name, such as "E flat major"."""
        return f"{_NAMES[self.tonic]} {'major' if self.major else 'minor'}"

    def has(self, pitch: int) -> bool:
        """Return whether a pitch is in its scale; a minor key has both of its sixths and sevenths."""
        return (pitch - self.tonic) % 12 in _SCALES[self.major]


def key_of(steps: Sequence[Step]) -> Key:
    """Return the key whose profile goes best with how long each pitch class sounds; C major for silence."""
    sounding = [0.0] * 12
    for _, cells in steps:
        for cell in cells:
            if cell:
                sounding[cell % HELD % 12] += 1
    keys = [Key(tonic, major) for major in (True, False) for tonic in range(12)]
    return max(keys, key=lambda key: _correlation(sounding, key))


def _correlation(sounding: Sequence[float], key: Key) -> float:
    profile = _MAJOR if key.major else _MINOR
    turned = [profile[(pitch - key.tonic) % 12] for pitch in range(12)]
    middles = sum(sounding) / 12, sum(turned) / 12
    pairs = [(one - middles[0], other - middles[1]) for one, other in zip(sounding, turned, strict=True)]
    size: float = (sum(one**2 for one, _ in pairs) * sum(other**2 for _, other in pairs)) ** 0.5
    return sum(one * other for one, other in pairs) / size if size else 0.0


def share_in_key(steps: Sequence[Step]) -> float:
    """Return the share of what sounds, step by step, that is in the piece's own key; 1 for silence."""
    key = key_of(steps)
    pitches = [cell % HELD for _, cells in steps for cell in cells if cell]
    return sum(key.has(pitch) for pitch in pitches) / len(pitches) if pitches else 1.0


def share_dissonant(steps: Sequence[Step], grid: int) -> float:
    """Return the share of the chords on the beat that are no triad, seventh or part of one; 0 for silence."""
    chords = [frozenset(cell % HELD % 12 for cell in cells if cell) for _, cells in steps[::grid]]
    chords = [chord for chord in chords if chord]
    return sum(chord not in _CONSONANT for chord in chords) / len(chords) if chords else 0.0
