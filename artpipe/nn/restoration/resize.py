"""Bicubic resizing (a = -0.5, without aliasing, as in other tools) and crops."""

import torch
from torch import Tensor
from torch.nn import functional as F

from artpipe.numerics.pixels import to_bytes, to_float


def resize_bicubic(images: Tensor, height: int, width: int) -> Tensor:
    """Return ``(N, C, height, width)`` of ``(N, C, H, W)``, not clamped.

    The kernel widens with a reduction.
    """
    return F.interpolate(images, (height, width), mode="bicubic", align_corners=False, antialias=True)


def downscale(images: Tensor, scale: int) -> Tensor:
    """Return pictures `scale` times smaller, clamped and rounded to 256 levels."""
    small = resize_bicubic(images, images.shape[2] // scale, images.shape[3] // scale)
    return to_float(to_bytes(small))


def upscale(images: Tensor, scale: int) -> Tensor:
    """Return pictures `scale` times larger, in [-1, 1]."""
    return resize_bicubic(images, images.shape[2] * scale, images.shape[3] * scale).clamp(-1, 1)


def crop_to_multiple(images: Tensor, unit: int) -> Tensor:
    """Return pictures without the last rows and columns that do not fill a `unit`."""
    return images[..., : images.shape[-2] // unit * unit, : images.shape[-1] // unit * unit]


def draw_crops(images: Tensor, side: int, unit: int) -> Tensor:
    """Return a random square of each picture, turned and mirrored at random.

    The random numbers are those of torch's global generator.

    Args:
        images: ``(N, C, H, W)``.
        side: of the square, at most the picture's shorter side.
        unit: the side is made a multiple of it.
    """
    height, width = images.shape[2:]
    side = min(side, height, width) // unit * unit
    squares = []
    for image in images:
        top, left = (int(torch.randint(0, room - side + 1, ())) for room in (height, width))
        turns, mirror = int(torch.randint(0, 4, ())), bool(torch.randint(0, 2, ()))
        square = torch.rot90(image[:, top : top + side, left : left + side], turns, (1, 2))
        squares.append(square.flip(2) if mirror else square)
    return torch.stack(squares)
