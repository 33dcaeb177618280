"""95 % confidence intervals of shares, means, ratios and differences."""

import math
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor

NORMAL_QUANTILE = 1.959964  # of 97.5 %
_MINIMUM_FREEDOM = 3  # degrees, from which on the expansion of t is good to 2 %
_T_SMALL = {1: 12.706, 2: 4.303}


class Interval(NamedTuple):
    """The ends of a 95 % confidence interval."""

    low: float
    high: float

    def contains(self, value: float) -> bool:
        """Return whether a value lies within, the ends included."""
        return self.low <= value <= self.high

    def clamp(self, low: float = float("-inf"), high: float = float("inf")) -> "Interval":
        """Return the part of it that is possible."""
        return Interval(min(max(self.low, low), high), max(min(self.high, high), low))


def t_quantile(freedom: int) -> float:
    """Return the quantile of 97.5 % of Student's t with `freedom` degrees.

    By the expansion around the normal quantile (Abramowitz & Stegun 1964, 26.7.5).
    """
    if freedom < _MINIMUM_FREEDOM:
        return _T_SMALL[max(1, freedom)]
    z = NORMAL_QUANTILE
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
    )
    return z + math.fsum(term / float(freedom ** (i + 1)) for i, term in enumerate(terms))


def share_interval(
    share: float, count: float, variance: float | None = None, quantile: float = NORMAL_QUANTILE
) -> Interval:
    """Return Wilson's interval (1927) of a share of `count` works.

    Where the works do not count one by one, `variance` is that of the share: the count becomes the one that has it.
    """
    if variance is not None and variance > 0 and 0 < share < 1:
        count = share * (1 - share) / variance
    square = quantile**2 / count
    middle = (share + square / 2) / (1 + square)
    half = quantile * (share * (1 - share) / count + square / (4 * count)) ** 0.5 / (1 + square)
    low, high = Interval(middle - half, middle + half).clamp(0.0, 1.0)
    return Interval(0.0 if share <= 0 else low, 1.0 if share >= 1 else high)  # as rounding would not have it


def mean_interval(values: "Tensor") -> Interval | None:
    """Return Student's interval of the mean of ``(N,)``; None for fewer than two."""
    count = len(values)
    if count < 2:  # noqa: PLR2004
        return None
    values = values.double()
    half = t_quantile(count - 1) * float(values.std()) / count**0.5
    return Interval(float(values.mean()) - half, float(values.mean()) + half)


def positive_mean_interval(values: "Tensor") -> Interval | None:
    """Return the interval of the mean of positive ``(N,)``, even in its logarithm.

    Of few works Student's would go below zero. None for fewer than two.
    """
    interval = mean_interval(values)
    if interval is None or (mean := float(values.double().mean())) <= 0:
        return interval and interval.clamp(0.0)
    growth = math.exp((interval.high - mean) / mean)
    return Interval(mean / growth, mean * growth)


def ratio_interval(parts: "Tensor", sizes: "Tensor") -> Interval | None:
    """Return the interval of the sum of `parts` by that of `sizes`, both by work.

    By the delta method (Cochran 1977, 6.4); None for fewer than two works.
    """
    count = len(parts)
    if count < 2:  # noqa: PLR2004
        return None
    parts, sizes = parts.double(), sizes.double()
    ratio = float(parts.sum() / sizes.sum())
    residual = (parts - ratio * sizes) / sizes.mean()
    half = t_quantile(count - 1) * float(residual.square().sum() / (count - 1) / count) ** 0.5
    return Interval(ratio - half, ratio + half)


def quotient_interval(above: "Tensor", below: "Tensor") -> Interval | None:
    """Return the interval of the mean of ``(N,)`` by that of another ``(M,)``.

    The sets are drawn apart and positive; by the delta method of the logarithm. None for fewer than two.
    """
    if min(len(above), len(below)) < 2:  # noqa: PLR2004
        return None
    squares = [float(part.double().var() / len(part) / part.double().mean() ** 2) for part in (above, below)]
    freedom = sum(squares) ** 2 / max(
        sum(s**2 / (len(part) - 1) for s, part in zip(squares, (above, below), strict=True)), 1e-300
    )
    half = t_quantile(max(1, int(freedom))) * sum(squares) ** 0.5
    ratio = float(above.double().mean() / below.double().mean())
    return Interval(ratio * math.exp(-half), ratio * math.exp(half))


def difference_interval(left: float, of_left: Interval, right: float, of_right: Interval) -> Interval:
    """Return the interval of ``left - right`` from those of both.

    The method of variance estimates recovery (Zou & Donner 2008); too wide where both were measured on the same works, never too
    narrow.
    """
    below = ((left - of_left.low) ** 2 + (of_right.high - right) ** 2) ** 0.5
    above = ((of_left.high - left) ** 2 + (right - of_right.low) ** 2) ** 0.5
    return Interval(left - right - below, left - right + above)
