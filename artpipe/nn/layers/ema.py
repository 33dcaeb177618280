"""Exponential moving average of a network's weights: the network that is shown and scored."""

import copy

import torch
from torch import nn


def averaged_copy(network: nn.Module) -> nn.Module:
    """Return a frozen copy in eval mode; register it in the learner, so that it is saved with the rest."""
    return copy.deepcopy(network).eval().requires_grad_(requires_grad=False)


def decay(pictures: int, halflife_pictures: float, pictures_seen: float, ramp: float = 0.05) -> float:
    """Return the share of the old average kept after a step of `pictures`.

    The half-life grows with what was seen (`ramp` of it), so the first averages forget the random start
    (Karras et al. 2020). A half-life of 0 keeps nothing: the average is the network itself.
    """
    halflife = min(halflife_pictures, ramp * pictures_seen)
    return float(0.5 ** (pictures / halflife)) if halflife > 0 else 0.0


@torch.no_grad()
def update(average: nn.Module, network: nn.Module, kept: float) -> None:
    """Move the average's weights towards the network's; buffers (batch norm's statistics) are copied."""
    for old, new in zip(average.parameters(), network.parameters(), strict=True):
        old.lerp_(new, 1 - kept)
    for kept_buffer, buffer in zip(average.buffers(), network.buffers(), strict=True):
        kept_buffer.copy_(buffer)
