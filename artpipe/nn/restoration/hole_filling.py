"""Hole filling without learning: pull-push and the harmonic fill."""

import torch
from torch import Tensor
from torch.nn import functional as F

from artpipe.errors import UserError


def require_visible_pixels(lost: Tensor) -> None:
    """Refuse a mask ``(N, 1, H, W)`` that covers all pixels of a picture.

    Raises:
        UserError: every pixel of a picture is lost.
    """
    fully_lost = lost.flatten(1).all(1).nonzero()
    if len(fully_lost):
        height, width = lost.shape[2:]
        raise UserError(
            f"mask {int(fully_lost[0])}: it covers all {width} x {height} pixels; leave some of the picture"
        )


def fill_pull_push(images: Tensor, lost: Tensor) -> Tensor:
    """Fill lost pixels from ever coarser means of visible ones (Gortler et al. 1996).

    Returns ``(N, C, H, W)``.
    """
    visible = (~lost).to(images)
    if not bool(lost.any()):
        return images
    if min(images.shape[2:]) == 1:
        mean = (images * visible).sum((2, 3), keepdim=True) / visible.sum((2, 3), keepdim=True).clamp(min=1)
        return torch.where(lost, mean, images)
    size = [-(-side // 2) for side in images.shape[2:]]
    margin = (0, images.shape[3] % 2, 0, images.shape[2] % 2)
    weight = F.avg_pool2d(F.pad(visible, margin), 2)
    mean = F.avg_pool2d(F.pad(images * visible, margin), 2) / weight.clamp(min=0.25)
    coarse = fill_pull_push(mean, weight == 0)
    fine = F.interpolate(coarse, scale_factor=2, mode="bilinear", align_corners=False)
    assert list(coarse.shape[2:]) == size  # noqa: S101 - a margin makes the halves whole
    return torch.where(lost, fine[:, :, : images.shape[2], : images.shape[3]], images)


def fill_harmonic(images: Tensor, lost: Tensor, tolerance: float = 1e-3, max_passes: int = 2000) -> Tensor:
    """Fill lost pixels so that each is the mean of its neighbours.

    Returns ``(N, C, H, W)``: a membrane over the hole.

    Conjugate gradients on the graph Laplacian; at the picture's border there is no neighbour to count.

    Args:
        images: ``(N, C, H, W)``.
        lost: ``(N, 1, H, W)`` bool.
        tolerance: of the residual, as a share of the first one.
        max_passes: of conjugate gradients.

    Raises:
        UserError: see `require_something`.
    """
    require_visible_pixels(lost)
    hole = lost.to(images)
    x = fill_pull_push(images, lost)
    residual = -_laplacian(x) * hole
    direction, square = residual, _dot(residual, residual)
    goal = tolerance**2 * square
    for _ in range(max_passes):
        if bool((square <= goal).all()):
            break
        curvature = _laplacian(direction) * hole
        length = square / _dot(direction, curvature).clamp(min=1e-20)
        x = x + length * direction
        residual = residual - length * curvature
        before, square = square, _dot(residual, residual)
        direction = residual + square / before.clamp(min=1e-20) * direction
    return torch.where(lost, x, images)


def _laplacian(x: Tensor) -> Tensor:
    """Return the sum over neighbours of ``x - neighbour``."""
    total = torch.zeros_like(x)
    for dim in (2, 3):
        step = x.diff(dim=dim)
        size = x.shape[dim]
        total.narrow(dim, 1, size - 1).add_(step)
        total.narrow(dim, 0, size - 1).sub_(step)
    return total


def _dot(a: Tensor, b: Tensor) -> Tensor:
    return (a * b).sum((1, 2, 3), keepdim=True)
