"""Straight paths from noise to pictures (Liu et al. 2023; Lipman et al. 2023).

At time t in [0, 1] a path is at ``(1 - t) noise + t picture``; its velocity is ``picture - noise``. A network predicts the
picture, the loss is on the velocity.
"""

from collections.abc import Callable

import torch
from torch import Tensor

NEAR_END = 0.05  # of the time left, below which errors count no more heavily
Predictor = Callable[[Tensor, float], Tensor]  # from points (N, C, H, W) at a time to pictures


def draw_times(count: int, mean: float, std: float) -> Tensor:
    """Return times ``(count,)`` in (0, 1) whose logits are normal (Esser et al. 2024)."""
    return torch.sigmoid(mean + std * torch.randn(count))


def spread_times(count: int, mean: float, std: float) -> Tensor:
    """Return times ``(count,)`` at even quantiles of `draw_times`, in a fixed order."""
    quantiles = (torch.arange(count) + 0.5) / count
    times = torch.sigmoid(mean + std * torch.special.ndtri(quantiles))
    return times[torch.randperm(count, generator=torch.Generator().manual_seed(0))]


def interpolate_path(noise: Tensor, pictures: Tensor, times: Tensor) -> Tensor:
    """Return the points ``(B, C, H, W)`` of straight paths at times ``(B,)``."""
    return torch.lerp(noise, pictures, times[:, None, None, None])


def velocity_errors(predicted: Tensor, pictures: Tensor, times: Tensor) -> Tensor:
    """Return the mean squared errors ``(B,)`` of velocities.

    Each leads to a predicted picture; its error is that of the picture by the square of the time left.
    """
    left = (1 - times).clamp(min=NEAR_END)
    return (predicted - pictures).square().flatten(1).mean(1) / left.square()


def velocity_to(predicted: Tensor, points: Tensor, time: float) -> Tensor:
    """Return the velocity at which points reach `predicted` at time 1."""
    return (predicted - points) / (1 - time)


def follow_path(
    predict: Predictor, points: Tensor, steps: int, *, heun: bool = False, begin: float = 0.0, shift: float = 1.0
) -> Tensor:
    """Follow predicted pictures from time `begin` to 1.

    The steps are of Euler or Heun, whose last one is Euler's: no velocity is known at time 1. A `shift` above 1 makes
    the steps near the noise smaller (Esser et al. 2024).
    """
    if begin >= 1:
        return points
    times = begin + (1 - begin) * shift_times(torch.arange(steps + 1) / steps, shift)
    for start, end in zip(times[:-1].tolist(), times[1:].tolist(), strict=True):
        here = velocity_to(predict(points, start), points, start)
        ahead = points + (end - start) * here
        if heun and end < 1:
            there = velocity_to(predict(ahead, end), ahead, end)
            ahead = points + (end - start) / 2 * (here + there)
        points = ahead
    return points


def shift_times(times: Tensor, shift: float) -> Tensor:
    """Return times in [0, 1] moved towards 0 by a factor, the ends left in place."""
    return times / (times + shift * (1 - times))
