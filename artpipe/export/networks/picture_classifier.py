"""A classifier: calibrated logits of pictures."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from artpipe.contracts.exported_network import ExportedPictureNetwork
from artpipe.models.classifier import _build_layers, count_halvings
from artpipe.nn.classifier.rotation_pretext import ROTATIONS


class PictureClassifier(ExportedPictureNetwork):
    """Returns logits ``(N, K)`` whose softmax is calibrated on validation works.

    Without classes it tells by how many quarter turns a picture was rotated.
    """

    output_name = "logits"
    temperature: Tensor

    def __init__(self, settings: Mapping[str, Any]) -> None:
        super().__init__(settings)
        params = settings["params"]
        self.classes = self.classes or list(ROTATIONS)
        depth = count_halvings(min(self.height, self.width))
        widths = [min(params["width"] * 2**i, params["max_width"]) for i in range(depth)] + [params["max_width"]]
        self.trunk = nn.Sequential(*_build_layers(self.channels, widths))
        self.head = nn.Linear(params["max_width"], len(self.classes))
        self.register_buffer("temperature", self.head.weight.new_ones(()))

    def forward(self, images: Tensor) -> Tensor:
        """Return logits ``(N, K)`` of pictures ``(N, C, H, W)`` in [-1, 1]."""
        maps = self.trunk(images)
        logits: Tensor = self.head(F.layer_norm(maps.mean((2, 3)), (maps.shape[1],), eps=1e-8))
        return logits / self.temperature
