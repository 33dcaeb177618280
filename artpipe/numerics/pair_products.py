"""Products of all pairs of rows, tile by tile.

Several measures are taken of one pass.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import Protocol

import torch
from torch import Tensor

_TILE_ROWS = 1024  # a tile of float32 is 4 MiB, which stays in a core's cache while it is measured
_EXACT_ROWS = 4096  # up to so many rows products are of float64


class PairVisitor(Protocol):
    """Measures tiles of products, and changes none."""

    def visit(self, rows: slice, columns: slice, products: Tensor) -> None:
        """Measure one tile of mean products: `products[i, j]` is ``x_i . y_j / F``."""
        ...


def choose_precision(*sets: Tensor) -> torch.dtype:
    """Return the type in which products of these sets ``(N, F)`` are computed.

    It is float64 for small sets, float32 for large ones, where that is twice as fast. Rounding is then up to
    `rounding_bound`; sums of products are of float64 in either case.
    """
    return torch.float64 if max(map(len, sets)) <= _EXACT_ROWS else torch.float32


def rounding_bound(features: int, dtype: torch.dtype) -> float:
    """Return the largest error of a product of two rows of length 1.

    It holds whatever the order of its `features` sums (Higham 2002, 3.1); three more roundings are allowed for.
    """
    return (features + 3) * torch.finfo(dtype).eps / 2


def visit_pairs(left: Tensor, right: Tensor, *visitors: PairVisitor) -> None:
    """Show every pair of ``(N, F)`` and ``(M, F)`` to visitors."""
    for rows in _cut_tiles(len(left)):
        for columns in _cut_tiles(len(right)):
            _visit_tile(left, right, rows, columns, visitors)


def visit_own_pairs(features: Tensor, *visitors: PairVisitor) -> None:
    """Show every pair within ``(N, F)`` to visitors.

    Only tiles on and above the diagonal are computed: a pair `(i, j)` off the diagonal tiles stands for `(j, i)` too.
    """
    tiles = list(_cut_tiles(len(features)))
    for number, rows in enumerate(tiles):
        for columns in tiles[number:]:
            _visit_tile(features, features, rows, columns, visitors)


def _visit_tile(left: Tensor, right: Tensor, rows: slice, columns: slice, visitors: tuple[PairVisitor, ...]) -> None:
    x, y = left[rows], right[columns]
    products = torch.addmm(x.new_empty(()), x, y.T, beta=0, alpha=1 / x.shape[1])
    for visitor in visitors:
        visitor.visit(rows, columns, products)


def _cut_tiles(count: int) -> Iterator[slice]:
    """Yield slices of nearly equal size."""
    tiles = -(-count // _TILE_ROWS)
    edges = [count * number // tiles for number in range(tiles + 1)] if tiles else []
    yield from (slice(*edge) for edge in pairwise(edges))
