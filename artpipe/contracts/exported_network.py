"""Define what a kind gives to others: a network of tensors alone.

A class of it is named in the kind's `MODEL_INFO`; ONNX and `modeling.py` of a folder for the Hub are made of it
(docs/export.md). Its weights have the names that they have in the learner.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn


class ExportedNetwork(nn.Module):
    """Takes tensors by name and returns one; it is in eval mode and has no gradients.

    `settings` are those of `config.json`: `params` (the complete entry of the model) and `spec` (channels, height,
    width, classes).
    """

    output_name = "images"
    any_size = False  # whether the pictures it is given may be of any size

    def __init__(self, settings: Mapping[str, Any]) -> None:
        super().__init__()
        spec = settings["spec"]
        self.channels, self.height, self.width = spec["channels"], spec["height"], spec["width"]
        self.classes = list(spec["classes"])

    def example_inputs(self, count: int) -> dict[str, Tensor]:
        """Return inputs by name, `count` rows of each; the same at each call."""
        raise NotImplementedError


class ExportedPainter(ExportedNetwork):
    """Paints pictures ``(N, C, H, W)`` in [-1, 1] from noise, and from labels."""

    noise_size = 0

    def prompt_inputs(self, seeds: Sequence[int], labels: Sequence[int] | None = None) -> dict[str, Tensor]:
        """Return `noise` ``(N, Z)`` and, where there are classes, `labels` ``(N,)``.

        A row depends on its own seed alone. Without labels, a seed's class is ``seed % classes``.
        """
        rows = [torch.randn(self.noise_size, generator=torch.Generator().manual_seed(seed)) for seed in seeds]
        if not self.classes:
            return {"noise": torch.stack(rows)}
        chosen = [seed % len(self.classes) for seed in seeds] if labels is None else list(labels)
        return {"noise": torch.stack(rows), "labels": torch.tensor(chosen)}

    def example_inputs(self, count: int) -> dict[str, Tensor]:
        """Return the inputs of the seeds 1 to `count`."""
        return self.prompt_inputs(range(1, count + 1))


class ExportedPictureNetwork(ExportedNetwork):
    """Is given pictures `images` ``(N, C, H, W)`` in [-1, 1]."""

    def example_inputs(self, count: int) -> dict[str, Tensor]:
        """Return random pictures of the dataset's size."""
        shape = count, self.channels, self.height, self.width
        return {"images": torch.rand(shape, generator=torch.Generator().manual_seed(count)) * 2 - 1}
