"""Encoder and decoder layers with large strides.

On a CPU such convolutions cost little more than a matrix product.
"""

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn


def choose_strides(side: int) -> list[int]:
    """Return the strides of the encoder, down to maps of 4 to 13 pixels.

    They are 4, and a last 2 where one halving is left over.
    """
    halvings = max(1, int(math.log2(side / 7)))
    return [4] * (halvings // 2) + [2] * (halvings % 2)


def build_encoder_layers(channels: int, widths: list[int], strides: list[int]) -> Iterator[nn.Module]:
    """Yield the encoder's layers: patches that overlap by half, each read once."""
    for before, after, stride in zip([channels, *widths], widths, strides, strict=False):
        yield from (nn.Conv2d(before, after, 2 * stride, stride, padding=stride // 2), nn.ReLU())


def build_decoder_layers(channels: int, widths: list[int], strides: list[int]) -> Iterator[nn.Module]:
    """Yield the decoder's layers; each place makes its pixels from its neighbourhood.

    A strided transposed convolution is 8 times slower on a CPU.
    """
    stages = zip(widths[::-1], [*widths[-2::-1], channels], strides[::-1], strict=True)
    for before, after, stride in stages:
        yield from (nn.ReLU(), nn.Conv2d(before, after * stride**2, 3, padding=1), nn.PixelShuffle(stride))


class SingleConvolutionResidual(nn.Module):
    """Adds a convolution of the rectified maps to the maps (He et al. 2016)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.block = nn.Sequential(nn.ReLU(), nn.Conv2d(width, width, 3, padding=1))

    def forward(self, maps: Tensor) -> Tensor:
        """Return ``(B, C, h, w)``."""
        return maps + torch.as_tensor(self.block(maps))
