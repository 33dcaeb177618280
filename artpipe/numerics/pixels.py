"""Pixels as bytes and as floats in [-1, 1]."""

import torch
from torch import Tensor


def to_float(images: Tensor) -> Tensor:
    """Map uint8 pictures to float32 in [-1, 1]."""
    return images.float().div_(127.5).sub_(1)


def to_bytes(images: Tensor) -> Tensor:
    """Map pictures in [-1, 1] to uint8, rounded."""
    return images.float().clamp(-1, 1).add(1).mul(127.5).round().to(torch.uint8)
