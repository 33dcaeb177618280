"""The state of a piece of music after a token, and the features of that state.

The rows of a state are those of one table of features: keys, intervals, place in the bar, repeats.
"""

from collections.abc import Sequence
from typing import NamedTuple

from artpipe.contracts.special_tokens import PAD, SPECIAL_TOKENS, START
from artpipe.modalities.music.tokens import BAR, HELD, HIGHEST, LOWEST, STEPS, VOCABULARY, to_cell, to_token

KEYS = HIGHEST - LOWEST + 1
MAX_INTERVAL = 24  # semitones to each side; larger intervals are no feature
INTERVALS = 2 * MAX_INTERVAL + 1
_MAX_CHORD_NOTES = 6  # notes of a chord that are features
_BAR_POSITIONS = 33  # steps since a bar began, and beyond
_MAX_AGREEMENT = 12  # equal steps are counted up to here
_PASSAGE_STEPS = 4  # as many equal steps are a passage
FIRST_NOTE = VOCABULARY.index(str(LOWEST))  # token of the lowest key; the same note held is `KEYS` further
_NO_NOTE = -1

# The first row of each table of features; the tables follow one another.
_CURRENT_KEYS, _PREVIOUS_KEYS = 0, KEYS  # keys of this step so far, of the step before
KEY_ROWS = 2 * KEYS  # the rows of keys, which move with the key of a piece
_FROM_PREVIOUS_NOTE = KEY_ROWS  # the step before, as intervals from the voice's own note in it
_FROM_LAST_NOTE = _FROM_PREVIOUS_NOTE + INTERVALS  # this step, as intervals from the last note
_NOTE_COUNT = _FROM_LAST_NOTE + INTERVALS  # notes of this step so far
_BAR_POSITION = _NOTE_COUNT + _MAX_CHORD_NOTES + 1
_AGREEMENT = (
    _BAR_POSITION + _BAR_POSITIONS
)  # steps that agree with those of an earlier place, whose note may come again
EMPTY_ROW = _AGREEMENT + _MAX_AGREEMENT + 1
_ROWS_PER_TOKEN = 4 * _MAX_CHORD_NOTES + 3  # features of a token

SCALE_SIZE = 2 * 12  # pitch classes, in the whole piece and recently
_DECAY = 0.92  # per step, of the recent half of the scale


class RecalledPhrase(NamedTuple):
    """What followed when the last steps occurred earlier in the piece.

    Pieces repeat their phrases.
    """

    cells: tuple[int, ...] = ()  # of the step that followed
    agreement: int = 0  # steps that were the same

    @classmethod
    def find(cls, past: Sequence[tuple[int, ...]]) -> "RecalledPhrase":
        """Find the earlier place with the most steps in common with the end of `past`.

        At least two steps must be equal.

        Nothing where a passage would come a third time or has come to its own beginning: it would go round for ever.
        """
        places = [at for at in range(2, len(past)) if past[at - 1] == past[-1] and past[at - 2] == past[-2]]
        candidates = sorted((_count_agreeing_steps(past, at), at) for at in places)
        if not candidates:
            return cls()
        agreement, place = candidates[-1]
        is_loop = agreement >= len(past) - place or (len(candidates) > 1 and candidates[-2][0] >= _PASSAGE_STEPS)
        return cls() if agreement >= _PASSAGE_STEPS and is_loop else cls(past[place], agreement)

    def advance(self, cells: Sequence[int]) -> "RecalledPhrase":
        """Return what is still recalled after these cells of the step."""
        return self if self.cells[: len(cells)] == tuple(cells) else RecalledPhrase()


def _count_agreeing_steps(past: Sequence[tuple[int, ...]], place: int) -> int:
    """Count the steps before a place that equal those at the end of `past`."""
    count = 2
    while count < min(place, _MAX_AGREEMENT) and past[place - count - 1] == past[len(past) - count - 1]:
        count += 1
    return count


class MusicState(NamedTuple):
    """The context of a place in a piece of music.

    `past` is every step before, `phrase` what followed the same steps earlier. `scale` is how
    much each pitch class has sounded, in the whole piece and recently: it tells the key.
    """

    previous_cells: tuple[int, ...] = ()  # of the step before
    cells: tuple[int, ...] = ()  # of this step so far
    steps_since_bar: int = 0
    past: tuple[tuple[int, ...], ...] = ()
    phrase: RecalledPhrase = RecalledPhrase()
    scale: tuple[float, ...] = (0.0,) * SCALE_SIZE

    def advance(self, token: int) -> "MusicState":
        """Return the state after a token."""
        cell = to_cell(token)
        if cell is not None:
            cells = (*self.cells, cell)
            return self._replace(cells=cells, phrase=self.phrase.advance(cells))
        if token == START:
            return MusicState()
        if len(SPECIAL_TOKENS) <= token < len(SPECIAL_TOKENS) + len(STEPS):
            steps_since_bar = 0 if (token - len(SPECIAL_TOKENS)) & BAR else self.steps_since_bar + 1
            past = (*self.past, self.cells)
            return MusicState(self.cells, (), steps_since_bar, past, RecalledPhrase.find(past), self._update_scale())
        return self

    def _update_scale(self) -> tuple[float, ...]:
        """Return the scale with the notes of this step."""
        scale = [*self.scale[:12], *(share * _DECAY for share in self.scale[12:])]
        for cell in self.cells:
            if cell:
                scale[cell % HELD % 12] += 1
                scale[12 + cell % HELD % 12] += 1
        return tuple(scale)

    @property
    def previous_note(self) -> int:
        """Return the previous note of the next voice, -1 where there is none.

        In a chord it is the note in the same position.
        """
        cell = self.previous_cells[len(self.cells)] if len(self.cells) < len(self.previous_cells) else 0
        return cell % HELD - LOWEST if cell else _NO_NOTE

    @property
    def recalled_token(self) -> int:
        """Return the token of the note that may come again, `PAD` where none may."""
        cells = self.phrase.cells[len(self.cells) :]
        return to_token(cells[0]) if cells else PAD

    @property
    def last_note(self) -> int:
        """Return the last note, -1 where there is none."""
        cells = [cell for cell in (*self.previous_cells[:1], *self.cells) if cell]
        return cells[-1] % HELD - LOWEST if cells else _NO_NOTE

    def feature_rows(self) -> list[int]:
        """Return the rows of the feature table that belong to this state."""
        current_keys, previous_keys = (
            [cell % HELD - LOWEST for cell in cells[:_MAX_CHORD_NOTES] if cell]
            for cells in (self.cells, self.previous_cells)
        )
        previous_note, last_note = self.previous_note, self.last_note
        rows = [_CURRENT_KEYS + key for key in current_keys] + [_PREVIOUS_KEYS + key for key in previous_keys]
        rows += [
            _FROM_PREVIOUS_NOTE + key - previous_note + MAX_INTERVAL
            for key in previous_keys
            if previous_note >= 0 and abs(key - previous_note) <= MAX_INTERVAL
        ]
        rows += [
            _FROM_LAST_NOTE + key - last_note + MAX_INTERVAL
            for key in current_keys
            if abs(key - last_note) <= MAX_INTERVAL
        ]
        rows += [
            _NOTE_COUNT + min(len(self.cells), _MAX_CHORD_NOTES),
            _BAR_POSITION + min(self.steps_since_bar, _BAR_POSITIONS - 1),
        ]
        rows += [_AGREEMENT + self.phrase.agreement]
        return rows + [EMPTY_ROW] * (_ROWS_PER_TOKEN - len(rows))
