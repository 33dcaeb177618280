"""Synthetic damage to pictures: which pixels are lost, and what covers them.

Each picture's damage depends on its seed alone.

Strokes of a brush (the free-form masks of Yu et al. 2019), scratches, stains, and noise. Sizes are in pixels, so a large
picture has more damage of the same size, and not larger damage.
"""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Literal, get_args

import numpy as np
import torch
from torch import Generator, Tensor
from torch.nn import functional as F

Damage = Literal["strokes", "scratches", "stains", "noise"]
DAMAGE_KINDS: tuple[Damage, ...] = get_args(Damage)
_NOISE_FACTOR = 2.0
_MAX_STROKES = 10_000  # strokes of one picture; the share is reached long before


def draw_mask(kind: Damage, height: int, width: int, share: float, brush: float, generator: Generator) -> Tensor:
    """Return which pixels ``(H, W)`` are lost, bool.

    They are a `share` of all or a little more; of noise, which hurts less, twice that.

    Args:
        kind: of damage.
        height: of the picture.
        width: of the picture.
        share: of its pixels, below 1.
        brush: largest width of a stroke; a scratch is a sixth of it wide, a stain about three times.
        generator: what decides; the same state, the same pixels.
    """
    if kind == "noise":
        return torch.rand(height, width, generator=generator) < min(_NOISE_FACTOR * share, 0.95)
    if kind == "stains":
        field = _draw_smooth_field(height, width, 2.5 * brush, generator)
        return field > field.flatten().sort().values[min(field.numel() - 1, round((1 - share) * field.numel()))]
    draw_line: Callable[[Tensor, float, Generator], None] = _draw_stroke if kind == "strokes" else _draw_scratch
    mask = torch.zeros(height, width, dtype=torch.bool)
    for _ in range(_MAX_STROKES):
        if np.count_nonzero(mask) >= share * mask.numel():
            break
        draw_line(mask, brush, generator)
    return mask


def damage_images(
    images: Tensor, kinds: Sequence[Damage], shares: tuple[float, float], brush: float, seeds: Sequence[int]
) -> tuple[Tensor, Tensor]:
    """Return damaged pictures, and which pixels were lost ``(N, 1, H, W)``, bool.

    Args:
        images: ``(N, C, H, W)`` in [-1, 1].
        kinds: a picture's is that of its seed, in turn.
        shares: the least and the largest share of pixels lost.
        brush: see `lost`.
        seeds: one for each picture.
    """
    masks, covers = [], []
    for image, seed in zip(images, seeds, strict=True):
        generator = torch.Generator().manual_seed(int(seed))
        kind = kinds[int(seed) % len(kinds)]
        share = _draw_uniform(*shares, generator)
        masks.append(draw_mask(kind, image.shape[1], image.shape[2], share, brush, generator))
        masks[-1][-1, -1] &= ~masks[-1].all()  # something is left to go by, however large the brush
        covers.append(_draw_cover(kind, image.shape, generator))
    mask = torch.stack(masks)[:, None].to(images.device)
    return torch.where(mask, torch.stack(covers).to(images), images), mask


def _draw_uniform(low: float, high: float, generator: Generator) -> float:
    return low + (high - low) * float(torch.rand((), generator=generator))


def _draw_stroke(mask: Tensor, brush: float, generator: Generator) -> None:
    """Draw a brush stroke that turns back and forth, as a hand's does."""
    steps = int(torch.randint(2, 7, (), generator=generator))
    thick = _draw_uniform(0.4, 1.0, generator) * brush
    turns = torch.rand(steps, generator=generator) * 0.8 * math.pi + 0.1 * math.pi
    angles = torch.rand((), generator=generator) * 2 * math.pi + turns * torch.tensor([1, -1]).repeat(steps)[:steps]
    lengths = (1 + 2 * torch.rand(steps, generator=generator)) * brush
    _draw_segments(mask, angles, lengths, thick, generator)


def _draw_scratch(mask: Tensor, brush: float, generator: Generator) -> None:
    """Draw a long thin line, nearly straight, mostly upright, as scratches in films."""
    steps = 6
    thick = max(1.0, _draw_uniform(0.5, 1.0, generator) * brush / 6)
    start = math.pi / 2 + 0.6 * float(torch.randn((), generator=generator))
    angles = start + 0.15 * torch.randn(steps, generator=generator).cumsum(0)
    lengths = (2 + 4 * torch.rand(steps, generator=generator)) * brush / 2
    _draw_segments(mask, angles, lengths, thick, generator)


def _draw_segments(mask: Tensor, angles: Tensor, lengths: Tensor, thick: float, generator: Generator) -> None:
    """Add a line of segments, `thick` pixels wide, to the mask ``(H, W)``.

    It begins at a random place.
    """
    ends = (torch.stack([angles.sin(), angles.cos()], 1) * lengths[:, None]).cumsum(0)
    points = torch.cat([torch.zeros(1, 2), ends]) + torch.rand(2, generator=generator) * torch.tensor(mask.shape)
    pixels, radius = mask.numpy(), thick / 2  # the same memory: a call of NumPy costs a fraction of torch's
    for (y, x), (below, beside) in pairwise(points.tolist()):
        down, across = below - y, beside - x
        top, bottom = _pixel_range(y, below, radius, mask.shape[0])
        left, right = _pixel_range(x, beside, radius, mask.shape[1])
        rows = np.arange(top, bottom)[:, None] + (0.5 - y)
        columns = np.arange(left, right)[None] + (0.5 - x)
        along = ((rows * down + columns * across) / max(1e-9, down**2 + across**2)).clip(0, 1)
        pixels[top:bottom, left:right] |= (rows - along * down) ** 2 + (columns - along * across) ** 2 <= radius**2


def _pixel_range(start: float, end: float, radius: float, side: int) -> tuple[int, int]:
    """Return the first pixel that a line comes near, and the one after the last."""
    ends = math.floor(min(start, end) - radius), math.ceil(max(start, end) + radius)
    return min(max(0, ends[0]), side), min(max(0, ends[1]), side)


def _draw_smooth_field(height: int, width: int, grain: float, generator: Generator) -> Tensor:
    """Return a random field ``(H, W)`` whose hills are about `grain` pixels wide.

    A second, finer octave makes their edge ragged.
    """
    total = torch.zeros(1, 1, height, width)
    for octave, weight in ((1, 1.0), (3, 0.25)):
        size = tuple(max(2, math.ceil(octave * side / grain) + 1) for side in (height, width))
        coarse = torch.randn(1, 1, *size, generator=generator)
        total += weight * F.interpolate(coarse, (height, width), mode="bicubic", align_corners=True)
    return total[0, 0]


def _draw_cover(kind: Damage, shape: torch.Size, generator: Generator) -> Tensor:
    """Return what covers lost pixels, ``(C, H, W)``.

    Paper, a bright scratch, a brown stain, or noise.
    """
    if kind == "noise":
        return torch.rand(shape, generator=generator) * 2 - 1
    colours = {"strokes": (0.9, 0.88, 0.82), "scratches": (0.85, 0.82, 0.75), "stains": (-0.35, -0.55, -0.7)}
    return torch.tensor(colours[kind][: shape[0]]).view(-1, 1, 1).expand(shape)
