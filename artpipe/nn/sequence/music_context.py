"""What music adds to a network of tokens: it hears chords and intervals, and knows what may come next in a step.

Voices move by small intervals from their own note, and stand in intervals to the note above, whatever the key. So the
ear gives the network both chords as seen from those two notes, and turns what it says of intervals into notes. And
pieces repeat their phrases: what followed the same steps earlier in the piece is leant on as much as the network says.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from artpipe.artifacts.shards import Spec
from artpipe.contracts.special_tokens import END, MARKS, PAD, START, UNKNOWN
from artpipe.modalities.music.tokens import BAR, HELD, HIGHEST, LOWEST, SILENCE, STEPS, VOCABULARY, to_cell, to_token
from artpipe.nn.layers.dropout import dropped

_KEYS = HIGHEST - LOWEST + 1
_REACH = 24  # semitones of an interval to each side that is told apart
_INTERVALS = 2 * _REACH + 1
_SLOTS = 6  # notes of a chord that are heard
_PLACES = 33  # steps since a bar began, and beyond
_LONGEST, _PASSAGE = 12, 4  # steps that are the same: told apart up to here; a passage from here on
_NOTE = VOCABULARY.index(str(LOWEST))  # token of the lowest key; its tokens that go on stand `_KEYS` further
_NONE = -1

# Where the tables of what is heard begin, one after the other.
_HERE, _BEFORE = 0, _KEYS  # keys of this step so far, of the step before
_FROM_OWN = 2 * _KEYS  # the step before, as intervals from the voice's own note in it
_FROM_LAST = _FROM_OWN + _INTERVALS  # this step, from the note just heard
_COUNT = _FROM_LAST + _INTERVALS  # notes of this step so far
_PLACE = _COUNT + _SLOTS + 1
_AGREED = _PLACE + _PLACES  # steps that agree with those of an earlier place, whose note may come again
_NOTHING = _AGREED + _LONGEST + 1
_HEARD = 4 * _SLOTS + 3  # things heard at once

_SCALE = 2 * 12  # pitch classes, in the whole piece and lately
_FADING = 0.92  # what counts of the step before as lately


class Recalled(NamedTuple):
    """What followed when the last steps sounded before in the piece: pieces repeat their phrases."""

    cells: tuple[int, ...] = ()  # of the step that followed
    agreed: int = 0  # steps that were the same

    @classmethod
    def of(cls, past: Sequence[tuple[int, ...]]) -> "Recalled":
        """Return what followed the place with the most steps in common with the end of `past`, at least two.

        Nothing where a passage would come a third time or has come to its own beginning: it would go round for ever.
        """
        places = [at for at in range(2, len(past)) if past[at - 1] == past[-1] and past[at - 2] == past[-2]]
        found = sorted((_agreed(past, at), at) for at in places)
        if not found:
            return cls()
        agreed, place = found[-1]
        rounds = agreed >= len(past) - place or (len(found) > 1 and found[-2][0] >= _PASSAGE)
        return cls() if agreed >= _PASSAGE and rounds else cls(past[place], agreed)

    def after(self, here: Sequence[int]) -> "Recalled":
        """Return what is still recalled when these cells of the step have sounded."""
        return self if self.cells[: len(here)] == tuple(here) else Recalled()


def _agreed(past: Sequence[tuple[int, ...]], place: int) -> int:
    """Return how many steps before a place are those at the end, up to the most that are told apart."""
    found = 2
    while found < min(place, _LONGEST) and past[place - found - 1] == past[len(past) - found - 1]:
        found += 1
    return found


class Moment(NamedTuple):
    """What the ear has in mind at a place of a piece: cells of the step before, cells of this one, steps since the bar.

    `past` is every step before, `recalled` what may follow from it. `scale` is how much each pitch class has sounded, in the
    whole piece and lately: in which key it is.
    """

    before: tuple[int, ...] = ()
    here: tuple[int, ...] = ()
    place: int = 0
    past: tuple[tuple[int, ...], ...] = ()
    recalled: Recalled = Recalled()
    scale: tuple[float, ...] = (0.0,) * _SCALE

    def after(self, token: int) -> "Moment":
        """Return what it has in mind after a token."""
        cell = to_cell(token)
        if cell is not None:
            here = (*self.here, cell)
            return self._replace(here=here, recalled=self.recalled.after(here))
        if token == START:
            return Moment()
        if len(MARKS) <= token < len(MARKS) + len(STEPS):
            place = 0 if (token - len(MARKS)) & BAR else self.place + 1
            past = (*self.past, self.here)
            return Moment(self.here, (), place, past, Recalled.of(past), self._sounded())
        return self

    def _sounded(self) -> tuple[float, ...]:
        """Return the scale with the notes of this step."""
        found = [*self.scale[:12], *(share * _FADING for share in self.scale[12:])]
        for cell in self.here:
            if cell:
                found[cell % HELD % 12] += 1
                found[12 + cell % HELD % 12] += 1
        return tuple(found)

    @property
    def own(self) -> int:
        """Return the note before of the voice that is next (in a chord: the one in its place), -1 where there is none."""
        cell = self.before[len(self.here)] if len(self.here) < len(self.before) else 0
        return cell % HELD - LOWEST if cell else _NONE

    @property
    def again(self) -> int:
        """Return the token of the note that may come again, `PAD` where none may."""
        cells = self.recalled.cells[len(self.here) :]
        return to_token(cells[0]) if cells else PAD

    @property
    def last(self) -> int:
        """Return the note just heard, -1 where there is none."""
        cells = [cell for cell in (*self.before[:1], *self.here) if cell]
        return cells[-1] % HELD - LOWEST if cells else _NONE

    def heard(self) -> list[int]:
        """Return the rows of the table that belong to this moment."""
        here, before = ([cell % HELD - LOWEST for cell in cells[:_SLOTS] if cell] for cells in (self.here, self.before))
        own, last = self.own, self.last
        rows = [_HERE + key for key in here] + [_BEFORE + key for key in before]
        rows += [_FROM_OWN + key - own + _REACH for key in before if own >= 0 and abs(key - own) <= _REACH]
        rows += [_FROM_LAST + key - last + _REACH for key in here if abs(key - last) <= _REACH]
        rows += [_COUNT + min(len(self.here), _SLOTS), _PLACE + min(self.place, _PLACES - 1)]
        rows += [_AGREED + self.recalled.agreed]
        return rows + [_NOTHING] * (_HEARD - len(rows))


class Heard(NamedTuple):
    """Moments as tensors: rows of the table ``(B, T, K)``, the notes that intervals are counted from ``(B, T, 2)``."""

    rows: Tensor
    anchors: Tensor
    scales: Tensor  # (B, T, 48): shares of the pitch classes above each of the two notes
    again: Tensor  # (B, T), tokens of the notes that may come again; PAD where none may
    begins: Tensor  # (B, T), true at the start and at marks: where a step begins
    moments: list[Moment]  # the last ones


class Ear(nn.Module):
    """Listens to the tokens of music: a recurrent network goes from step to step, and the notes of a step follow from it.

    Args:
        spec: its `height` are the voices.
        size: of a token's embedding, which the recurrent network reads and `notes` returns.
        width: of the recurrent network.
        dropout: of what it says of a step, and within.
    """

    def __init__(self, spec: Spec, size: int, width: int, dropout: float) -> None:
        super().__init__()
        self.voices, self.dropout = spec.height, dropout
        self.chords = nn.Parameter(torch.randn(_NOTHING + 1, size) * 0.3)
        self.within = nn.Parameter(torch.randn(_NOTHING + 1, size) * 0.3)
        self.key = nn.Linear(2 * _SCALE, size)
        self.key_within = nn.Linear(2 * _SCALE, size)
        self.joins = nn.Linear(width, size)
        self.further = nn.Linear(size, size)
        self.intervals = nn.Linear(size, 2 * _INTERVALS)
        self.going_on = nn.Linear(size, 1)
        self.coming_again = nn.Linear(size, 1)

    def listen(self, tokens: Tensor, moments: Sequence[Moment] | None = None) -> Heard:
        """Follow tokens ``(B, T)`` from the moments before them (none: a beginning)."""
        known = list(moments) if moments else [Moment()] * len(tokens)
        rows, anchors, scales, again = [], [], [], []
        for number, line in enumerate(tokens.tolist()):
            now, passed = known[number], []
            for token in line:
                now = now.after(token)
                passed.append(now)
            known[number] = now
            rows.append([moment.heard() for moment in passed])
            anchors.append([(moment.own, moment.last) for moment in passed])
            scales.append([moment.scale for moment in passed])
            again.append([moment.again for moment in passed])
        device = self.within.device
        begins = (tokens == START) | ((tokens >= len(MARKS)) & (tokens < len(MARKS) + len(STEPS)))
        notes = torch.tensor(anchors, device=device)
        scale = _turned(torch.tensor(scales, device=device), notes)
        coming = torch.tensor(again, device=device)
        return Heard(torch.tensor(rows, device=device), notes, scale, coming, begins.to(device), known)

    def follow(self, recurrent: nn.Module, read: Tensor, heard: Heard, before: Any) -> tuple[Tensor, Any]:
        """Let the network go from step to step; return what it says at each token ``(B, T, width)``, and its state.

        Args:
            recurrent: batch first.
            read: the tokens' embeddings ``(B, T, size)``; those of marks are used.
            heard: of the same tokens.
            before: what this returned for the tokens before, one token at a time; None at a beginning.
        """
        said, state = before or (None, None)
        number = heard.begins.long().cumsum(1)
        row, place = heard.begins.nonzero(as_tuple=True)
        chords = read[row, place] + _bag(heard.rows[row, place], self.chords) + self.key(heard.scales[row, place])
        steps = read.new_zeros(len(read), max(1, int(number.max())), read.shape[2]).to(chords.dtype)
        steps = steps.index_put((row, number[row, place] - 1), chords)
        found, after = recurrent(steps, state)
        start = found.new_zeros(len(read), 1, found.shape[2]) if said is None else said
        found = torch.cat([start, found], 1)
        found = found.gather(1, number[..., None].expand(-1, -1, found.shape[2]))
        return found, (found[:, -1:], _where(heard.begins[:, -1], after, state))

    def notes(self, said: Tensor, heard: Heard) -> Tensor:
        """Return the network's view of the next note ``(B, T, size)``, by what is said of the step and sounds in it."""
        known = _bag(heard.rows.flatten(0, 1), self.within).view(*said.shape[:2], -1)
        joined = self.joins(self._dropped(said)) + known + self.key_within(heard.scales)
        return self._dropped(joined + F.gelu(self.further(self._dropped(F.gelu(joined)))))

    def _dropped(self, values: Tensor) -> Tensor:
        return dropped(values, self.dropout, training=self.training)

    def lean(self, hidden: Tensor, heard: Heard) -> Tensor:
        """Return what is added to the logits ``(B, T, V)``: each interval's at the note where it leads, and what is recalled."""
        keys = torch.arange(_KEYS, device=hidden.device)
        said = self.intervals(hidden).unflatten(-1, (2, _INTERVALS))  # (B, T, 2, intervals)
        place = keys - heard.anchors[..., None] + _REACH
        known = (place >= 0) & (place < _INTERVALS) & (heard.anchors[..., None] >= 0)
        notes = torch.where(known, said.gather(-1, place.clamp(0, _INTERVALS - 1)), 0.0).sum(2)
        own = heard.anchors[..., :1]
        on = torch.where(keys == own, self.going_on(hidden), 0.0)
        found = torch.cat([notes.new_zeros(*notes.shape[:2], _NOTE), notes, on], dim=-1)
        again = torch.where(heard.again[..., None] == PAD, 0.0, self.coming_again(hidden)).to(found.dtype)
        return found.scatter_add(-1, heard.again[..., None], again)

    def forbidden(self, moments: Sequence[Moment]) -> Tensor:
        """Return ``(B, V)``, true for what cannot follow: another number of voices, a note that goes on from no other."""
        return torch.stack([self._forbidden(moment) for moment in moments])

    def _forbidden(self, moment: Moment) -> Tensor:
        wrong = torch.zeros(len(VOCABULARY), dtype=torch.bool)
        wrong[[PAD, START, UNKNOWN]] = True
        marks, notes = slice(len(MARKS), len(MARKS) + len(STEPS)), slice(_NOTE - 1, None)
        if self.voices:
            whole = len(moment.here) == self.voices
            wrong[notes if whole else marks] = True
            wrong[END] |= not whole
            wrong[_NOTE + _KEYS :] = True
            if not whole and moment.own >= 0:
                wrong[_NOTE + _KEYS + moment.own] = False
            return wrong
        wrong[VOCABULARY.index(SILENCE)] = True
        wrong[_NOTE + _KEYS :] = True
        if moment.here:  # chords go down
            wrong[_NOTE + moment.here[-1] % HELD - LOWEST : _NOTE + _KEYS] = True
        return wrong


def _turned(scales: Tensor, anchors: Tensor) -> Tensor:
    """Return ``(B, T, 48)``: the scales ``(B, T, 24)``, as shares, seen from each of the two notes; 0 where there is none."""
    shares = scales.view(*scales.shape[:2], 2, 12)
    shares = 12 * shares / shares.sum(-1, keepdim=True).clamp(min=1e-6)
    place = (anchors[..., None] + LOWEST + torch.arange(12, device=anchors.device)).clamp(min=0) % 12  # (B, T, 2, 12)
    seen = [shares[..., part, :].unsqueeze(2).expand(-1, -1, 2, -1).gather(3, place) for part in (0, 1)]
    found = torch.stack(seen, 3) * (anchors >= 0)[..., None, None]
    return found.flatten(2)


def _bag(rows: Tensor, table: Tensor) -> Tensor:
    """Return the sums ``(N, size)`` of the table's rows ``(N, K)``."""
    return F.embedding_bag(rows, table, mode="sum", padding_idx=_NOTHING)


def _where(begins: Tensor, after: Any, before: Any) -> Any:
    """Return the state after a step where one begins, else that before; states have their rows in the second place."""
    if before is None:
        return after
    if isinstance(after, Tensor):
        return torch.where(begins[None, :, None], after, before)
    return tuple(_where(begins, one, other) for one, other in zip(after, before, strict=True))


def transposed(tokens: Tensor, most: int) -> Tensor:
    """Return rows ``(B, L)`` in other keys, up to `most` semitones away by chance, no note beyond a piano's keys."""
    is_note = tokens >= _NOTE
    key = torch.where(is_note, (tokens - _NOTE) % _KEYS, 0)
    highest = torch.where(is_note, key, 0).amax(1)
    lowest = torch.where(is_note, key, _KEYS - 1).amin(1)
    by = torch.randint(-most, most + 1, (len(tokens),), device=tokens.device)
    by = torch.maximum(torch.minimum(by, _KEYS - 1 - highest), -lowest)
    return torch.where(is_note, tokens + by[:, None], tokens)
