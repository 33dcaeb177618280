"""Grad-CAM (Selvaraju et al. 2017): which places of a picture spoke for the class that was seen."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

# From cold to warm, as fractions of full red, green and blue: a picture's dark places stay readable under it.
_HEAT = torch.tensor(
    [[0.05, 0.03, 0.20], [0.40, 0.10, 0.43], [0.83, 0.28, 0.26], [0.98, 0.65, 0.04], [0.99, 0.99, 0.75]]
)


def grad_cam(tail: Callable[[Tensor], Tensor], maps: Tensor, classes: Tensor) -> Tensor:
    """Return ``(N, h, w)`` in [0, 1]: the maps weighted by the mean gradient of the class's logit, rectified, by their maximum.

    Args:
        tail: what follows the maps, ``(N, C, h, w)`` to logits ``(N, K)``; rows are independent.
        maps: ``(N, C, h, w)`` activations of the last convolution.
        classes: ``(N,)``, the class each picture is asked about.
    """
    with torch.inference_mode(mode=False), torch.enable_grad():
        leaf = maps.detach().clone().requires_grad_()
        score = tail(leaf).gather(1, classes[:, None]).sum()
        (gradient,) = torch.autograd.grad(score, leaf)
    heat = (gradient.mean((2, 3), keepdim=True) * maps.detach()).sum(1).relu()
    return heat / heat.amax((1, 2), keepdim=True).clamp_min(1e-12)


def overlay(images: Tensor, heat: Tensor, *, strength: float = 0.6) -> Tensor:
    """Return ``(N, 3, H, W)`` in [-1, 1]: the pictures in grey under the heat, stronger where it is hot.

    Args:
        images: ``(N, C, H, W)`` in [-1, 1], C of 1 or 3.
        heat: ``(N, h, w)`` in [0, 1], enlarged to the pictures.
        strength: share of the colour at the hottest place, in [0, 1].
    """
    hot = F.interpolate(heat[:, None], images.shape[2:], mode="bicubic", align_corners=False).clamp(0, 1)
    grey = images.mean(1, keepdim=True).expand(-1, 3, -1, -1)
    share = strength * (0.35 + 0.65 * hot)
    return grey * (1 - share) + _colour(hot.squeeze(1)) * share


def _colour(heat: Tensor) -> Tensor:
    place = heat * (len(_HEAT) - 1)
    low = place.floor().clamp(0, len(_HEAT) - 2)
    mix = (place - low)[..., None]
    table = _HEAT.to(heat)
    colour = table[low.long()] * (1 - mix) + table[low.long() + 1] * mix
    return colour.movedim(-1, 1) * 2 - 1
