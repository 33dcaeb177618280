"""Precision, recall, density and coverage, by balls around the works of two sets.

Kynkaanniemi et al. 2019 (the first two), Naeem et al. 2020 (the others). Distances come from products, whose rounding
decides nothing: what it could decide is computed again from differences.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from artpipe.numerics.nearest_neighbours import find_nearest
from artpipe.numerics.pair_products import choose_precision, rounding_bound, visit_own_pairs, visit_pairs

_BLOCK_NUMBERS = 1 << 22  # of features whose differences are held at a time
_SPARE = 6  # neighbours kept beyond the k-th, among which the products' rounding may have hidden it


@dataclass(frozen=True)
class PrdcShares:
    """The four shares; density may exceed 1."""

    precision: float
    recall: float
    density: float
    coverage: float


def measure_prdc(real: Tensor, fake: Tensor, k: int) -> PrdcShares:
    """Measure two feature sets ``(N, F)`` and ``(M, F)``.

    A work's ball reaches to its `k`-th neighbour of the same set. `k` shrinks where a set is smaller; memory stays
    bounded whatever the counts.
    """
    precision = choose_precision(real, fake)
    real, fake = real.to(precision), fake.to(precision)
    k = clamp_neighbours(k, real, fake)
    neighbours = [Neighbours(features, k) for features in (real, fake)]
    for side in neighbours:
        visit_own_pairs(side.features, side)
    balls = Balls(*neighbours)
    visit_pairs(real, fake, balls)
    return balls.shares()


def clamp_neighbours(k: int, real: Tensor, fake: Tensor) -> int:
    """Return `k`, or how many neighbours the smaller set has."""
    return max(1, min(k, len(real) - 1, len(fake) - 1))


class Neighbours:
    """The nearest neighbours of each row in its set; a visitor of its products."""

    def __init__(self, features: Tensor, k: int) -> None:
        self.features, self.k = features, k
        self.lengths = features.square().sum(1, dtype=torch.float64)  # squared
        self.halves = (self.lengths / (2 * features.shape[1])).to(features.dtype)
        self.kept = min(k + _SPARE, len(features) - 1)
        # By closeness x.y / F - |y|^2 / 2F, which falls as the distance from x grows.
        self.closeness = features.new_full((len(features), self.kept), -torch.inf)
        self.rows = torch.zeros(len(features), self.kept, dtype=torch.long)

    def visit(self, rows: slice, columns: slice, products: Tensor) -> None:
        """Keep the nearest of a tile; off the diagonal it stands for its mirror image too."""
        closeness = products - self.halves[columns]
        if rows == columns:
            closeness.fill_diagonal_(-torch.inf)
        else:
            self._keep_nearest(columns, rows, (products - self.halves[rows, None]).T.contiguous())
        self._keep_nearest(rows, columns, closeness)

    def _keep_nearest(self, rows: slice, columns: slice, closeness: Tensor) -> None:
        offered, places = closeness.topk(min(self.kept, closeness.shape[1]), sorted=False)
        offered, places = (
            torch.cat([self.closeness[rows], offered], 1),
            torch.cat([self.rows[rows], places + columns.start], 1),
        )
        self.closeness[rows], order = offered.topk(self.kept)
        self.rows[rows] = places.gather(1, order)

    def tolerances(self, longest: Tensor) -> Tensor:
        """Return the largest rounding ``(N,)`` of a closeness.

        It is that to a row not longer than `longest`.
        """
        features = self.features.shape[1]
        reach = (self.lengths.sqrt() + longest).square() / (2 * features)
        return rounding_bound(features, self.features.dtype) * reach

    def squared_radii(self) -> Tensor:
        """Return the squared distance ``(N,)`` of each row to its `k`-th neighbour.

        All pairs have been visited. Of the neighbours kept, those are measured whose order about the `k`-th
        the rounding could decide.
        """
        tolerances = 2 * self.tolerances(self.lengths.max().sqrt())[:, None]
        ahead = self.closeness.double() - self.closeness[:, self.k - 1, None].double()
        distances = torch.where(ahead > tolerances, -torch.inf, torch.inf).double()
        pairs = (~(ahead.abs() > tolerances)).nonzero()
        for rows, columns in _split_pairs(pairs, self.features):
            near = self.features[self.rows[rows, columns]]
            distances[rows, columns] = squared_distances(self.features[rows], near)
        radii = distances.kthvalue(self.k, dim=1).values
        if self.kept < len(self.features) - 1:
            self._correct_radii(radii, (~(-ahead[:, -1:] > tolerances).flatten()).nonzero().flatten())
        return radii

    def _correct_radii(self, radii: Tensor, rows: Tensor) -> None:
        """Find the `k`-th neighbours of a few rows again, by products of float64."""
        if not len(rows):
            return
        features = self.features.double()
        for block in torch.split(rows, max(1, _BLOCK_NUMBERS // (self.features.shape[1] * (self.k + 1)))):
            nearest = find_nearest(features[block], features, self.k + 1)[1]  # the row itself among them
            distances = squared_distances(self.features[block, None], self.features[nearest])
            radii[block] = distances.kthvalue(self.k + 1, dim=1).values


class Balls:
    """Which works lie in balls of the other set; a visitor of products."""

    def __init__(self, real: Neighbours, fake: Neighbours) -> None:
        self.real, self.fake = _BallBounds(real, fake), _BallBounds(fake, real)
        self.k = real.k
        self.counts = torch.zeros(len(fake.features), dtype=torch.long)  # of balls of real works, by fake
        self.covered, self.recalled = (torch.zeros(len(real.features), dtype=torch.bool) for _ in range(2))

    def visit(self, rows: slice, columns: slice, products: Tensor) -> None:
        """Count a tile of mean products; rows are real works, columns fakes."""
        inside = self.real.find_inside(rows, columns, products - self.fake.halves[columns])
        self.counts[columns] += inside.sum(0)
        self.covered[rows] |= inside.any(1)
        inside = self.fake.find_inside(columns, rows, (products - self.real.halves[rows, None]).T)
        self.recalled[rows] |= inside.any(0)

    def shares(self) -> PrdcShares:
        """Return the four shares, once all pairs have been visited."""
        return PrdcShares(
            precision=_mean_share(self.counts > 0),
            recall=_mean_share(self.recalled),
            density=float(self.counts.sum()) / (self.k * len(self.counts)),
            coverage=_mean_share(self.covered),
        )


class _BallBounds:
    """How close a row of the other set must be to lie in the ball of a row."""

    def __init__(self, own: Neighbours, other: Neighbours) -> None:
        self.centres, self.others, self.halves = own.features, other.features, own.halves
        self.radii = own.squared_radii()
        bounds = (own.lengths - self.radii) / (2 * own.features.shape[1])
        tolerances = own.tolerances(other.lengths.max().sqrt())
        self.sure, self.possible = ((bounds + sign * tolerances).to(own.features.dtype) for sign in (1, -1))

    def find_inside(self, centres: slice, others: slice, closeness: Tensor) -> Tensor:
        """Return which others lie in the balls of which centres.

        Both it and `closeness` are ``(centres, others)``. Pairs that the rounding could decide are measured again.
        """
        inside = closeness > self.sure[centres, None]
        unsure = (inside ^ (closeness > self.possible[centres, None])).nonzero()
        for rows, columns in _split_pairs(unsure, self.centres):
            distances = squared_distances(self.centres[centres][rows], self.others[others][columns])
            inside[rows, columns] = distances < self.radii[centres][rows]
        return inside


def _split_pairs(pairs: Tensor, features: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    for block in torch.split(pairs, max(1, _BLOCK_NUMBERS // features.shape[1])):
        yield block[:, 0], block[:, 1]


def squared_distances(left: Tensor, right: Tensor) -> Tensor:
    """Return ``|x - y|^2`` along the last dimension, in float64.

    It is the same for equal pairs.
    """
    return (left - right).square().sum(-1, dtype=torch.float64)


def _mean_share(hits: Tensor) -> float:
    return float(hits.double().mean())
