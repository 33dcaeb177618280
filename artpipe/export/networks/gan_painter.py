"""The generator of a GAN, its moving average."""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from artpipe.contracts.exported_network import ExportedPainter
from artpipe.nn.gan.networks import DcganGenerator, ResidualGenerator


class GanPainter(ExportedPainter):
    """Paints with the generator."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        super().__init__(settings)
        params: Any = SimpleNamespace(**settings["params"])
        spec: Any = SimpleNamespace(**settings["spec"])
        is_residual = params.architecture == "residual"
        if not (is_residual and params.conditional):
            self.classes = []
        self.noise_size = params.latent_dim
        # The last row of the label table is for works without a label.
        rows = len(self.classes) + 1 if self.classes else 0
        self.average: nn.Module = ResidualGenerator(params, spec, rows) if is_residual else DcganGenerator(params, spec)

    def forward(self, noise: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return pictures of noise ``(N, Z)``; label -1 is none."""
        rows = noise if labels is None else torch.where(labels < 0, len(self.classes), labels)
        pictures: Tensor = self.average(noise, rows)
        return pictures.clamp(-1, 1)
