"""Coarse layouts from which patch synthesis starts."""

import torch
from torch import Tensor

from artpipe.numerics.patch_synthesis import (
    PatchSettings,
    Size,
    SourceLevel,
    average_patches,
    match_patches,
    resize_bicubic,
)

_FIELDS = 3  # a side, of the grid of random numbers that says which picture is seen where
_FIELD_EDGE = 8.0  # more: fields of sharper edges
_LIFT = 0.2  # of the height, by which a copy moves up or down at most
_GROWTH = 1.15  # of a side, between two matches
_MATCHES = 2  # after each growth


def mix_in_fields(pictures: Tensor, noise: float, generator: torch.Generator) -> Tensor:
    """Return ``(C, H, W)`` in whose fields one of ``(N, C, H, W)`` is seen, and noise.

    `noise` is in standard deviations of the pictures.
    """
    size = (pictures.shape[2], pictures.shape[3])
    heights = torch.randn(1, len(pictures), _FIELDS, _FIELDS, generator=generator)
    seen = (_FIELD_EDGE * resize_bicubic(heights, size)[0]).softmax(0)
    return add_noise((seen[:, None] * pictures).sum(0), noise * float(pictures.std()), generator)


def add_noise(picture: Tensor, deviation: float, generator: torch.Generator) -> Tensor:
    """Return a picture with normal noise."""
    return picture + deviation * torch.randn(picture.shape, generator=generator)


def shift_at_random(picture: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Return `count` moved copies ``(N, C, H, W)`` of a picture.

    What leaves at one side enters at the other. They move freely to the side and a little up or down, so that a sky stays above.
    """
    height, width = picture.shape[1:]
    shares = torch.rand(count, 2, generator=generator).tolist()
    moves = [(int((2 * down - 1) * _LIFT * height), int(right * width)) for down, right in shares]
    return torch.stack([picture.roll(move, (1, 2)) for move in moves])


def grow_to_format(
    source: SourceLevel, target: Size, noise: float, generator: torch.Generator, settings: PatchSettings
) -> Tensor:
    """Return a layout ``(C, *target)`` of the first work.

    It grows little by little and is matched after each growth.
    """
    work = source.sharp[0]
    guess, size = add_noise(work, noise * float(work.std()), generator), source.size
    while size != target:
        size = (_grow(size[0], target[0]), _grow(size[1], target[1]))
        guess = resize_bicubic(guess[None], size)[0]
        for _ in range(_MATCHES):
            matches, _ = match_patches(source, guess, None, generator, settings, enlarged=False)
            guess = average_patches(source.sharp, matches, settings.patch)
    return guess


def _grow(side: int, target: int) -> int:
    return min(target, max(side + 1, round(side * _GROWTH))) if side < target else target


def recolour(layout: Tensor, matter: Tensor) -> Tensor:
    """Return a layout ``(C, H, W)`` with the mean and deviation of matter.

    Both are those of each channel.
    """
    centre, spread = layout.mean((1, 2), keepdim=True), layout.std((1, 2), keepdim=True)
    return (layout - centre) / (spread + 1e-6) * matter.std((1, 2), keepdim=True) + matter.mean((1, 2), keepdim=True)
