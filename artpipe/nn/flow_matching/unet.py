"""A U-Net after space-to-depth, conditioned by scale and shift.

Ronneberger et al. 2015; of pictures of any size.
"""

import itertools
import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from artpipe.nn.layers.blocks import conv

_ATTENTION_SIDE = 8  # the longest side of maps that attend to themselves
_SMALL_SIDE = 48  # pixels of the longer side, up to which 2 x 2 become channels; above it 4 x 4
_TIME_SCALE = 1000.0  # of the sinusoids of a time in [0, 1]


class TimeEmbedding(nn.Module):
    """Maps times in [0, 1] to vectors, by sinusoids and a small network."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.frequencies = dim // 2
        self.mix = nn.Sequential(nn.Linear(2 * self.frequencies, dim), nn.SiLU(), nn.Linear(dim, dim))

    def forward(self, times: Tensor) -> Tensor:
        """Return ``(B, dim)`` of times ``(B,)``."""
        exponents = torch.arange(self.frequencies, device=times.device, dtype=torch.float32) / self.frequencies
        angles = _TIME_SCALE * times[:, None].float() * torch.exp(-math.log(10_000.0) * exponents)
        embedding: Tensor = self.mix(torch.cat([angles.cos(), angles.sin()], 1))
        return embedding


class ScaledResidual(nn.Module):
    """Two 3x3 convolutions added to the identity, scaled and shifted by a condition."""

    def __init__(self, channels: int, condition_dim: int) -> None:
        super().__init__()
        self.first_norm = nn.GroupNorm(_groups(channels), channels)
        self.last_norm = nn.GroupNorm(_groups(channels), channels)
        self.first, self.last = conv(channels, channels), conv(channels, channels, zero=True)
        self.modulation = nn.Linear(condition_dim, 2 * channels)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """Keep ``(B, channels, H, W)``; the condition is ``(B, condition_dim)``."""
        scale, shift = self.modulation(condition)[:, :, None, None].chunk(2, dim=1)
        maps = self.last_norm(self.first(F.silu(self.first_norm(x)))) * (1 + scale) + shift
        change: Tensor = self.last(F.silu(maps))
        return x + change


class SelfAttention(nn.Module):
    """Every place of a small map looks at every other (Vaswani et al. 2017)."""

    def __init__(self, channels: int, heads: int = 4) -> None:
        super().__init__()
        self.heads = heads if channels % heads == 0 else 1
        self.norm = nn.GroupNorm(_groups(channels), channels)
        self.questions, self.answer = conv(channels, 3 * channels, 1), conv(channels, channels, 1, zero=True)

    def forward(self, x: Tensor) -> Tensor:
        """Keep ``(B, channels, H, W)``."""
        height, width = x.shape[2:]
        parts = self.questions(self.norm(x)).reshape(len(x), 3, self.heads, -1, height * width).transpose(3, 4)
        query, key, value = parts.unbind(1)  # (B, heads, H W, channels / heads) each
        mixed = F.scaled_dot_product_attention(query, key, value)
        change: Tensor = self.answer(mixed.transpose(2, 3).reshape(len(x), -1, height, width))
        return x + change


class ConditionalUNet(nn.Module):
    """Predicts pictures from noisy ones, their times and a condition.

    `fold` pixels a side become channels first. Maps are halved until no side is longer than 8; the outermost have
    `width` channels, each further one twice as many, the innermost `inner_width`.
    """

    def __init__(
        self, channels: int, size: tuple[int, int], *, fold: int, width: int, inner_width: int,
        blocks: int, inner_blocks: int, condition_dim: int,
    ) -> None:  # fmt: skip
        super().__init__()
        halvings = count_halvings(size, fold)
        self.size, self.fold, self.unit = size, fold, fold * 2**halvings
        widths = [min(width * 2**level, inner_width) for level in range(halvings)] + [inner_width]
        self.time = TimeEmbedding(condition_dim)
        self.first = conv(channels * fold**2, widths[0])

        def residuals(channels: int, count: int) -> nn.ModuleList:
            return nn.ModuleList(ScaledResidual(channels, condition_dim) for _ in range(count))

        self.down = nn.ModuleList(residuals(outer, blocks) for outer in widths[:-1])
        self.up = nn.ModuleList(residuals(outer, blocks) for outer in widths[:-1])
        pairs = list(itertools.pairwise(widths))
        self.shrink = nn.ModuleList(conv(4 * outer, inner, 1) for outer, inner in pairs)
        self.grow = nn.ModuleList(conv(inner, outer, 1) for outer, inner in pairs)
        self.merge = nn.ModuleList(conv(2 * outer, outer, 1) for outer, _ in pairs)
        self.inner, self.attention = residuals(inner_width, inner_blocks), SelfAttention(inner_width)
        self.norm = nn.GroupNorm(_groups(widths[0]), widths[0])
        self.last = conv(widths[0], channels * fold**2, zero=True)

    def forward(self, points: Tensor, times: Tensor, condition: Tensor) -> Tensor:
        """Return ``(B, C, H, W)`` of noisy pictures ``(B, C, H, W)`` and conditions."""
        condition = F.silu(self.time(times) + condition)
        x = self.first(F.pixel_unshuffle(self._pad(points), self.fold))
        skips = []
        for blocks, shrink in zip(self.down, self.shrink, strict=True):
            x = _apply(blocks.children(), x, condition)
            skips.append(x)
            x = shrink(F.pixel_unshuffle(x, 2))
        half = len(self.inner) // 2
        x = _apply(self.inner[:half], x, condition)
        x = _apply(self.inner[half:], self.attention(x), condition)
        for level in reversed(range(len(skips))):
            grown = F.interpolate(self.grow[level](x), scale_factor=2.0, mode="nearest")
            x = _apply(self.up[level].children(), self.merge[level](torch.cat([grown, skips[level]], 1)), condition)
        pictures = F.pixel_shuffle(self.last(F.silu(self.norm(x))), self.fold)
        return pictures[:, :, : self.size[0], : self.size[1]]

    def _pad(self, points: Tensor) -> Tensor:
        below, right = (-side % self.unit for side in self.size)
        return F.pad(points, (0, right, 0, below), mode="replicate") if below or right else points


def build_unet(channels: int, size: tuple[int, int], shape: Any) -> ConditionalUNet:
    """Return a network for pictures of a size; `shape` has its arguments as fields.

    A `fold` of 0 is 2 for small pictures, else 4.
    """
    return ConditionalUNet(
        channels, size, fold=shape.fold or (2 if max(size) <= _SMALL_SIDE else 4), width=shape.width,
        inner_width=shape.inner_width, blocks=shape.blocks, inner_blocks=shape.inner_blocks,
        condition_dim=shape.condition_dim,
    )  # fmt: skip


def count_halvings(size: tuple[int, int], fold: int) -> int:
    """Return how often maps of folded pictures are halved until no side is over 8."""
    longest, halvings = -(-max(size) // fold), 0
    while longest > _ATTENTION_SIDE:
        longest, halvings = -(-longest // 2), halvings + 1
    return halvings


def _apply(blocks: Iterable[nn.Module], x: Tensor, condition: Tensor) -> Tensor:
    for block in blocks:
        x = block(x, condition)
    return x


def _groups(channels: int) -> int:
    """Return into how many groups of at least 4 channels maps are divided, 8 at most."""
    return next(count for count in (8, 4, 2, 1) if channels % count == 0 and (channels // count >= 4 or count == 1))  # noqa: PLR2004
