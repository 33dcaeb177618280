"""How much a statistic of two sets scatters, by random halves of them.

A half drawn without replacement scatters around the whole as the whole does around the truth (half-sample jackknife, Shao &
Tu 1995, 2.3), also where a statistic is not smooth, as those of nearest neighbours are.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from artpipe.numerics.intervals import Interval, share_interval, t_quantile

ROUNDS = 40
MOST_ROWS = 2500  # of a matrix of distances, from which on a set's scatter is that of so many works, scaled
_MINIMUM_HALF = 5  # works


class HalfSamples(NamedTuple):
    """The values of a statistic on random halves."""

    values: Tensor  # (rounds,) or (rounds, statistics), float64
    scale: float = 1.0  # of deviations, where halves are of a part of the works

    def deviation(self, column: int | None = None) -> float:
        """Return one standard deviation of the statistic on the whole."""
        values = self.values if column is None else self.values[:, column]
        return float(values.std()) * self.scale

    def interval(self, value: float, column: int | None = None) -> Interval:
        """Return the 95 % interval around the value of the whole."""
        half = t_quantile(len(self.values) - 1) * self.deviation(column)
        return Interval(value - half, value + half)

    def ratio_interval(self, value: float, column: int | None = None) -> Interval:
        """Return the interval of what is positive, even in its logarithm."""
        values = self.values if column is None else self.values[:, column]
        if value <= 0 or float(values.min()) <= 0:
            return self.interval(value, column).clamp(0.0)
        half = t_quantile(len(values) - 1) * float(values.log().std()) * self.scale
        low, high = (value * float(torch.tensor(sign * half).exp()) for sign in (-1, 1))
        return Interval(low, high)

    def share_interval(self, share: float, count: int, column: int | None = None) -> Interval:
        """Return the interval of a share of `count` works, which may depend on each other."""
        variance = self.deviation(column) ** 2
        return share_interval(share, count, variance, t_quantile(len(self.values) - 1))


class OppositeHalves(NamedTuple):
    """The values of a statistic on random halves and on what each leaves out."""

    values: Tensor  # (pairs, 2), float64

    def deviation(self) -> float:
        """Return one standard deviation of the statistic on the whole.

        It is that of half the difference of a pair, in which what the size of a half does to a statistic cancels: the bias, and much
        of what is not linear in the works.
        """
        return float(self.values.diff(dim=1).square().mean().sqrt()) / 2

    def interval(self, value: float) -> Interval:
        """Return the 95 % interval around a value of the whole."""
        half = t_quantile(len(self.values)) * self.deviation()
        return Interval(value - half, value + half)


def measure_opposite_halves(
    statistic: Callable[[Tensor, Tensor], Tensor], left: int, right: int, seed: int, pairs: int = ROUNDS // 2
) -> OppositeHalves | None:
    """Measure a statistic of two sets on random halves and the other halves.

    `statistic` is that of `measure_halves`, a number. None where a half would be too small.
    """
    if min(left, right) // 2 < _MINIMUM_HALF:
        return None
    generator = torch.Generator().manual_seed(seed)
    values = []
    for _ in range(pairs):
        rows, columns = (torch.randperm(count, generator=generator) for count in (left, right))
        values += [
            statistic(rows[: left // 2], columns[: right // 2]),
            statistic(rows[left // 2 :][: left // 2], columns[right // 2 :][: right // 2]),
        ]
    return OppositeHalves(torch.stack(values).double().view(pairs, 2))


def measure_halves(
    statistic: Callable[[Tensor, Tensor], Tensor],
    left: int,
    right: int,
    seed: int,
    rounds: int = ROUNDS,
    most: int | None = None,
) -> HalfSamples | None:
    """Measure a statistic of rows of two sets on random halves of both.

    `statistic(rows of the left set, rows of the right set)` returns a tensor. None where a half would be too small.
    With `most` the halves are of the first so many rows of each set, and their scatter is scaled to all.
    """
    counts = [count if most is None else min(count, most) for count in (left, right)]
    if min(left, right) // 2 < _MINIMUM_HALF:
        return None
    generator = torch.Generator().manual_seed(seed)
    values = []
    for _ in range(rounds):
        rows = [torch.randperm(count, generator=generator)[: count // 2] for count in counts]
        values.append(statistic(*rows).double())
    scale = max((used / count) ** 0.5 for used, count in zip(counts, (left, right), strict=True))
    return HalfSamples(torch.stack(values), scale)
