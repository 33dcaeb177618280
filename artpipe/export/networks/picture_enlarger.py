"""A super-resolution network: a small picture becomes a large one."""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

from torch import Tensor

from artpipe.contracts.exported_network import ExportedPictureNetwork
from artpipe.models.superres import SuperResolutionNetwork


class PictureEnlarger(ExportedPictureNetwork):
    """Enlarges pictures of any size."""

    output_name = "enlarged"
    any_size = True

    def __init__(self, settings: Mapping[str, Any]) -> None:
        super().__init__(settings)
        params: Any = SimpleNamespace(**settings["params"])
        self.network = SuperResolutionNetwork(params, self.channels)

    def forward(self, images: Tensor) -> Tensor:
        """Return pictures `scale` times as high and wide, in [-1, 1]."""
        enlarged: Tensor = self.network(images)
        return enlarged.clamp(-1, 1)
