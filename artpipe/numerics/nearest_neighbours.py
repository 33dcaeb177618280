"""Nearest neighbours among feature vectors, in blocks of bounded memory.

10,000 against 60,000 fit in a few hundred MB.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

_BLOCK_ELEMENTS = 1 << 23  # of one block of distances: 32 MiB in float32


def iterate_blocks(rows: int, columns: int) -> Iterator[slice]:
    """Yield slices over `rows`, so that a slice times `columns` stays a bounded block."""
    size = max(1, _BLOCK_ELEMENTS // max(1, columns))
    for start in range(0, rows, size):
        yield slice(start, min(start + size, rows))


def find_nearest(queries: Tensor, works: Tensor, k: int, *, skip_self: bool = False) -> tuple[Tensor, Tensor]:
    """Return distances and indices ``(N, k)`` of the `k` nearest works, nearest first.

    Distances are Euclidean, works are ``(M, F)``.

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
    for block in iterate_blocks(len(queries), len(works)):
        rough = torch.addmm(norms, queries[block], works.T, alpha=-2)  # + |q|^2, which changes no order
        if skip_self:
            rough[torch.arange(len(rough)), torch.arange(block.start, block.stop)] = torch.inf
        candidates = rough.topk(k, largest=False).indices
        exact = (
            torch.stack([(queries[block] - works[candidates[:, i]]).norm(dim=1) for i in range(k)], 1)
            if k
            else candidates
        )
        order = exact.argsort(dim=1, stable=True)
        distances[block], indices[block] = exact.gather(1, order), candidates.gather(1, order)
    return distances, indices


def mean_pair_distance(vectors: Tensor) -> float:
    """Return the mean Euclidean distance over all pairs of ``(N, F)``.

    0 for fewer than two.
    """
    count = len(vectors)
    total = sum(float(torch.cdist(vectors[block], vectors).double().sum()) for block in iterate_blocks(count, count))
    return total / (count * (count - 1)) if count > 1 else 0.0


def find_copies(distances: Tensor, ratio: float, distance: float) -> Tensor:
    """Return which samples ``(N,)`` are copies of one training work.

    `distances` ``(N, k)`` are those of the nearest works.

    A new work is about as far from the nearest as from the next; a copy is much nearer to one of them. Where that one
    has a double in the training set only the distance itself tells.
    """
    return (distances[:, 0] < ratio * distances[:, 1]) | (distances[:, 0] < distance)
