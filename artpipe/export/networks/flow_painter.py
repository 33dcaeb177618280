"""A rectified flow with its whole sampler, from noise to picture."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from artpipe.contracts.exported_network import ExportedPainter
from artpipe.nn.flow_matching.conditions import CaptionEncoder
from artpipe.nn.flow_matching.straight_path import shift_times, velocity_to
from artpipe.nn.flow_matching.unet import ConditionalUNet, SelfAttention
from artpipe.numerics.caption_tokens import PIECES, WORDS

_SMALL_SIDE = 48  # pixels of the longer side, up to which 2 x 2 become channels; above it 4 x 4


class TracedAttention(SelfAttention):
    """Computes what its base does, for any number of rows once it is traced.

    `len(x)` is a number to the tracer, which then writes a network for that many rows.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Keep ``(B, channels, H, W)``."""
        height, width = x.shape[2:]
        parts = self.questions(self.norm(x)).unflatten(1, (3, self.heads, -1)).flatten(4).transpose(3, 4)
        query, key, value = parts.unbind(1)
        mixed = F.scaled_dot_product_attention(query, key, value).transpose(2, 3)
        change: Tensor = self.answer(mixed.flatten(1, 2).unflatten(2, (height, width)))  # type: ignore[no-untyped-call]
        return x + change


class FlowPainter(ExportedPainter):
    """Follows the path in the steps, and with the guidance, of the model."""

    class_tokens: Tensor

    def __init__(self, settings: Mapping[str, Any]) -> None:
        super().__init__(settings)
        params, size, tables = settings["params"], (self.height, self.width), len(self.classes) + 1
        self.noise_size = self.channels * self.height * self.width
        self.classes = self.classes if params["conditional"] else []
        self.guidance, self.is_heun = params["guidance"], params["solver"] == "heun"
        self.guided_from, self.guided_to = params["guided_from"], params["guided_to"]
        steps = params["sampling_steps"]
        self.times: list[float] = shift_times(torch.arange(steps + 1) / steps, params["time_shift"]).tolist()
        unet = ConditionalUNet(
            self.channels, size, fold=params["fold"] or (2 if max(size) <= _SMALL_SIDE else 4), width=params["width"],
            inner_width=params["inner_width"], blocks=params["blocks"], inner_blocks=params["inner_blocks"],
            condition_dim=params["condition_dim"],
        )  # fmt: skip
        unet.attention = TracedAttention(params["inner_width"])
        self.average = nn.ModuleDict({"captions": CaptionEncoder(params["condition_dim"]), "unet": unet})
        # The words of each class; the last row is no word.
        self.register_buffer("class_tokens", torch.zeros(tables, WORDS, PIECES, dtype=torch.int16))

    def forward(self, noise: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return pictures of noise ``(N, C H W)``; label -1 is none."""
        points = noise.view(-1, self.channels, self.height, self.width)
        every = self.average["captions"](self.class_tokens)
        none = every.shape[0] - 1
        rows = noise[:, 0].long() * 0 + none if labels is None else torch.where(labels < 0, none, labels)
        asked, away = every[rows], every[-1:].expand(noise.shape[0], -1)
        for start, end in zip(self.times[:-1], self.times[1:], strict=True):
            here = self._velocity(points, start, asked, away)
            ahead = points + (end - start) * here
            if self.is_heun and end < 1:
                there = self._velocity(ahead, end, asked, away)
                ahead = points + (end - start) / 2 * (here + there)
            points = ahead
        return points.clamp(-1, 1)

    def _velocity(self, points: Tensor, time: float, asked: Tensor, away: Tensor) -> Tensor:
        predicted = self._predict(points, time, asked)
        if self.guidance != 1 and self.guided_from <= time <= self.guided_to:
            free = self._predict(points, time, away)
            predicted = free + self.guidance * (predicted - free)
        return velocity_to(predicted, points, time)

    def _predict(self, points: Tensor, time: float, condition: Tensor) -> Tensor:
        times = points[:, 0, 0, 0] * 0 + time
        return torch.as_tensor(self.average["unet"](points, times, condition))
