"""The decoder of a variational autoencoder, and its prior."""

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from artpipe.contracts.exported_network import ExportedPainter
from artpipe.nn.vae.elbo_terms import LikelihoodName, mean_image
from artpipe.nn.vae.realnvp import RealNVP
from artpipe.nn.vae.strided_convolutions import SingleConvolutionResidual, build_decoder_layers, choose_strides


class VaePainter(ExportedPainter):
    """Maps noise to codes, as the prior says, and decodes them to their mean pictures."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        super().__init__(settings)
        params = settings["params"]
        self.classes = []  # it paints without them
        self.noise_size = params["latent_dim"]
        automatic: LikelihoodName = "bernoulli" if self.channels == 1 else "gaussian"
        self.likelihood: LikelihoodName = automatic if params["likelihood"] == "auto" else params["likelihood"]
        strides = choose_strides(min(self.height, self.width))
        widths = [min(params["width"] * 2**i, params["max_width"]) for i in range(len(strides))]
        unit = math.prod(strides)
        sides = -(-self.height // unit), -(-self.width // unit)
        self.decoder = nn.Sequential(
            nn.Linear(params["latent_dim"], params["hidden"]),
            nn.ReLU(),
            nn.Linear(params["hidden"], widths[-1] * math.prod(sides)),
            nn.Unflatten(1, (widths[-1], *sides)),
            *(SingleConvolutionResidual(widths[-1]) for _ in range(params["blocks"])),
            *build_decoder_layers(self.channels, widths, strides),
        )
        layers = params["flow_layers"] if params["prior"] != "normal" else 0
        self.flow = RealNVP(params["latent_dim"], layers, params["flow_width"])

    def forward(self, noise: Tensor) -> Tensor:
        """Return pictures of noise ``(N, Z)``."""
        raw = torch.as_tensor(self.decoder(self.flow.codes(noise)))
        return mean_image(self.likelihood, raw[:, :, : self.height, : self.width])
