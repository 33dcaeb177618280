"""Grad-CAM: which places of a picture spoke for a class (Selvaraju et al. 2017)."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

# From cold to warm, as fractions of full red, green and blue: a picture's dark places stay readable under it.
_COLOUR_MAP = torch.tensor(
    [[0.05, 0.03, 0.20], [0.40, 0.10, 0.43], [0.83, 0.28, 0.26], [0.98, 0.65, 0.04], [0.99, 0.99, 0.75]]
)


def grad_cam(tail: Callable[[Tensor], Tensor], maps: Tensor, classes: Tensor) -> Tensor:
    """Return the Grad-CAM heat ``(N, h, w)`` in [0, 1].

    It is the maps weighted by the mean gradient of the class's logit, rectified, divided by their maximum.

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


def overlay_heat(images: Tensor, heat: Tensor, *, strength: float = 0.6) -> Tensor:
    """Return the pictures in grey under the heat, ``(N, 3, H, W)`` in [-1, 1].

    The colour is stronger where the heat is larger.

    Args:
        images: ``(N, C, H, W)`` in [-1, 1], C of 1 or 3.
        heat: ``(N, h, w)`` in [0, 1], enlarged to the pictures.
        strength: share of the colour at the hottest place, in [0, 1].
    """
    hot = F.interpolate(heat[:, None], images.shape[2:], mode="bicubic", align_corners=False).clamp(0, 1)
    grey = images.mean(1, keepdim=True).expand(-1, 3, -1, -1)
    share = strength * (0.35 + 0.65 * hot)
    return grey * (1 - share) + _colour_heat(hot.squeeze(1)) * share


def _colour_heat(heat: Tensor) -> Tensor:
    place = heat * (len(_COLOUR_MAP) - 1)
    low = place.floor().clamp(0, len(_COLOUR_MAP) - 2)
    mix = (place - low)[..., None]
    table = _COLOUR_MAP.to(heat)
    colour = table[low.long()] * (1 - mix) + table[low.long() + 1] * mix
    return colour.movedim(-1, 1) * 2 - 1
