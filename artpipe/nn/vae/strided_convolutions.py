"""From pictures to few places and back in large strides: convolutions that cost a CPU little more than a matrix product."""

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn


def strides_to(side: int) -> list[int]:
    """Return the strides from the picture inwards, 4 and a last 2 where one is left over, down to maps of 4 to 13 pixels."""
    halvings = max(1, int(math.log2(side / 7)))
    return [4] * (halvings // 2) + [2] * (halvings % 2)


def inwards(channels: int, widths: list[int], strides: list[int]) -> Iterator[nn.Module]:
    """Yield the way in: patches that overlap by half, each read by one convolution."""
    for before, after, stride in zip([channels, *widths], widths, strides, strict=False):
        yield from (nn.Conv2d(before, after, 2 * stride, stride, padding=stride // 2), nn.ReLU())


def outwards(channels: int, widths: list[int], strides: list[int]) -> Iterator[nn.Module]:
    """Yield the way back; each place paints its pixels from its neighbourhood (a strided transposed one is 8 times slower on a CPU)."""
    stages = zip(widths[::-1], [*widths[-2::-1], channels], strides[::-1], strict=True)
    for before, after, stride in stages:
        yield from (nn.ReLU(), nn.Conv2d(before, after * stride**2, 3, padding=1), nn.PixelShuffle(stride))


class Residual(nn.Module):
    """Add a convolution of what the maps show to the maps (He et al. 2016)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.block = nn.Sequential(nn.ReLU(), nn.Conv2d(width, width, 3, padding=1))

    def forward(self, maps: Tensor) -> Tensor:
        """Return ``(B, C, h, w)``."""
        return maps + torch.as_tensor(self.block(maps))
