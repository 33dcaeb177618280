"""Distances between sets of feature vectors, in blocks, so that 10,000 against 60,000 fits in a few hundred MB."""

from collections.abc import Iterator

import torch
from torch import Tensor

_BLOCK_ELEMENTS = 1 << 23  # of one block of distances: 32 MiB in float32


def blocks(rows: int, columns: int) -> Iterator[slice]:
    """Yield slices over `rows`, so that a slice times `columns` stays a bounded block."""
    size = max(1, _BLOCK_ELEMENTS // max(1, columns))
    for start in range(0, rows, size):
        yield slice(start, min(start + size, rows))


def nearest(queries: Tensor, works: Tensor, k: int, *, skip_self: bool = False) -> tuple[Tensor, Tensor]:
    """Return Euclidean distances and indices ``(N, k)`` of the `k` nearest of `works` ``(M, F)``, nearest first.

    The candidates come from the fast expansion of ``|q - w|^2``, whose rounding hides near copies; the distances
    returned are recomputed from differences, so that an exact copy is at 0. `k` shrinks to what there is.

    Args:
        queries: ``(N, F)``.
        works: ``(M, F)``; the same tensor as `queries` where `skip_self` holds.
        k: how many.
        skip_self: a row is not its own neighbour.
    """
    k = max(0, min(k, len(works) - int(skip_self)))
    distances, indices = queries.new_empty(len(queries), k), torch.empty(len(queries), k, dtype=torch.long)
    norms = works.square().sum(1)
    for block in blocks(len(queries), len(works)):
        rough = torch.addmm(norms, queries[block], works.T, alpha=-2)  # + |q|^2, which changes no order
        if skip_self:
            rough[torch.arange(len(rough)), torch.arange(block.start, block.stop)] = torch.inf
        found = rough.topk(k, largest=False).indices
        exact = torch.stack([(queries[block] - works[found[:, i]]).norm(dim=1) for i in range(k)], 1) if k else found
        order = exact.argsort(dim=1, stable=True)
        distances[block], indices[block] = exact.gather(1, order), found.gather(1, order)
    return distances, indices


def mean_pair_distance(vectors: Tensor) -> float:
    """Return the mean Euclidean distance over all pairs of ``(N, F)``; 0 for fewer than two."""
    count = len(vectors)
    total = sum(float(torch.cdist(vectors[block], vectors).double().sum()) for block in blocks(count, count))
    return total / (count * (count - 1)) if count > 1 else 0.0


def copied(near: Tensor, ratio: float, distance: float) -> Tensor:
    """Return which samples ``(N,)`` are copies of one training work, from the distances ``(N, k)`` of the nearest ones.

    A new work is about as far from the nearest as from the next; a copy is much nearer to one of them. Where that one
    has a double in the training set only the distance itself tells.
    """
    return (near[:, 0] < ratio * near[:, 1]) | (near[:, 0] < distance)
