"""A closed path through codes, re-timed until its steps look alike."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F


def interpolate_spline(codes: Tensor, times: Tensor) -> Tensor:
    """Return points ``(N, Z)`` of a closed Catmull-Rom spline through the codes.

    `codes` are ``(K, Z)``, `times` ``(N,)`` in [0, 1). Each is stretched to the length that the codes around it
    have: halfway between two the spline itself runs too near the origin, where no noise lies (White 2016, Sampling
    generative networks).
    """
    segment, u = _find_segment(len(codes), times)
    before, a, b, after = (codes[(segment + i) % len(codes)] for i in (-1, 0, 1, 2))
    u = u[:, None]
    point = 0.5 * (
        2 * a + (b - before) * u + (2 * before - 5 * a + 4 * b - after) * u**2 + (3 * a - before - 3 * b + after) * u**3
    )
    return F.normalize(point, dim=1) * interpolate_linear(codes.norm(dim=1, keepdim=True), times)


def interpolate_linear(values: Tensor, times: Tensor) -> Tensor:
    """Return the anchors' values, blended linearly at `times` around the loop.

    `values` are ``(K, D)``, `times` ``(N,)`` in [0, 1); the result is ``(N, D)``.
    """
    segment, u = _find_segment(len(values), times)
    return torch.lerp(values[segment], values[(segment + 1) % len(values)], u[:, None])


def _find_segment(count: int, times: Tensor) -> tuple[Tensor, Tensor]:
    """Return which anchor each time lies behind, and the share of the way to the next."""
    position = times * count
    segment = position.floor().long().clamp(0, count - 1)
    return segment, position - segment


def even_out_steps(
    pictures: Callable[[Tensor], Tensor],
    encoders: Sequence[Callable[[Tensor], Tensor]],
    count: int,
    rounds: int,
    enough: float = 1.0,
) -> tuple[Tensor, float]:
    """Return `count` frames of a loop whose steps are as even as can be.

    With them comes their largest step divided by the mean one; the best of all rounds counts, and the first one at
    most `enough` is the last. Each round measures the steps as each of `encoders` sees them (a feature extractor is
    blind to some changes, pixels to none), takes the larger one against its mean, and sets the times anew at equal
    shares of the way.
    """
    times = torch.arange(count, dtype=torch.float64) / count
    best_frames, best_ratio = torch.empty(0), float("inf")
    for _ in range(rounds):
        frames = pictures(times.float())
        steps = torch.stack([_measure_steps(encode(frames)) for encode in encoders]).amax(0)
        ratio = float(steps.max())
        if ratio < best_ratio:
            best_frames, best_ratio = frames, ratio
        if ratio <= enough:
            break
        times = _retime(times, steps)
    return best_frames, best_ratio


def _measure_steps(vectors: Tensor) -> Tensor:
    """Return the steps ``(N,)`` of a loop of vectors ``(N, F)``, by their mean.

    They are 1 where nothing moves.
    """
    steps = (vectors - vectors.roll(-1, 0)).double().norm(dim=1)
    return steps / steps.mean() if steps.max() > 0 else torch.ones_like(steps)


def _retime(times: Tensor, steps: Tensor) -> Tensor:
    """Return times at equal distances; between frames the path is straight."""
    steps = steps + 1e-6 * steps.mean() + 1e-12  # a way that stands still is walked in no time, but in some
    distances = torch.cat([steps.new_zeros(1), steps.cumsum(0)])
    targets = torch.arange(len(times), dtype=distances.dtype) * distances[-1] / len(times)
    segment = torch.searchsorted(distances, targets, right=True).clamp(1, len(steps)) - 1
    ends = torch.cat([times, times[:1] + 1])
    retimed = ends[segment] + (targets - distances[segment]) / steps[segment] * (ends[segment + 1] - ends[segment])
    return retimed.clamp(0, 1 - 1e-9)
