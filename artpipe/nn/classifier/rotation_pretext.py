"""Telling by how many quarter turns a picture was rotated (Gidaris et al. 2018): a lesson that needs no labels."""

import torch
from torch import Tensor

ROTATIONS = ("upright", "90° left", "upside down", "90° right")


def quarter_turns(images: Tensor, turns: Tensor) -> tuple[Tensor, Tensor]:
    """Return the central squares ``(N, C, S, S)`` turned left by `turns` times 90 degrees, and `turns`."""
    side = min(images.shape[2:])
    top, left = (images.shape[2] - side) // 2, (images.shape[3] - side) // 2
    square = images[:, :, top : top + side, left : left + side]
    turned = torch.stack([square.rot90(k, (2, 3)) for k in range(len(ROTATIONS))])
    return turned[turns, torch.arange(len(images), device=images.device)], turns
