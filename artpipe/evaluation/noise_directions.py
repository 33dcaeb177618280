"""The directions of a model's noise along which its pictures differ most.

Pictures of fixed noise are shrunk, and their principal components regressed on the noise (Härkönen et al. 2020,
GANSpace, section 2.2, with pictures in the place of an early layer, so that every walker has them). Of classes the
mean picture is taken off first: what is found changes a picture within its class.
"""

from typing import Any, TypeGuard

import torch
from torch import Tensor
from torch.nn import functional as F

from artpipe.contracts.model import LatentWalker, Prompt
from artpipe.contracts.steered_sampler import SteeredSampler

_PICTURES = 1024
_AT_ONCE = 64
_SIDE = 16  # pixels that are compared
MOST_DIRECTIONS = 10


def has_directions(learner: object) -> TypeGuard[LatentWalker]:
    """Return whether its noise has few directions: it is no picture itself."""
    return isinstance(learner, LatentWalker) and not isinstance(learner, SteeredSampler)


def find_directions(learner: Any) -> Tensor:
    """Return unit directions ``(K, Z)`` of the noise, the strongest first.

    They are at right angles. The same checkpoint gives the same ones; of a direction and its opposite the one whose largest entry is positive.
    """
    noise = Prompt(range(_PICTURES)).noise(learner.noise_size)
    looks = _paint_small(learner, noise).double()
    count = min(MOST_DIRECTIONS, learner.noise_size)
    _, _, components = torch.linalg.svd(looks, full_matrices=False)
    coordinates = F.normalize(looks @ components[:count].T, dim=0)
    slopes = coordinates.T @ (noise - noise.mean(0)).double()
    directions, _ = torch.linalg.qr(slopes.T)  # Gram-Schmidt, the strongest as it is
    directions = directions.T
    signs = directions.gather(1, directions.abs().argmax(1, keepdim=True)).sign()
    found: Tensor = (directions * signs).float()
    return found


def _paint_small(learner: Any, noise: Tensor) -> Tensor:
    """Return shrunken pictures ``(N, F)`` without the mean of their class."""
    classes = len(learner.spec.classes)
    labels = torch.arange(len(noise)) % max(1, classes)
    mix = F.one_hot(labels, classes).float() if classes else noise.new_zeros(len(noise), 0)
    parts = []
    with torch.no_grad():
        for start in range(0, len(noise), _AT_ONCE):
            pictures = learner.walk(noise[start : start + _AT_ONCE], mix[start : start + _AT_ONCE])
            parts.append(F.adaptive_avg_pool2d(pictures, _SIDE).flatten(1))
    looks = torch.cat(parts)
    for label in set(labels.tolist()):
        looks[labels == label] -= looks[labels == label].mean(0)
    return looks
