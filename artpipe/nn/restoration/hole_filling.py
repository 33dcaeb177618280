"""Filling holes without learning: a smooth guess in a few passes, and the harmonic fill, which has no wrinkle at all."""

import torch
from torch import Tensor
from torch.nn import functional as F

from artpipe.errors import UserError


def require_something(lost: Tensor) -> None:
    """Refuse a mask ``(N, 1, H, W)`` that leaves nothing to go by.

    Raises:
        UserError: every pixel of a picture is lost.
    """
    whole = lost.flatten(1).all(1).nonzero()
    if len(whole):
        height, width = lost.shape[2:]
        raise UserError(f"mask {int(whole[0])}: it covers all {width} x {height} pixels; leave some of the picture")


def pull_push(images: Tensor, lost: Tensor) -> Tensor:
    """Return ``(N, C, H, W)`` with lost pixels guessed from ever coarser means of known ones (Gortler et al. 1996)."""
    known = (~lost).to(images)
    if not bool(lost.any()):
        return images
    if min(images.shape[2:]) == 1:
        mean = (images * known).sum((2, 3), keepdim=True) / known.sum((2, 3), keepdim=True).clamp(min=1)
        return torch.where(lost, mean, images)
    size = [-(-side // 2) for side in images.shape[2:]]
    margin = (0, images.shape[3] % 2, 0, images.shape[2] % 2)
    weight = F.avg_pool2d(F.pad(known, margin), 2)
    mean = F.avg_pool2d(F.pad(images * known, margin), 2) / weight.clamp(min=0.25)
    coarse = pull_push(mean, weight == 0)
    fine = F.interpolate(coarse, scale_factor=2, mode="bilinear", align_corners=False)
    assert list(coarse.shape[2:]) == size  # noqa: S101 - a margin makes the halves whole
    return torch.where(lost, fine[:, :, : images.shape[2], : images.shape[3]], images)


def harmonic(images: Tensor, lost: Tensor, tolerance: float = 1e-3, most: int = 2000) -> Tensor:
    """Return ``(N, C, H, W)`` whose lost pixels are each the mean of their neighbours: the membrane over the hole.

    Conjugate gradients on the graph Laplacian; at the picture's border there is no neighbour to count.

    Args:
        images: ``(N, C, H, W)``.
        lost: ``(N, 1, H, W)`` bool.
        tolerance: of the residual, as a share of the first one.
        most: passes, at most.

    Raises:
        UserError: see `require_something`.
    """
    require_something(lost)
    hole = lost.to(images)
    x = pull_push(images, lost)
    residual = -_laplacian(x) * hole
    direction, square = residual, _dot(residual, residual)
    goal = tolerance**2 * square
    for _ in range(most):
        if bool((square <= goal).all()):
            break
        moved = _laplacian(direction) * hole
        length = square / _dot(direction, moved).clamp(min=1e-20)
        x = x + length * direction
        residual = residual - length * moved
        before, square = square, _dot(residual, residual)
        direction = residual + square / before.clamp(min=1e-20) * direction
    return torch.where(lost, x, images)


def _laplacian(x: Tensor) -> Tensor:
    """Return the sum over neighbours of ``x - neighbour``."""
    found = torch.zeros_like(x)
    for dim in (2, 3):
        step = x.diff(dim=dim)
        size = x.shape[dim]
        found.narrow(dim, 1, size - 1).add_(step)
        found.narrow(dim, 0, size - 1).sub_(step)
    return found


def _dot(a: Tensor, b: Tensor) -> Tensor:
    return (a * b).sum((1, 2, 3), keepdim=True)
