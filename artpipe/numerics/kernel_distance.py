"""Kernel inception distance (KID, Binkowski et al. 2018), in bounded memory.

It is computed on given features with the kernel ``(x.y / F + 1)^3``. All works are compared with each other: that
scatters less than a mean over random subsets.
"""

import statistics
from dataclasses import dataclass

import torch
from torch import Tensor

from artpipe.numerics.nearest_neighbours import iterate_blocks
from artpipe.numerics.pair_products import choose_precision, visit_own_pairs, visit_pairs

_FEWEST_WORKS = 10  # of a half that tells the spread
_MOMENT_NUMBERS = 1 << 24  # that the third moments of a set may have: 128 MiB
_BLOCK_NUMBERS = 1 << 22  # of products of features held at a time: 32 MiB


def kernel_distance(real: Tensor, fake: Tensor) -> float:
    """Return the squared maximum mean discrepancy of ``(N, F)`` and ``(M, F)``.

    There are at least two rows each.

    Unbiased, so it can fall a little below 0.
    """
    precision = choose_precision(real, fake)
    if precision == torch.float64:
        return _sum_all_pairs(real.double(), fake.double())
    if _has_cheap_moments(len(real) + len(fake), real.shape[1]):
        return _compare_moments(real, fake)
    sums = SubsetKernelSums(
        real.to(precision), fake.to(precision), *draw_subsets(len(real), len(fake), subsets=0, seed=0)
    )
    sums.visit_all()
    return sums.estimate().distance


@dataclass(frozen=True)
class KernelEstimate:
    """A kernel distance, and one standard deviation of it on sets of these sizes.

    The deviation is None where there are too few works to tell.
    """

    distance: float
    spread: float | None


def measure_kernel_distance(real: Tensor, fake: Tensor, *, subsets: int, seed: int) -> KernelEstimate:
    """Return `kernel_distance` with its spread.

    That is measured on random halves of both sets. A half drawn without replacement scatters around the whole as
    the whole does around the truth (half-sample
    jackknife); close to a distance of 0 this is up to twice too wide. All halves are sums over one pass of products.
    """
    precision, masks = choose_precision(real, fake), draw_subsets(len(real), len(fake), subsets=subsets, seed=seed)
    sums = SubsetKernelSums(real.to(precision), fake.to(precision), *masks)
    sums.visit_all()
    return sums.estimate()


def draw_subsets(n: int, m: int, *, subsets: int, seed: int) -> tuple[Tensor, Tensor]:
    """Return masks ``(n, S)`` and ``(m, S)`` of two sets.

    The first selects all rows, the others random halves. There are no halves where one would have fewer than
    `_FEWEST_WORKS`.
    """
    generator = torch.Generator().manual_seed(seed)
    columns: tuple[list[Tensor], list[Tensor]] = ([torch.ones(n, dtype=torch.bool)], [torch.ones(m, dtype=torch.bool)])
    for _ in range(max(2, subsets) if subsets and min(n, m) // 2 >= _FEWEST_WORKS else 0):
        for masks, count in zip(columns, (n, m), strict=True):
            chosen = torch.randperm(count, generator=generator)[: count // 2]
            masks.append(torch.zeros(count, dtype=torch.bool).index_fill_(0, chosen, True))
    return torch.stack(columns[0], 1), torch.stack(columns[1], 1)


class SubsetKernelSums:
    """Sums of the kernel over the pairs of subsets of two sets, and their distances.

    Masks ``(N, S)`` and ``(M, S)`` say which rows are in which subset.
    """

    def __init__(self, real: Tensor, fake: Tensor, real_subsets: Tensor, fake_subsets: Tensor) -> None:
        real_subsets, fake_subsets = real_subsets.to(real.dtype), fake_subsets.to(fake.dtype)
        self.between = _KernelSums(real_subsets, fake_subsets)
        self.of_real, self.of_fake = (_KernelSums(subsets, subsets) for subsets in (real_subsets, fake_subsets))
        self._real, self._fake = real, fake

    def visit_all(self) -> None:
        """Visit all pairs.

        Who measures more of the same pairs hands the three sums to `visit_pairs` with it.
        """
        visit_own_pairs(self._real, self.of_real)
        visit_own_pairs(self._fake, self.of_fake)
        visit_pairs(self._real, self._fake, self.between)

    def estimate(self) -> KernelEstimate:
        """Return the distance of the first subsets, and the deviation of the others."""
        whole, *halves = self.distances().tolist()
        return KernelEstimate(whole, statistics.stdev(halves) if halves else None)

    def distances(self) -> Tensor:
        """Return the distances ``(S,)``, once all pairs have been visited."""
        total = -2 * self.between.totals / (self.between.left_counts * self.between.right_counts)
        for sums, features in ((self.of_real, self._real), (self.of_fake, self._fake)):
            total += (sums.totals - sums.sum_diagonal(features)) / (sums.left_counts * (sums.left_counts - 1))
        return total


class _KernelSums:
    """Sums of the kernel over the pairs of subsets; a visitor of products."""

    def __init__(self, left: Tensor, right: Tensor) -> None:
        self.left, self.right, self.is_mirrored = left, right, left is right
        self.left_counts, self.right_counts = (side.sum(0, dtype=torch.float64) for side in (left, right))
        self.totals = torch.zeros(left.shape[1], dtype=torch.float64)

    def visit(self, rows: slice, columns: slice, products: Tensor) -> None:
        """Add a tile; off the diagonal it stands for its mirror image too."""
        sums = ((products + 1).pow_(3) @ self.right[columns]).mul_(self.left[rows]).sum(0, dtype=torch.float64)
        self.totals += 2 * sums if self.is_mirrored and rows != columns else sums

    def sum_diagonal(self, features: Tensor) -> Tensor:
        """Return the sums ``(S,)`` of the kernel of each row with itself."""
        lengths = features.square().sum(1, dtype=torch.float64) / features.shape[1]
        return (lengths + 1).pow(3) @ self.left.double()


def _sum_all_pairs(real: Tensor, fake: Tensor) -> float:
    total = -2 * _kernel_sum(real, fake) / (len(real) * len(fake))
    for features in (real, fake):
        diagonal = float((features.square().sum(1) / features.shape[1] + 1).pow(3).sum())
        total += (_kernel_sum(features, features) - diagonal) / (len(features) * (len(features) - 1))
    return total


def _kernel_sum(left: Tensor, right: Tensor) -> float:
    rows = (left[block] @ right.T for block in iterate_blocks(len(left), len(right)))
    return sum(float((products / left.shape[1] + 1).pow_(3).sum()) for products in rows)


def _has_cheap_moments(works: int, features: int) -> bool:
    """Return whether moments take less than products of all pairs.

    Those are of float32, where a processor does twice as much.
    """
    is_small = features**3 // 2 <= _MOMENT_NUMBERS
    return is_small and 2 * features**2 < works


def _compare_moments(real: Tensor, fake: Tensor) -> float:
    """Return the distance by third moments.

    Its time grows with the works and not with their pairs. With ``z = (x / sqrt(F), 1)`` the kernel is
    ``(z.z')^3``, the product of the outer cubes of z and z', so that a sum over
    pairs is the product of two sums over works.
    """
    vectors = [_append_one(features.double() / features.shape[1] ** 0.5) for features in (real, fake)]
    first, second = torch.triu_indices(vectors[0].shape[1], vectors[0].shape[1])
    multiplicities = torch.where(first == second, 1.0, 2.0).double()[:, None]
    moments = [_third_moments(side, first, second) for side in vectors]
    total = -2 * float((multiplicities * moments[0] * moments[1]).sum()) / (len(real) * len(fake))
    for side, moment in zip(vectors, moments, strict=True):
        diagonal = float(side.square().sum(1).pow(3).sum())
        total += (float((multiplicities * moment * moment).sum()) - diagonal) / (len(side) * (len(side) - 1))
    return total


def _append_one(features: Tensor) -> Tensor:
    return torch.cat([features, features.new_ones(len(features), 1)], 1)


def _third_moments(vectors: Tensor, first: Tensor, second: Tensor) -> Tensor:
    """Return the sums ``(P, F)`` of ``z_a z_b z_c`` by P pairs (a, b) and by c."""
    sums = vectors.new_zeros(len(first), vectors.shape[1])
    for block in torch.split(vectors, max(1, _BLOCK_NUMBERS // len(first))):
        sums.addmm_((block[:, first] * block[:, second]).T, block)
    return sums
