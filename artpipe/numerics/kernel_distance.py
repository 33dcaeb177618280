"""Kernel inception distance (KID, Binkowski et al. 2018), in bounded memory.

It is computed on given features with the kernel ``(x.y / F + 1)^3``. All works are compared with each other: that
scatters less than a mean over random subsets.
"""

import torch
from torch import Tensor

from artpipe.numerics.nearest_neighbours import iterate_blocks
from artpipe.numerics.pair_products import choose_precision, visit_own_pairs, visit_pairs

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
    sums = KernelSums(real.to(precision), fake.to(precision))
    sums.visit_all()
    return sums.distance()


class KernelSums:
    """Sums of the kernel over all pairs within two sets and between them."""

    def __init__(self, real: Tensor, fake: Tensor) -> None:
        self.of_real, self.of_fake = _KernelSum(is_mirrored=True), _KernelSum(is_mirrored=True)
        self.between = _KernelSum(is_mirrored=False)
        self._real, self._fake = real, fake

    def visit_all(self) -> None:
        """Visit all pairs.

        Who measures more of the same pairs hands the three sums to `visit_pairs` with it.
        """
        visit_own_pairs(self._real, self.of_real)
        visit_own_pairs(self._fake, self.of_fake)
        visit_pairs(self._real, self._fake, self.between)

    def distance(self) -> float:
        """Return the distance, once all pairs have been visited."""
        total = -2 * self.between.total / (len(self._real) * len(self._fake))
        for kernel_sum, features in ((self.of_real, self._real), (self.of_fake, self._fake)):
            total += (kernel_sum.total - _sum_diagonal(features)) / (len(features) * (len(features) - 1))
        return total


class _KernelSum:
    """The sum of the kernel over pairs; a visitor of products."""

    def __init__(self, *, is_mirrored: bool) -> None:
        self.is_mirrored, self.total = is_mirrored, 0.0

    def visit(self, rows: slice, columns: slice, products: Tensor) -> None:
        """Add a tile; off the diagonal it stands for its mirror image too."""
        tile = float((products + 1).pow_(3).sum(dtype=torch.float64))
        self.total += 2 * tile if self.is_mirrored and rows != columns else tile


def _sum_diagonal(features: Tensor) -> float:
    """Return the sum of the kernel of each row with itself."""
    lengths = features.square().sum(1, dtype=torch.float64) / features.shape[1]
    return float((lengths + 1).pow(3).sum())


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
