"""Musical features of whole rows of tokens, computed once for all keys.

A training reads the same rows again and again, moved by some semitones. That moves keys, notes and pitch classes and
leaves all else as it is: intervals, places in the bar, repeats.
"""

from collections import OrderedDict
from typing import NamedTuple

import torch
from torch import Tensor

from artpipe.nn.sequence.music_state import FIRST_NOTE, KEY_ROWS, KEYS, MusicState

_MAX_ROWS = 2000  # remembered, about 50 kB each


class RowFeatures(NamedTuple):
    """Features of the tokens of a row, T of them; see `MusicFeatures`."""

    rows: Tensor  # (T, K)
    anchors: Tensor  # (T, 2)
    scales: Tensor  # (T, 24): how much each pitch class has sounded
    recalled_token: Tensor  # (T,)

    @classmethod
    def of_states(cls, states: list[MusicState]) -> "RowFeatures":
        """Return the features of the states after each token."""
        return cls(
            torch.tensor([state.feature_rows() for state in states], dtype=torch.int16),
            torch.tensor([(state.previous_note, state.last_note) for state in states], dtype=torch.int16),
            torch.tensor([state.scale for state in states]),
            torch.tensor([state.recalled_token for state in states], dtype=torch.int16),
        )

    def transpose(self, semitones: int) -> "RowFeatures":
        """Return the features of the same row, moved up."""
        rows, anchors, recalled = (values.long() for values in (self.rows, self.anchors, self.recalled_token))
        return RowFeatures(
            torch.where(rows < KEY_ROWS, rows + semitones, rows),
            torch.where(anchors >= 0, anchors + semitones, anchors),
            self.scales.view(-1, 2, 12).roll(semitones, 2).flatten(1),
            torch.where(recalled >= FIRST_NOTE, recalled + semitones, recalled),
        )


class RowFeatureCache:
    """Computes the features of rows, and remembers those of the last ones."""

    def __init__(self) -> None:
        self._by_row = OrderedDict[tuple[int, ...], RowFeatures]()

    def extract(self, tokens: list[int]) -> RowFeatures:
        """Return the features of a row that is a beginning."""
        lowest = min(((token - FIRST_NOTE) % KEYS for token in tokens if token >= FIRST_NOTE), default=0)
        row = tuple(token - lowest if token >= FIRST_NOTE else token for token in tokens)
        features = self._by_row.pop(row, None) or _compute(row)
        self._by_row[row] = features
        if len(self._by_row) > _MAX_ROWS:
            self._by_row.popitem(last=False)
        return features.transpose(lowest)


def _compute(row: tuple[int, ...]) -> RowFeatures:
    state, states = MusicState(), []
    for token in row:
        state = state.advance(token)
        states.append(state)
    return RowFeatures.of_states(states)
