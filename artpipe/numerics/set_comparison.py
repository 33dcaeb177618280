"""What one pass over the products of two feature sets tells.

KID, precision, recall, density and coverage.
"""

from dataclasses import dataclass

from torch import Tensor

from artpipe.numerics.kernel_distance import KernelSums
from artpipe.numerics.pair_products import choose_precision, visit_own_pairs, visit_pairs
from artpipe.numerics.prdc import Balls, Neighbours, PrdcShares, clamp_neighbours


@dataclass(frozen=True)
class SetComparison:
    """How far a set is from another, and how much of it covers the other."""

    kernel_distance: float
    shares: PrdcShares


def compare_sets(real: Tensor, fake: Tensor, k: int) -> SetComparison:
    """Compare ``(N, F)`` with ``(M, F)``; there are at least two rows each.

    See `measure_prdc` for `k`.
    """
    precision = choose_precision(real, fake)
    real, fake = real.to(precision), fake.to(precision)
    k = clamp_neighbours(k, real, fake)
    kernels = KernelSums(real, fake)
    neighbours = [Neighbours(features, k) for features in (real, fake)]
    for side, kernel_sum in zip(neighbours, (kernels.of_real, kernels.of_fake), strict=True):
        visit_own_pairs(side.features, kernel_sum, side)
    balls = Balls(*neighbours)
    visit_pairs(real, fake, kernels.between, balls)
    return SetComparison(kernels.distance(), balls.shares())
