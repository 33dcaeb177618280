"""Where a classifier looked: Grad-CAM on the last maps of any network."""

from typing import Any

import torch
from torch import Tensor, nn

from artpipe.nn.classifier.grad_cam import grad_cam

_MAP_DIMENSIONS = 4  # of a batch of maps


def explain_class(learner: Any, images: Tensor, chosen: int) -> Tensor | None:
    """Return the heat ``(h, w)`` in [0, 1] for a class of one picture.

    None where the network has no maps.
    """
    module, maps = _find_last_maps(learner, images)
    if module is None or maps is None:
        return None

    def tail(leaf: Tensor) -> Tensor:
        handle = module.register_forward_hook(lambda *_: leaf)
        try:
            return torch.as_tensor(learner.logits(images))
        finally:
            handle.remove()

    return grad_cam(tail, maps, torch.tensor([chosen]))[0]


def _find_last_maps(learner: Any, images: Tensor) -> tuple[nn.Module | None, Tensor | None]:
    """Return the module that ends last of those that return maps, and its maps."""
    last: list[tuple[nn.Module, Tensor]] = []

    def remember(module: nn.Module, inputs: Any, output: Any) -> None:
        del inputs
        if isinstance(output, Tensor) and output.dim() == _MAP_DIMENSIONS:
            last.append((module, output.detach()))

    handles = [module.register_forward_hook(remember) for module in learner.modules() if module is not learner]
    try:
        learner.logits(images)
    finally:
        for handle in handles:
            handle.remove()
    return last[-1] if last else (None, None)
