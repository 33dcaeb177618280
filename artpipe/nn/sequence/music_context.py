"""Musical context for a network of tokens: chords, intervals, key and repeats.

Voices move by small intervals from their own previous note, and stand in intervals to the note above, in every key. So
the context gives the network both chords as intervals from those two notes, and turns its output for intervals into notes.
And pieces repeat their phrases: a note that followed the same steps earlier in the piece gets an offset that the network
decides. It also says which tokens cannot come next in a step.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from artpipe.artifacts.shards import Spec
from artpipe.contracts.special_tokens import END, PAD, SPECIAL_TOKENS, START, UNKNOWN
from artpipe.modalities.music.tokens import HELD, LOWEST, SILENCE, STEPS, VOCABULARY
from artpipe.nn.layers.dropout import apply_dropout
from artpipe.nn.sequence.music_state import (
    EMPTY_ROW,
    FIRST_NOTE,
    INTERVALS,
    KEYS,
    MAX_INTERVAL,
    SCALE_SIZE,
    MusicState,
)
from artpipe.nn.sequence.row_features import RowFeatureCache, RowFeatures


class MusicFeatures(NamedTuple):
    """Musical features of tokens, as tensors.

    Rows of the table ``(B, T, K)``, and the notes that intervals are counted from, ``(B, T, 2)``.
    """

    rows: Tensor
    anchors: Tensor
    scales: Tensor  # (B, T, 48): shares of the pitch classes above each of the two notes
    recalled_token: Tensor  # (B, T), tokens of the notes that may come again; PAD where none may
    step_starts: Tensor  # (B, T), true at the start and at marks: where a step begins
    states: list[MusicState]  # after the last tokens


class MusicContext(nn.Module):
    """Gives a network of tokens features of the musical context.

    A recurrent network goes from step to step, and the notes of a step follow from its output.

    Args:
        spec: its `height` are the voices.
        size: of a token's embedding, which the recurrent network reads and `note_features` returns.
        width: of the recurrent network.
        dropout: of the output for a step, and within a step.
    """

    def __init__(self, spec: Spec, size: int, width: int, dropout: float) -> None:
        super().__init__()
        self.voices, self.dropout = spec.height, dropout
        self._cache = RowFeatureCache()
        self.chords = nn.Parameter(torch.randn(EMPTY_ROW + 1, size) * 0.3)
        self.within = nn.Parameter(torch.randn(EMPTY_ROW + 1, size) * 0.3)
        self.key = nn.Linear(2 * SCALE_SIZE, size)
        self.key_within = nn.Linear(2 * SCALE_SIZE, size)
        self.joins = nn.Linear(width, size)
        self.further = nn.Linear(size, size)
        self.intervals = nn.Linear(size, 2 * INTERVALS)
        self.going_on = nn.Linear(size, 1)
        self.coming_again = nn.Linear(size, 1)

    def extract_features(self, tokens: Tensor, before: Sequence[MusicState] | None = None) -> MusicFeatures:
        """Return the features of tokens ``(B, T)``, after the states before them.

        Without states the tokens are a beginning.
        """
        states = list(before) if before else [MusicState()] * len(tokens)
        all_states = []
        for number, row_tokens in enumerate(tokens.tolist()):
            state = states[number]
            for token in row_tokens:
                state = state.advance(token)
                all_states.append(state)
            states[number] = state
        columns = RowFeatures.of_states(all_states)  # of all rows at once: each tensor costs more than its numbers
        return self._join(tokens, [column.view(*tokens.shape, *column.shape[1:]) for column in columns], states)

    def extract_row_features(self, tokens: Tensor) -> MusicFeatures:
        """Return the features of tokens ``(B, T)`` that are a beginning.

        They are those of `extract_features`, without the states; what was computed for a row before is moved into its key.
        """
        rows = [self._cache.extract(row_tokens) for row_tokens in tokens.tolist()]
        return self._join(tokens, [torch.stack(parts) for parts in zip(*rows, strict=True)], [])

    def _join(self, tokens: Tensor, columns: Sequence[Tensor], states: list[MusicState]) -> MusicFeatures:
        device = self.within.device
        step_starts = (tokens == START) | (
            (tokens >= len(SPECIAL_TOKENS)) & (tokens < len(SPECIAL_TOKENS) + len(STEPS))
        )
        rows, anchors, scales, recalled = (column.to(device) for column in columns)
        shares = _relative_scales(scales, anchors.long())
        return MusicFeatures(rows.long(), anchors.long(), shares, recalled.long(), step_starts.to(device), states)

    def run_recurrent(
        self, recurrent: nn.Module, embeddings: Tensor, features: MusicFeatures, carry: Any
    ) -> tuple[Tensor, Any]:
        """Run the recurrent network from step to step.

        Return its output at each token ``(B, T, width)``, and its state.

        Args:
            recurrent: batch first.
            embeddings: of the tokens, ``(B, T, size)``; those of marks are used.
            features: of the same tokens.
            carry: the state that this returned for the tokens before, one token at a time; None at a beginning.
        """
        last_output, state = carry or (None, None)
        number = features.step_starts.long().cumsum(1)
        row, place = features.step_starts.nonzero(as_tuple=True)
        keys = self.key(features.scales[row, place])
        chords = embeddings[row, place] + _sum_rows(features.rows[row, place], self.chords) + keys
        steps = embeddings.new_zeros(len(embeddings), max(1, int(number.max())), embeddings.shape[2]).to(chords.dtype)
        steps = steps.index_put((row, number[row, place] - 1), chords)
        outputs, next_state = recurrent(steps, state)
        start = outputs.new_zeros(len(embeddings), 1, outputs.shape[2]) if last_output is None else last_output
        outputs = torch.cat([start, outputs], 1)
        outputs = outputs.gather(1, number[..., None].expand(-1, -1, outputs.shape[2]))
        return outputs, (outputs[:, -1:], _select_state(features.step_starts[:, -1], next_state, state))

    def note_features(self, outputs: Tensor, features: MusicFeatures) -> Tensor:
        """Return the hidden features ``(B, T, size)`` that predict the next note.

        They follow from the output for the step and from the notes in it so far.
        """
        current_step = _sum_rows(features.rows.flatten(0, 1), self.within).view(*outputs.shape[:2], -1)
        joined = self.joins(self._apply_dropout(outputs)) + current_step + self.key_within(features.scales)
        return self._apply_dropout(joined + F.gelu(self.further(self._apply_dropout(F.gelu(joined)))))

    def _apply_dropout(self, values: Tensor) -> Tensor:
        return apply_dropout(values, self.dropout, training=self.training)

    def logit_offsets(self, hidden: Tensor, features: MusicFeatures) -> Tensor:
        """Return offsets of the logits ``(B, T, V)`` for intervals and recalled notes."""
        keys = torch.arange(KEYS, device=hidden.device)
        interval_logits = self.intervals(hidden).unflatten(-1, (2, INTERVALS))  # (B, T, 2, intervals)
        place = keys - features.anchors[..., None] + MAX_INTERVAL
        in_range = (place >= 0) & (place < INTERVALS) & (features.anchors[..., None] >= 0)
        notes = torch.where(in_range, interval_logits.gather(-1, place.clamp(0, INTERVALS - 1)), 0.0).sum(2)
        previous_note = features.anchors[..., :1]
        held_offsets = torch.where(keys == previous_note, self.going_on(hidden), 0.0)
        offsets = torch.cat([notes.new_zeros(*notes.shape[:2], FIRST_NOTE), notes, held_offsets], dim=-1)
        recalled = features.recalled_token[..., None]
        recalled_offsets = torch.where(recalled == PAD, 0.0, self.coming_again(hidden)).to(offsets.dtype)
        return offsets.scatter_add(-1, recalled, recalled_offsets)

    def forbidden_tokens(self, states: Sequence[MusicState]) -> Tensor:
        """Return ``(B, V)``, true for tokens that cannot follow.

        That is another number of voices, or a note that continues none.
        """
        return torch.stack([self._forbidden_after(state) for state in states])

    def _forbidden_after(self, state: MusicState) -> Tensor:
        if self.voices:
            return _forbidden_among_voices(len(state.cells) == self.voices, state.previous_note)
        return _forbidden_in_chord(state.cells[-1] % HELD if state.cells else None)


@cache
def _forbidden_among_voices(is_complete: bool, previous_note: int) -> Tensor:
    forbidden = _always_forbidden()
    marks, notes = slice(len(SPECIAL_TOKENS), len(SPECIAL_TOKENS) + len(STEPS)), slice(FIRST_NOTE - 1, None)
    forbidden[notes if is_complete else marks] = True
    forbidden[END] |= not is_complete
    forbidden[FIRST_NOTE + KEYS :] = True
    if not is_complete and previous_note >= 0:
        forbidden[FIRST_NOTE + KEYS + previous_note] = False
    return forbidden


@cache
def _forbidden_in_chord(lowest: int | None) -> Tensor:
    """Return what cannot follow in a chord with this lowest note.

    Chords go down.
    """
    forbidden = _always_forbidden()
    forbidden[VOCABULARY.index(SILENCE)] = True
    forbidden[FIRST_NOTE + KEYS :] = True
    if lowest is not None:
        forbidden[FIRST_NOTE + lowest - LOWEST : FIRST_NOTE + KEYS] = True
    return forbidden


def _always_forbidden() -> Tensor:
    forbidden = torch.zeros(len(VOCABULARY), dtype=torch.bool)
    forbidden[[PAD, START, UNKNOWN]] = True
    return forbidden


def _relative_scales(scales: Tensor, anchors: Tensor) -> Tensor:
    """Return the scales, as shares, relative to each of the two notes.

    ``(B, T, 48)`` of scales ``(B, T, 24)``; 0 where there is no such note.
    """
    shares = scales.view(*scales.shape[:2], 2, 12)
    shares = 12 * shares / shares.sum(-1, keepdim=True).clamp(min=1e-6)
    place = (anchors[..., None] + LOWEST + torch.arange(12, device=anchors.device)).clamp(min=0) % 12  # (B, T, 2, 12)
    rolled = [shares[..., part, :].unsqueeze(2).expand(-1, -1, 2, -1).gather(3, place) for part in (0, 1)]
    relative_shares = torch.stack(rolled, 3) * (anchors >= 0)[..., None, None]
    return relative_shares.flatten(2)


def _sum_rows(rows: Tensor, table: Tensor) -> Tensor:
    """Return the sums ``(N, size)`` of the table's rows ``(N, K)``."""
    return F.embedding_bag(rows, table, mode="sum", padding_idx=EMPTY_ROW)


def _select_state(step_starts: Tensor, after: Any, before: Any) -> Any:
    """Return the state after a step where one begins, else that before.

    States have their rows in the second dimension.
    """
    if before is None:
        return after
    if isinstance(after, Tensor):
        return torch.where(step_starts[None, :, None], after, before)
    return tuple(_select_state(step_starts, new, old) for new, old in zip(after, before, strict=True))


def transpose(tokens: Tensor, max_semitones: int) -> Tensor:
    """Return rows ``(B, L)`` moved by up to `max_semitones` at random.

    No note leaves the keys of a piano.
    """
    is_note = tokens >= FIRST_NOTE
    key = torch.where(is_note, (tokens - FIRST_NOTE) % KEYS, 0)
    highest = torch.where(is_note, key, 0).amax(1)
    lowest = torch.where(is_note, key, KEYS - 1).amin(1)
    semitones = torch.randint(-max_semitones, max_semitones + 1, (len(tokens),), device=tokens.device)
    semitones = torch.maximum(torch.minimum(semitones, KEYS - 1 - highest), -lowest)
    return torch.where(is_note, tokens + semitones[:, None], tokens)
