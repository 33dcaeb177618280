"""The 95 % interval of the entropy of counts, also where the classes are even.

With f + 1 classes and n works, ``2 n (log(f + 1) - H)`` is a chi-square of f degrees where the classes are even (Wilks 1938): what
is of first order in the works vanishes there, and halves of them take what is of second order for twice what it is.
"""

import math

import torch
from torch import Tensor

from artpipe.numerics.intervals import NORMAL_QUANTILE, Interval


def entropy(counts: Tensor) -> float:
    """Return the entropy in nats of counts ``(K,)``.

    It is log K when they are even, 0 when there is one class.
    """
    shares = counts.double() / counts.sum().clamp(min=1)
    return abs(float(torch.xlogy(shares, shares).sum()))


def entropy_interval(counts: Tensor) -> Interval | None:
    """Return the interval of the entropy of counts ``(K,)``.

    None for one class or no work. The ends are where the deficit lies 1.96 deviations off, each by its own deviation (a score interval, as Wilson's), whose part of
    first order is in proportion to the deficit beyond what chance makes of even classes.
    """
    count, classes = int(counts.sum()), len(counts)
    if count == 0 or classes < 2:  # noqa: PLR2004
        return None
    shares, value, even = counts.double() / count, entropy(counts), math.log(classes)
    freedom, deficit = classes - 1, 2 * count * (even - value)
    variance = max(0.0, float(torch.xlogy(shares, shares).mul(shares.clamp(min=1e-300).log()).sum()) - value**2)
    growth = 2 * variance / (even - value) if even > value else 4.0  # that of a noncentral chi-square near even classes
    square = NORMAL_QUANTILE**2
    middle = deficit + square * growth / 2
    half = max(0.0, middle**2 - deficit**2 + square * freedom * (2 - growth)) ** 0.5
    most, least = max(freedom, middle + half), middle - half
    return Interval(even - most / (2 * count), even - (least / (2 * count) if least > freedom else 0)).clamp(0.0, even)
