"""N-grams: their keys, and a smoothed n-gram model as a baseline for networks."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

_BASE = 1_000_003  # keys are polynomials modulo 2^64


def ngram_keys(tokens: Tensor, n: int) -> Tensor:
    """Return a key ``(L - n + 1,)`` of each n-gram of a row ``(L,)``.

    Equal n-grams have equal keys.
    """
    count = len(tokens) - n + 1
    if count <= 0:
        return tokens.new_empty(0, dtype=torch.int64)
    polynomials = torch.zeros(count, dtype=torch.int64)
    for offset in range(n):
        polynomials = polynomials * _BASE + tokens[offset : offset + count].long() + 1
    return polynomials


class KeyedCounts(NamedTuple):
    """Counts by key, sorted by key."""

    keys: Tensor
    numbers: Tensor

    def look_up(self, ngram_keys: Tensor) -> Tensor:
        """Return the count of each key, 0 where there is none."""
        if not len(self.keys):
            return torch.zeros(len(ngram_keys))
        places = torch.searchsorted(self.keys, ngram_keys).clamp(max=len(self.keys) - 1)
        return torch.where(self.keys[places] == ngram_keys, self.numbers[places], 0.0)


class KneserNeyModel:
    """An n-gram model with interpolated Kneser-Ney smoothing (Chen & Goodman 1999).

    One discount per order, by Ney et al. 1994.

    The highest order counts n-grams, each lower one in how many different contexts they occurred. Below all is the
    uniform distribution over `kinds` tokens.
    """

    def __init__(self, works: Sequence[Tensor], order: int, kinds: int) -> None:
        self.order, self.kinds = order, kinds
        text, places = self._join_works(works)
        self.levels: list[tuple[KeyedCounts, KeyedCounts, KeyedCounts, float]] = []
        for n in range(order, 0, -1):
            events, contexts, first = _count_ngrams(text, places, n)
            counts = KeyedCounts(*events)
            once, twice = (float((counts.numbers == times).sum()) for times in (1, 2))
            discount = once / (once + 2 * twice) if once and twice else 0.5
            self.levels.append((counts, *contexts, discount))
            places = first
        self.levels.reverse()

    def nats(self, work: Tensor) -> Tensor:
        """Return the negative log-likelihood of each token ``(L,)`` of a work, in nats."""
        text, places = self._join_works([work])
        chances = torch.full((len(places),), 1 / self.kinds, dtype=torch.float64)
        for n, (counts, total, kinds, discount) in enumerate(self.levels, start=1):
            event, context = _ngram_and_context_keys(text, places, n)
            count, context_count = counts.look_up(event).double(), total.look_up(context).double()
            smoothed = (
                (count - discount).clamp(min=0) + discount * kinds.look_up(context).double() * chances
            ) / context_count
            chances = torch.where(context_count > 0, smoothed, chances)
        return -chances.log()

    def _join_works(self, works: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Join works, each after `order` - 1 tokens -1; return the places of their tokens."""
        gap = torch.full((self.order - 1,), -1, dtype=torch.int64)
        text = torch.cat([part for work in works for part in (gap, work.long())]) if works else gap
        return text, (text >= 0).nonzero()[:, 0]


def _ngram_and_context_keys(text: Tensor, places: Tensor, n: int) -> tuple[Tensor, Tensor]:
    """Return the keys of the n-gram that ends at each place, and of its context.

    The context is the n - 1 tokens before the last one.
    """
    event = ngram_keys(text, n)[places - n + 1]
    context = ngram_keys(text, n - 1)[places - n + 1] if n > 1 else torch.zeros_like(places)
    return event, context


def _count_ngrams(
    text: Tensor, places: Tensor, n: int
) -> tuple[tuple[Tensor, Tensor], tuple[KeyedCounts, KeyedCounts], Tensor]:
    """Count n-grams, their contexts, and the kinds of tokens after each context.

    Also return a place of each n-gram.
    """
    event, context = _ngram_and_context_keys(text, places, n)
    unique, inverse, times = torch.unique(event, return_inverse=True, return_counts=True)
    first = torch.empty(len(unique), dtype=torch.int64)
    first[inverse.flip(0)] = torch.arange(len(event) - 1, -1, -1)
    parents, own, kinds = torch.unique(context[first], return_inverse=True, return_counts=True)
    totals = torch.zeros(len(parents), dtype=torch.float64).index_add_(0, own, times.double())
    return (
        (unique, times.float()),
        (KeyedCounts(parents, totals.float()), KeyedCounts(parents, kinds.float())),
        places[first],
    )
