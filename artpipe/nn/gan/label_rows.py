"""Labels asked of a conditional network, and their rows in its tables."""

import torch
from torch import Tensor

from artpipe.artifacts.shards import UNLABELLED
from artpipe.contracts.model import Prompt


def label_rows(labels: Tensor | None, classes: int, noise: Tensor) -> Tensor:
    """Return the rows ``(N,)`` of the label tables for noise ``(N, Z)``.

    Works without a label share the last one.
    """
    if labels is None or not classes:
        return torch.full((len(noise),), classes, device=noise.device)
    return torch.where(labels == UNLABELLED, classes, labels)


def requested_labels(prompt: Prompt, classes: int) -> Tensor:
    """Return the labels ``(N,)`` that a prompt asks for.

    Where it asks for none, a seed picks its own.
    """
    if not classes:
        return torch.full((len(prompt.seeds),), UNLABELLED)
    if prompt.labels is not None:
        return prompt.labels
    return torch.tensor([seed % classes for seed in prompt.seeds])
