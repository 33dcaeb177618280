"""Damage to pictures, each by its seed alone: which pixels are lost, and what stands there instead.

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
KINDS: tuple[Damage, ...] = get_args(Damage)
_NOISE = 2.0
_MOST = 10_000  # strokes of one picture; the share is reached long before


def lost(kind: Damage, height: int, width: int, share: float, brush: float, generator: Generator) -> Tensor:
    """Return which pixels ``(H, W)`` are lost, bool: a `share` of them or a little more; of noise, which hurts less, twice that.

    Args:
        kind: of damage.
        height: of the picture.
        width: of the picture.
        share: of its pixels, below 1.
        brush: largest width of a stroke; a scratch is a sixth of it wide, a stain about three times.
        generator: what decides; the same state, the same pixels.
    """
    if kind == "noise":
        return torch.rand(height, width, generator=generator) < min(_NOISE * share, 0.95)
    if kind == "stains":
        field = _smooth(height, width, 2.5 * brush, generator)
        return field > field.flatten().sort().values[min(field.numel() - 1, round((1 - share) * field.numel()))]
    draw: Callable[[Tensor, float, Generator], None] = _stroke if kind == "strokes" else _scratch
    mask = torch.zeros(height, width, dtype=torch.bool)
    for _ in range(_MOST):
        if np.count_nonzero(mask) >= share * mask.numel():
            break
        draw(mask, brush, generator)
    return mask


def damaged(
    images: Tensor, kinds: Sequence[Damage], shares: tuple[float, float], brush: float, seeds: Sequence[int]
) -> tuple[Tensor, Tensor]:
    """Return pictures with damage, and which pixels were lost ``(N, 1, H, W)``, bool.

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
        share = _between(*shares, generator)
        masks.append(lost(kind, image.shape[1], image.shape[2], share, brush, generator))
        masks[-1][-1, -1] &= ~masks[-1].all()  # something is left to go by, however large the brush
        covers.append(_cover(kind, image.shape, generator))
    mask = torch.stack(masks)[:, None].to(images.device)
    return torch.where(mask, torch.stack(covers).to(images), images), mask


def _between(low: float, high: float, generator: Generator) -> float:
    return low + (high - low) * float(torch.rand((), generator=generator))


def _stroke(mask: Tensor, brush: float, generator: Generator) -> None:
    """Draw a brush that turns back and forth, as a hand does."""
    steps = int(torch.randint(2, 7, (), generator=generator))
    thick = _between(0.4, 1.0, generator) * brush
    turns = torch.rand(steps, generator=generator) * 0.8 * math.pi + 0.1 * math.pi
    angles = torch.rand((), generator=generator) * 2 * math.pi + turns * torch.tensor([1, -1]).repeat(steps)[:steps]
    lengths = (1 + 2 * torch.rand(steps, generator=generator)) * brush
    _draw(mask, angles, lengths, thick, generator)


def _scratch(mask: Tensor, brush: float, generator: Generator) -> None:
    """Draw a long thin line, nearly straight, mostly upright, as a film has."""
    steps = 6
    thick = max(1.0, _between(0.5, 1.0, generator) * brush / 6)
    start = math.pi / 2 + 0.6 * float(torch.randn((), generator=generator))
    angles = start + 0.15 * torch.randn(steps, generator=generator).cumsum(0)
    lengths = (2 + 4 * torch.rand(steps, generator=generator)) * brush / 2
    _draw(mask, angles, lengths, thick, generator)


def _draw(mask: Tensor, angles: Tensor, lengths: Tensor, thick: float, generator: Generator) -> None:
    """Add to ``(H, W)`` the pixels within half of `thick` of a line of segments that begins at a random place."""
    ends = (torch.stack([angles.sin(), angles.cos()], 1) * lengths[:, None]).cumsum(0)
    points = torch.cat([torch.zeros(1, 2), ends]) + torch.rand(2, generator=generator) * torch.tensor(mask.shape)
    seen, reach = mask.numpy(), thick / 2  # the same memory: a call of NumPy costs a fraction of torch's
    for (y, x), (below, beside) in pairwise(points.tolist()):
        down, across = below - y, beside - x
        top, bottom = _within(y, below, reach, mask.shape[0])
        left, right = _within(x, beside, reach, mask.shape[1])
        rows = np.arange(top, bottom)[:, None] + (0.5 - y)
        columns = np.arange(left, right)[None] + (0.5 - x)
        along = ((rows * down + columns * across) / max(1e-9, down**2 + across**2)).clip(0, 1)
        seen[top:bottom, left:right] |= (rows - along * down) ** 2 + (columns - along * across) ** 2 <= reach**2


def _within(start: float, end: float, reach: float, side: int) -> tuple[int, int]:
    """Return the first of the pixels that a line comes near to, and the one after the last."""
    near = math.floor(min(start, end) - reach), math.ceil(max(start, end) + reach)
    return min(max(0, near[0]), side), min(max(0, near[1]), side)


def _smooth(height: int, width: int, grain: float, generator: Generator) -> Tensor:
    """Return a random field ``(H, W)`` whose hills are about `grain` wide, with a ragged edge."""
    total = torch.zeros(1, 1, height, width)
    for octave, weight in ((1, 1.0), (3, 0.25)):
        size = tuple(max(2, math.ceil(octave * side / grain) + 1) for side in (height, width))
        coarse = torch.randn(1, 1, *size, generator=generator)
        total += weight * F.interpolate(coarse, (height, width), mode="bicubic", align_corners=True)
    return total[0, 0]


def _cover(kind: Damage, shape: torch.Size, generator: Generator) -> Tensor:
    """Return what is seen in place of lost pixels ``(C, H, W)``: paper, a bright scratch, a brown stain, noise."""
    if kind == "noise":
        return torch.rand(shape, generator=generator) * 2 - 1
    colours = {"strokes": (0.9, 0.88, 0.82), "scratches": (0.85, 0.82, 0.75), "stains": (-0.35, -0.55, -0.7)}
    return torch.tensor(colours[kind][: shape[0]]).view(-1, 1, 1).expand(shape)
