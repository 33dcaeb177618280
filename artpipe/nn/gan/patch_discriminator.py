"""A judge of patches (Isola et al. 2017) for restorers: is this texture a photograph's, or was it painted to be near one?"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

from artpipe.nn.gan.losses import GAMES
from artpipe.nn.layers.blocks import SLOPE, conv

_GAME = GAMES["relativistic"]  # a painted patch against the real one of the same place: the pairs are there


class PatchJudge(nn.Module):
    """Strided convolutions to a map of logits, one for each patch of 23 pixels; spectral norm keeps it gentle (Miyato et al. 2018)."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        layers = [
            conv(channels, width, 3, 2),
            conv(width, 2 * width, 3, 2),
            conv(2 * width, 2 * width),
            conv(2 * width, 1),
        ]
        self.layers = nn.ModuleList(spectral_norm(layer) for layer in layers)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits ``(B, 1, H / 4, W / 4)``, odd sizes rounded up."""
        for layer in self.layers[:-1]:
            images = F.leaky_relu(layer(images), SLOPE)
        return torch.as_tensor(self.layers[-1](images))

    def doubt(self, real: Tensor, painted: Tensor) -> Tensor:
        """Return the painter's loss, a scalar; it is descended by the painter's weights alone."""
        with torch.no_grad():
            judged = self(real)
        return _GAME.generator(judged, self(painted)).mean()

    def learn(self, real: Tensor, painted: Tensor, share: float = 1.0) -> Tensor:
        """Add the gradient of `share` times the judge's loss on pictures ``(B, C, H, W)``; return that, detached."""
        loss = share * _GAME.discriminator(self(real), self(painted.detach())).mean()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss.detach()
