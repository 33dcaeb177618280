"""The variance of KID, in closed form from the kernel's matrices.

KID is a U-statistic of two sets (Serfling 1980, 5.2): its variance has a part of first order, from how each work's mean kernel differs, and
one of second order, which is all that is left where the sets are alike (Sutherland et al. 2017).
"""

from torch import Tensor

from artpipe.numerics.intervals import NORMAL_QUANTILE, Interval

_MAXIMUM_ROWS = 2500  # on which the parts are estimated; more are scaled


def kernel_distance_interval(left: Tensor, right: Tensor, value: float) -> Interval:
    """Return the 95 % interval around `kernel_distance` of ``(N, F)`` and ``(M, F)``.

    The part of first order grows with the distance itself, so the ends are where the value lies 1.96 deviations off, each by its
    own deviation (a score interval, as Wilson's). There are at least three rows each.
    """
    first, second = kernel_distance_variance(left, right)
    square = NORMAL_QUANTILE**2
    growth = square * first / max(value, 2 * second**0.5, 1e-300)
    half = (max(0.0, value) * growth + growth**2 / 4 + square * second) ** 0.5
    return Interval(value + growth / 2 - half, value + growth / 2 + half)


def kernel_distance_variance(left: Tensor, right: Tensor) -> tuple[float, float]:
    """Return the parts of both orders of the variance of `kernel_distance`."""
    n, m = len(left), len(right)
    rows, columns = left[:_MAXIMUM_ROWS].double(), right[:_MAXIMUM_ROWS].double()
    within_left, within_right, between = (_kernel(a, b) for a, b in ((rows, rows), (columns, columns), (rows, columns)))
    mean_left, mean_right = (_row_means(kernel) for kernel in (within_left, within_right))
    scores = 2 * (mean_left - between.mean(1)), 2 * (mean_right - between.mean(0))
    of_left, of_right = _second_order(within_left, mean_left), _second_order(within_right, mean_right)
    of_both = float((between - between.mean(1, keepdim=True) - between.mean(0) + between.mean()).square().mean())
    a, b = len(rows), len(columns)
    # The mean kernels are themselves estimated, which adds the second order of the works that were used.
    noise_left, noise_right = 4 * (of_left / (a - 1) + of_both / b), 4 * (of_right / (b - 1) + of_both / a)
    first = (float(scores[0].var()) - noise_left) / n + (float(scores[1].var()) - noise_right) / m
    second = 2 * of_left / (n * (n - 1)) + 2 * of_right / (m * (m - 1)) + 4 * of_both / (n * m)
    return max(0.0, first), second


def _kernel(left: Tensor, right: Tensor) -> Tensor:
    return (left @ right.T / left.shape[1] + 1).pow_(3)


def _row_means(kernel: Tensor) -> Tensor:
    return (kernel.sum(1) - kernel.diagonal()) / (len(kernel) - 1)


def _second_order(kernel: Tensor, means: Tensor) -> float:
    """Return the variance of a symmetric kernel that no single work explains."""
    centred = kernel - means[:, None] - means + means.mean()
    total = float(centred.square().sum() - centred.diagonal().square().sum())
    return total / (len(kernel) * (len(kernel) - 1))
