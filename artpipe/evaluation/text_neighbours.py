"""The works a text is nearest to, by the n-grams they share.

Rare n-grams count more.
"""

import math
from collections.abc import Collection, Iterator, Mapping, Sequence

import torch
from torch import Tensor

from artpipe.artifacts.report import Neighbour
from artpipe.modalities.text.detokenize import join_rows, to_code_points
from artpipe.nn.sequence.token_exhibits import decode_text
from artpipe.numerics.ngrams import ngram_keys

_NGRAM = 6  # characters in a row


_EXCERPT_LINES = 8  # lines


def find_nearest_texts(
    texts: Sequence[Sequence[int]], train: Mapping[str, Tensor], vocabulary: Sequence[str], k: int
) -> list[tuple[Neighbour, ...]]:
    """Return for each text up to `k` nearest works of the rows `train`.

    Texts are given as tokens.
    """
    works = join_rows(train)
    index = NgramIndex([to_code_points(tokens, vocabulary) for _, tokens in works])
    neighbour_lists = (index.find_nearest(to_code_points(tokens, vocabulary), k) for tokens in texts)
    return [
        tuple(Neighbour(digest=works[number][0], distance=distance) for number, distance in neighbours)
        for neighbours in neighbour_lists
    ]


def read_excerpts(
    columns: Mapping[str, Tensor], vocabulary: Sequence[str], digests: Collection[str]
) -> Iterator[tuple[str, str]]:
    """Yield the beginning of each wanted work, with its digest."""
    for digest, tokens in join_rows(columns):
        if digest in digests:
            lines = decode_text(tokens[: 200 * _EXCERPT_LINES], vocabulary).strip("\n").split("\n")
            yield "\n".join(lines[:_EXCERPT_LINES]), digest


class NgramIndex:
    """Knows which work has which pieces."""

    def __init__(self, works: Sequence[Tensor]) -> None:
        keys_by_work = [torch.unique(ngram_keys(work, _NGRAM)) for work in works]
        owners = [torch.full_like(keys, number) for number, keys in enumerate(keys_by_work)]
        all_keys = torch.cat(keys_by_work) if keys_by_work else torch.empty(0, dtype=torch.int64)
        self.keys, order = all_keys.sort(stable=True)
        self.owners = torch.cat(owners)[order] if owners else all_keys
        self.count = len(works)

    def find_nearest(self, text: Tensor, k: int) -> list[tuple[int, float]]:
        """Return up to `k` works with their distance, nearest first.

        The distance is 1 less the weight of the n-grams of `text` they share. A piece weighs the logarithm of how
        few works have it, one that none has most.
        """
        pieces = torch.unique(ngram_keys(text, _NGRAM))
        low, high = (torch.searchsorted(self.keys, pieces, right=right) for right in (False, True))
        weights = ((self.count + 1) / (high - low + 1).double()).log()
        shared = torch.zeros(self.count, dtype=torch.float64)
        for start, stop, weight in zip(low.tolist(), high.tolist(), weights.tolist(), strict=True):
            shared[self.owners[start:stop]] += weight
        total = float(weights.sum()) or math.inf
        order = shared.argsort(descending=True, stable=True)[:k].tolist()
        return [(number, 1 - float(shared[number]) / total) for number in order if shared[number] > 0]
