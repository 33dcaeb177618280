"""Counted sequences: the n-gram model that a network has to beat, and pieces of n tokens that are found again."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

_BASE = 1_000_003  # keys are polynomials modulo 2^64


def keys(tokens: Tensor, n: int) -> Tensor:
    """Return a key ``(L - n + 1,)`` of each `n` tokens in a row of ``(L,)``; equal pieces have equal keys."""
    count = len(tokens) - n + 1
    if count <= 0:
        return tokens.new_empty(0, dtype=torch.int64)
    found = torch.zeros(count, dtype=torch.int64)
    for offset in range(n):
        found = found * _BASE + tokens[offset : offset + count].long() + 1
    return found


class Table(NamedTuple):
    """Numbers by key, in the order of the keys."""

    keys: Tensor
    numbers: Tensor

    def of(self, wanted: Tensor) -> Tensor:
        """Return the number of each key, 0 of those that are not there."""
        if not len(self.keys):
            return torch.zeros(len(wanted))
        places = torch.searchsorted(self.keys, wanted).clamp(max=len(self.keys) - 1)
        return torch.where(self.keys[places] == wanted, self.numbers[places], 0.0)


class CountModel:
    """Interpolated Kneser-Ney smoothing (Chen & Goodman 1999, one discount per order by Ney et al. 1994).

    The highest order counts pieces, each lower one in how many different contexts they were met. Below all stands the
    even guess among `kinds` tokens.
    """

    def __init__(self, works: Sequence[Tensor], order: int, kinds: int) -> None:
        self.order, self.kinds = order, kinds
        text, places = self._joined(works)
        self.levels: list[tuple[Table, Table, Table, float]] = []
        for n in range(order, 0, -1):
            events, contexts, first = _events(text, places, n)
            seen = Table(*events)
            once, twice = (float((seen.numbers == times).sum()) for times in (1, 2))
            discount = once / (once + 2 * twice) if once and twice else 0.5
            self.levels.append((seen, *contexts, discount))
            places = first
        self.levels.reverse()

    def nats(self, work: Tensor) -> Tensor:
        """Return what each token ``(L,)`` of a work costs, in nats."""
        text, places = self._joined([work])
        chances = torch.full((len(places),), 1 / self.kinds, dtype=torch.float64)
        for n, (seen, total, kinds, discount) in enumerate(self.levels, start=1):
            event, context = _keys_at(text, places, n)
            times, of = seen.of(event).double(), total.of(context).double()
            known = ((times - discount).clamp(min=0) + discount * kinds.of(context).double() * chances) / of
            chances = torch.where(of > 0, known, chances)
        return -chances.log()

    def _joined(self, works: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Return works behind each other, each after `order` - 1 tokens -1, and the places of their tokens."""
        gap = torch.full((self.order - 1,), -1, dtype=torch.int64)
        text = torch.cat([part for work in works for part in (gap, work.long())]) if works else gap
        return text, (text >= 0).nonzero()[:, 0]


def _keys_at(text: Tensor, places: Tensor, n: int) -> tuple[Tensor, Tensor]:
    """Return the keys of the `n` tokens that end at each place, and of the n - 1 before it."""
    event = keys(text, n)[places - n + 1]
    context = keys(text, n - 1)[places - n + 1] if n > 1 else torch.zeros_like(places)
    return event, context


def _events(text: Tensor, places: Tensor, n: int) -> tuple[tuple[Tensor, Tensor], tuple[Table, Table], Tensor]:
    """Count pieces of `n` tokens: how often, of their contexts how often and how many kinds, and a place of each piece."""
    event, context = _keys_at(text, places, n)
    unique, inverse, times = torch.unique(event, return_inverse=True, return_counts=True)
    first = torch.empty(len(unique), dtype=torch.int64)
    first[inverse.flip(0)] = torch.arange(len(event) - 1, -1, -1)
    parents, own, kinds = torch.unique(context[first], return_inverse=True, return_counts=True)
    totals = torch.zeros(len(parents), dtype=torch.float64).index_add_(0, own, times.double())
    return (unique, times.float()), (Table(parents, totals.float()), Table(parents, kinds.float())), places[first]
