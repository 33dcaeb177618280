"""A feed-forward style network: a picture becomes one in its styles."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from artpipe.contracts.exported_network import ExportedPictureNetwork
from artpipe.models.faststyle import FastStyleNetwork
from artpipe.nn.style.style_images import CONTENT


class PictureStyler(ExportedPictureNetwork):
    """Paints pictures in a mix of the styles it has learned; sides are multiples of 4."""

    output_name = "stylised"

    def __init__(self, settings: Mapping[str, Any]) -> None:
        super().__init__(settings)
        params = settings["params"]
        self.styles = list(params["styles"]) or [name for name in self.classes if name != CONTENT]
        self.network = FastStyleNetwork(len(self.styles), params["width"], params["blocks"])

    def example_inputs(self, count: int) -> dict[str, Tensor]:
        """Return random pictures, each in one style."""
        chosen = torch.arange(count) % len(self.styles)
        return {**super().example_inputs(count), "mix": torch.eye(len(self.styles))[chosen]}

    def forward(self, images: Tensor, mix: Tensor) -> Tensor:
        """Return pictures in [-1, 1]; `mix` ``(N, S)`` has the share of each style."""
        stylised: Tensor = self.network(images, mix)
        return stylised.clamp(-1, 1)
