"""The works a text is nearest to: by the short pieces it shares with them, rare ones counting more."""

import math
from collections.abc import Collection, Iterator, Mapping, Sequence

import torch
from torch import Tensor

from artpipe.artifacts.report import Neighbour
from artpipe.modalities.text.detokenize import join_rows, to_code_points
from artpipe.nn.sequence.rendering import decode_text
from artpipe.numerics.ngrams import ngram_keys

_SHORT = 6  # characters in a row


_EXCERPT = 8  # lines


def nearest_texts(
    written: Sequence[Sequence[int]], train: Mapping[str, Tensor], vocabulary: Sequence[str], k: int
) -> list[tuple[Neighbour, ...]]:
    """Return for each text, in tokens, the up to `k` works of the rows `train` that it is nearest to."""
    works = join_rows(train)
    kin = Kin([to_code_points(tokens, vocabulary) for _, tokens in works])
    near = (kin.nearest(to_code_points(tokens, vocabulary), k) for tokens in written)
    return [tuple(Neighbour(digest=works[i][0], distance=far) for i, far in some) for some in near]


def excerpts(
    columns: Mapping[str, Tensor], vocabulary: Sequence[str], wanted: Collection[str]
) -> Iterator[tuple[str, str]]:
    """Yield the beginning of each wanted work, with its digest."""
    for digest, tokens in join_rows(columns):
        if digest in wanted:
            lines = decode_text(tokens[: 200 * _EXCERPT], vocabulary).strip("\n").split("\n")
            yield "\n".join(lines[:_EXCERPT]), digest


class Kin:
    """Knows which work has which pieces."""

    def __init__(self, works: Sequence[Tensor]) -> None:
        found = [torch.unique(ngram_keys(work, _SHORT)) for work in works]
        owners = [torch.full_like(own, number) for number, own in enumerate(found)]
        every = torch.cat(found) if found else torch.empty(0, dtype=torch.int64)
        self.keys, order = every.sort(stable=True)
        self.owners = torch.cat(owners)[order] if owners else every
        self.count = len(works)

    def nearest(self, text: Tensor, k: int) -> list[tuple[int, float]]:
        """Return up to `k` works with their distance, nearest first: 1 less the weight of the pieces of `text` they share.

        A piece weighs the logarithm of how few works have it, one that none has most.
        """
        pieces = torch.unique(ngram_keys(text, _SHORT))
        low, high = (torch.searchsorted(self.keys, pieces, right=right) for right in (False, True))
        weights = ((self.count + 1) / (high - low + 1).double()).log()
        shared = torch.zeros(self.count, dtype=torch.float64)
        for start, stop, weight in zip(low.tolist(), high.tolist(), weights.tolist(), strict=True):
            shared[self.owners[start:stop]] += weight
        whole = float(weights.sum()) or math.inf
        order = shared.argsort(descending=True, stable=True)[:k].tolist()
        return [(number, 1 - float(shared[number]) / whole) for number in order if shared[number] > 0]
