"""Degradations for a feature extractor, to be trained on.

A classifier trained on clean pictures saturates on a GAN's dirty ones (docs/log.md).

All take and return ``(B, C, H, W)`` in [-1, 1] and draw one strength per picture from torch's global generator.
"""

import torch
from torch import Tensor
from torch.nn import functional as F


def warp(images: Tensor, *, shift: float, degrees: float, zoom: float, flip: bool) -> Tensor:
    """Shift, turn, scale and mirror each picture by its own random amount.

    Pixels from beyond the border repeat the border.

    Args:
        images: ``(B, C, H, W)``.
        shift: largest shift, as a share of the side.
        degrees: largest turn to either side.
        zoom: largest relative change of scale, in [0, 1).
        flip: mirror half of them left to right.
    """
    draws = torch.rand(5, len(images), device=images.device) * 2 - 1
    angle, scale = draws[0] * degrees * torch.pi / 180, 1 + draws[1] * zoom
    mirror = draws[4].sign() if flip else torch.ones_like(scale)
    cos, sin = angle.cos() * scale, angle.sin() * scale
    rows = [
        torch.stack([cos * mirror, -sin, 2 * shift * draws[2]], 1),
        torch.stack([sin * mirror, cos, 2 * shift * draws[3]], 1),
    ]
    grid = F.affine_grid(torch.stack(rows, 1), list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, padding_mode="border", align_corners=False)


def make_dirty(images: Tensor, *, noise_std: float, grey: float, blur: float, share: float = 0.5) -> Tensor:
    """Blur, then mix in grey, then add noise, each by chance.

    Each degradation comes to a random `share` of the pictures, at strengths up to the given one.

    Args:
        images: ``(B, C, H, W)``.
        noise_std: largest standard deviation of the noise, in units of the [-1, 1] scale.
        grey: largest share of a random grey mixed in, which lifts black ground and dulls white ground.
        blur: largest share of a 3x3 mean mixed in, in [0, 1].
        share: probability of each degradation for each picture.
    """
    size = (3, len(images), 1, 1, 1)
    strength = torch.rand(size, device=images.device) * (torch.rand(size, device=images.device) < share)
    blurred = F.avg_pool2d(F.pad(images, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    images = images + blur * strength[0] * (blurred - images)
    ground = torch.rand(len(images), 1, 1, 1, device=images.device) * 2 - 1
    images = images + grey * strength[1] * (ground - images)
    return (images + noise_std * strength[2] * torch.randn_like(images)).clamp(-1, 1)


def erase_rectangle(images: Tensor, *, largest: float, share: float = 0.5) -> Tensor:
    """Cover a random rectangle with a random grey, in a `share` of the pictures.

    The rectangle covers up to `largest` of each side.
    """
    draws = torch.rand(6, len(images), 1, 1, 1, device=images.device)
    rows = _pixel_centres(images.shape[2], images.device)[:, None]
    columns = _pixel_centres(images.shape[3], images.device)
    covered = (rows - draws[1]).abs() < 0.5 * largest * draws[2]
    covered = covered & ((columns - draws[3]).abs() < 0.5 * largest * draws[4]) & (draws[0] < share)
    return torch.where(covered, draws[5] * 2 - 1, images)


def _pixel_centres(length: int, device: torch.device) -> Tensor:
    return (torch.arange(length, device=device) + 0.5) / length
