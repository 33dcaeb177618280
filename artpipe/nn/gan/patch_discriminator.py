"""A discriminator of patches for restorers (PatchGAN, Isola et al. 2017)."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

from artpipe.nn.gan.losses import ADVERSARIAL_LOSSES
from artpipe.nn.layers.blocks import SLOPE, conv

_LOSS = ADVERSARIAL_LOSSES["relativistic"]  # pairs a restored patch with the real one of the same place


class PatchDiscriminator(nn.Module):
    """Strided convolutions to a map of logits, one for each patch of 23 pixels.

    With spectral norm (Miyato et al. 2018).
    """

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

    def generator_loss(self, real: Tensor, restored: Tensor) -> Tensor:
        """Return the restorer's adversarial loss, a scalar.

        It is descended by the restorer's weights alone.
        """
        with torch.no_grad():
            real_logits = self(real)
        return _LOSS.generator(real_logits, self(restored)).mean()

    def learn(self, real: Tensor, restored: Tensor, share: float = 1.0) -> Tensor:
        """Add the gradient of `share` times the discriminator's loss; return the loss.

        The pictures are ``(B, C, H, W)``; the loss is detached.
        """
        loss = share * _LOSS.discriminator(self(real), self(restored.detach())).mean()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss.detach()
