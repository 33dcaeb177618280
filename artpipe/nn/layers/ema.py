"""Exponential moving average of weights: the network that is shown and scored."""

import copy

import torch
from torch import nn


def make_average(network: nn.Module) -> nn.Module:
    """Return a frozen copy of a network in eval mode.

    Register it in the learner, so that it is saved with the rest.
    """
    return copy.deepcopy(network).eval().requires_grad_(requires_grad=False)


def compute_decay(pictures: int, halflife_pictures: float, pictures_seen: float, ramp: float = 0.05) -> float:
    """Return the share of the old average kept after a step of `pictures`.

    The half-life grows with what was seen (`ramp` of it), so the first averages forget the random start
    (Karras et al. 2020). A half-life of 0 keeps nothing: the average is the network itself.
    """
    halflife = min(halflife_pictures, ramp * pictures_seen)
    return float(0.5 ** (pictures / halflife)) if halflife > 0 else 0.0


@torch.no_grad()
def update(average: nn.Module, network: nn.Module, compute_decay: float) -> None:
    """Move the average's weights towards the network's; copy its buffers."""
    for average_weight, weight in zip(average.parameters(), network.parameters(), strict=True):
        average_weight.lerp_(weight, 1 - compute_decay)
    for average_buffer, buffer in zip(average.buffers(), network.buffers(), strict=True):
        average_buffer.copy_(buffer)
