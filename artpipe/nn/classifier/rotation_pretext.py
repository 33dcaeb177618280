"""Rotation pretext task: by how many quarter turns was a picture rotated.

It needs no labels (Gidaris et al. 2018).
"""

import torch
from torch import Tensor

ROTATIONS = ("upright", "90° left", "upside down", "90° right")


def rotate_quarters(images: Tensor, turns: Tensor) -> tuple[Tensor, Tensor]:
    """Return the central squares, turned left by `turns` quarter turns, and `turns`.

    The squares are ``(N, C, S, S)``.
    """
    side = min(images.shape[2:])
    top, left = (images.shape[2] - side) // 2, (images.shape[3] - side) // 2
    square = images[:, :, top : top + side, left : left + side]
    turned = torch.stack([square.rot90(k, (2, 3)) for k in range(len(ROTATIONS))])
    return turned[turns, torch.arange(len(images), device=images.device)], turns
