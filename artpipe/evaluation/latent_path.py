"""A closed path through codes, re-timed until its steps look alike."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F


def spline(codes: Tensor, times: Tensor) -> Tensor:
    """Return points ``(N, Z)`` at `times` in [0, 1) of a closed Catmull-Rom spline through codes ``(K, Z)``.

    Each is stretched to the length that the codes around it have: halfway between two the spline itself runs
    too near the origin, where no noise lies (White 2016, Sampling generative networks).
    """
    at, u = _segment(len(codes), times)
    before, a, b, after = (codes[(at + i) % len(codes)] for i in (-1, 0, 1, 2))
    u = u[:, None]
    point = 0.5 * (
        2 * a + (b - before) * u + (2 * before - 5 * a + 4 * b - after) * u**2 + (3 * a - before - 3 * b + after) * u**3
    )
    return F.normalize(point, dim=1) * between(codes.norm(dim=1, keepdim=True), times)


def between(values: Tensor, times: Tensor) -> Tensor:
    """Return ``(N, D)``: values ``(K, D)`` of the anchors, blended linearly at `times` in [0, 1) around the loop."""
    at, u = _segment(len(values), times)
    return torch.lerp(values[at], values[(at + 1) % len(values)], u[:, None])


def _segment(count: int, times: Tensor) -> tuple[Tensor, Tensor]:
    """Return which anchor each time lies behind, and the share of the way to the next."""
    along = times * count
    at = along.floor().long().clamp(0, count - 1)
    return at, along - at


def evened(
    pictures: Callable[[Tensor], Tensor], looks: Sequence[Callable[[Tensor], Tensor]], count: int, rounds: int
) -> tuple[Tensor, float]:
    """Return `count` frames of a loop and their largest step divided by the mean one, the best of all rounds.

    Each round measures the steps as each of `looks` sees them (a feature extractor is blind to some changes, pixels to none), takes
    the larger one against its mean, and sets the times anew at equal shares of the way.
    """
    times = torch.arange(count, dtype=torch.float64) / count
    best, least = torch.empty(0), float("inf")
    for _ in range(rounds):
        frames = pictures(times.float())
        steps = torch.stack([_steps(look(frames)) for look in looks]).amax(0)
        ratio = float(steps.max())
        if ratio < least:
            best, least = frames, ratio
        times = _retimed(times, steps)
    return best, least


def _steps(seen: Tensor) -> Tensor:
    """Return the steps ``(N,)`` of a loop between vectors ``(N, F)``, against their mean; 1 where nothing moves."""
    steps = (seen - seen.roll(-1, 0)).double().norm(dim=1)
    return steps / steps.mean() if steps.max() > 0 else torch.ones_like(steps)


def _retimed(times: Tensor, steps: Tensor) -> Tensor:
    """Return times at equal shares of the way, which is taken as straight between two frames."""
    steps = steps + 1e-6 * steps.mean() + 1e-12  # a way that stands still is walked in no time, but in some
    way = torch.cat([steps.new_zeros(1), steps.cumsum(0)])
    wanted = torch.arange(len(times), dtype=way.dtype) * way[-1] / len(times)
    at = torch.searchsorted(way, wanted, right=True).clamp(1, len(steps)) - 1
    ends = torch.cat([times, times[:1] + 1])
    found = ends[at] + (wanted - way[at]) / steps[at] * (ends[at + 1] - ends[at])
    return found.clamp(0, 1 - 1e-9)
