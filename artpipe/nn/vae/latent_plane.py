"""A plane through the codes of a variational autoencoder."""

import math

import torch
from torch import Tensor


def principal_plane(means: Tensor, side: int, reach: float) -> Tensor:
    """Return codes ``(side, side, Z)`` around the mean of posterior means ``(N, Z)``.

    The plane lies along the two principal directions of the means; it reaches `reach` standard deviations to each side.
    """
    centre = means.mean(0)
    _, lengths, directions = torch.linalg.svd(
        torch.cat([means - centre, means.new_zeros(2, means.shape[1])]), full_matrices=False
    )
    # A direction and its opposite are one.
    signs = directions.gather(1, directions.abs().argmax(1, keepdim=True)).sign()
    axes = directions * signs * lengths[:, None] / math.sqrt(len(means))
    offsets = torch.linspace(-1, 1, side, dtype=means.dtype, device=means.device) * reach
    across, down = axes[0], axes[1] if len(axes) > 1 else torch.zeros_like(axes[0])
    codes: Tensor = centre + offsets[:, None, None] * down + offsets[None, :, None] * across
    return codes
