"""Find the directions of a model's noise along which its pictures change most.

After GANSpace (Haerkoenen et al. 2020). The principal components are those of the pictures, so that they mean the same for every kind; the noise is regressed
on them, as there for BigGAN.
"""

import torch
from torch import Tensor

from artpipe.contracts.model import LatentWalker, Prompt

DIRECTIONS = 2  # sliders of a live room
_SAMPLES = 512
_SEED = 0  # of the first of them


@torch.no_grad()
def find_directions(learner: LatentWalker, classes: int, count: int = DIRECTIONS) -> Tensor:
    """Return `count` unit vectors ``(count, Z)`` of the noise, the strongest first.

    What a class changes is taken out: the pictures are compared with their class's mean.
    """
    seeds = range(_SEED, _SEED + _SAMPLES)
    noise = Prompt(seeds).noise(learner.noise_size)
    labels = torch.arange(_SAMPLES) % max(1, classes)
    mix = torch.nn.functional.one_hot(labels, max(1, classes)).float()
    pictures = learner.walk(noise, mix[:, :classes]).flatten(1).nan_to_num()
    pictures = pictures - (mix / mix.sum(0)) @ (mix.T @ pictures)
    _, _, axes = torch.linalg.svd(pictures, full_matrices=False)
    directions = torch.nn.functional.normalize(axes[:count] @ pictures.T @ noise, dim=1)
    strongest = directions.gather(1, directions.abs().argmax(1, keepdim=True))
    return directions * strongest.sign()
