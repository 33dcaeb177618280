"""A plane through the codes of works, along which they differ most."""

import math

import torch
from torch import Tensor


def latent_plane(means: Tensor, side: int, reach: float) -> Tensor:
    """Return codes ``(side * side, Z)`` around the mean of ``(N, Z)``.

    They lie along its two principal directions.
    They are in rows from top to bottom; `reach` is in standard deviations to each side.
    """
    means = means.double()
    centre = means.mean(0)
    _, lengths, directions = torch.linalg.svd(
        torch.cat([means - centre, means.new_zeros(2, means.shape[1])]), full_matrices=False
    )
    # A direction and its opposite are one.
    signs = directions.gather(1, directions.abs().argmax(1, keepdim=True)).sign()
    axes = directions * signs * lengths[:, None] / math.sqrt(len(means))
    steps = torch.linspace(-1, 1, side, dtype=means.dtype, device=means.device) * reach
    across, down = axes[0], axes[1] if len(axes) > 1 else torch.zeros_like(axes[0])
    plane: Tensor = centre + steps[:, None, None] * down + steps[None, :, None] * across
    return plane.float().flatten(0, 1)


def tile_images(pictures: Tensor, side: int) -> Tensor:
    """Tile ``(side * side, C, H, W)`` in rows to one ``(C, side H, side W)``."""
    rows = pictures.view(side, side, *pictures.shape[1:])
    return rows.permute(2, 0, 3, 1, 4).flatten(3, 4).flatten(1, 2)
