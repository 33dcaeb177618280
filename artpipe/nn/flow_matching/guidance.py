"""Predictions led by a condition, and kept to a picture outside of a mask.

Classifier-free guidance: Ho & Salimans 2022.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from artpipe.nn.flow_matching.straight_path import follow_path
from artpipe.nn.layers.batching import split_rows

_AT_ONCE = 128  # pictures painted at once


@dataclass(frozen=True)
class GuidedPredictor:
    """Predicts pictures from points of a path, as `follow_path` asks for them.

    Between the times of `interval` (Kynkaanniemi et al. 2024) predictions go on from those of the condition `away`, through
    those of the own one and beyond. With a picture, predictions are the picture where `painted` is 0.
    """

    network: nn.Module
    condition: Tensor  # (N, D)
    away: Tensor  # (1, D)
    guidance: float = 1.0
    interval: tuple[float, float] = (0.0, 1.0)
    picture: Tensor | None = None  # (C, H, W) in [-1, 1]
    painted: Tensor | None = None  # (1, H, W), 0 or 1

    def paint(self, noise: Tensor, steps: int, strength: float, *, heun: bool, shift: float) -> Tensor:
        """Follow paths from noise ``(N, C, H, W)``; return pictures in [-1, 1].

        With a picture they begin on the way from it, at `strength` of the way.
        """
        pictures = []
        for points, part in zip(split_rows(noise, _AT_ONCE), split_rows(self.condition, _AT_ONCE), strict=True):
            picture = self.picture
            start = points if picture is None else torch.lerp(picture.to(points).expand_as(points), points, strength)
            predict = replace(self, condition=part)
            end = follow_path(predict, start, steps, heun=heun, begin=1 - strength, shift=shift)
            pictures.append(predict.keep_picture(end.clamp(-1, 1)))
        return torch.cat(pictures)

    def __call__(self, points: Tensor, time: float) -> Tensor:
        """Return pictures ``(N, C, H, W)`` of points of the path at a time."""
        low, high = self.interval
        is_guided = self.guidance != 1 and low <= time <= high
        return self.keep_picture(self._guide(points, time) if is_guided else self._ask(points, time, self.condition))

    def keep_picture(self, predicted: Tensor) -> Tensor:
        """Return the predictions with the picture where nothing is painted."""
        if self.picture is None or self.painted is None:
            return predicted
        return torch.where(self.painted.to(predicted) > 0, predicted, self.picture.to(predicted))

    def _guide(self, points: Tensor, time: float) -> Tensor:
        conditions = torch.cat([self.condition, self.away.expand(len(points), -1)])
        asked, free = self._ask(points.repeat(2, 1, 1, 1), time, conditions).chunk(2)
        return free + self.guidance * (asked - free)

    def _ask(self, points: Tensor, time: float, conditions: Tensor) -> Tensor:
        predicted: Tensor = self.network(points, points.new_full((len(points),), time), conditions)
        return predicted.float()
