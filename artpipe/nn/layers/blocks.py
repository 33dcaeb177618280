"""Convolution blocks that several models share, for any picture size."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SLOPE = 0.2  # of the leaky ReLU
Size = tuple[int, int]  # height, width


def list_sizes(height: int, width: int, smallest: int = 7) -> list[Size]:
    """Return sizes from small to full, each half of the next, rounded up.

    28 -> (7, 14, 28), 32 -> (4, 8, 16, 32).

    The smallest has a shorter side of at most `smallest`.
    """
    sizes = [(height, width)]
    while min(sizes[0]) > smallest:
        sizes.insert(0, ((sizes[0][0] + 1) // 2, (sizes[0][1] + 1) // 2))
    return sizes


def conv(inputs: int, outputs: int, kernel: int = 3, stride: int = 1, *, zero: bool = False) -> nn.Conv2d:
    """Return a padded convolution for leaky ReLUs (He et al. 2015).

    With `zero` its weights start at 0; stride 2 rounds the size up.
    """
    layer = nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2)
    _initialise(layer, zero=zero)
    return layer


def linear(inputs: int, outputs: int) -> nn.Linear:
    """Return a fully connected layer for leaky ReLUs (He et al. 2015), its bias zero."""
    layer = nn.Linear(inputs, outputs)
    _initialise(layer)
    return layer


def _initialise(layer: nn.Conv2d | nn.Linear, *, zero: bool = False) -> None:
    if zero:
        nn.init.zeros_(layer.weight)
    else:
        nn.init.kaiming_normal_(layer.weight, SLOPE)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)


class Residual(nn.Module):
    """Two 3x3 convolutions added to the identity.

    The last starts at zero, so the block starts as the identity.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first, self.last = conv(channels, channels), conv(channels, channels, zero=True)

    def forward(self, x: Tensor) -> Tensor:
        """Keep ``(B, channels, H, W)``."""
        change: Tensor = self.last(F.leaky_relu(self.first(F.leaky_relu(x, SLOPE)), SLOPE))
        return x + change


def upsample_twofold(x: Tensor, size: Size, *, smooth: bool) -> Tensor:
    """Return ``(B, C, *size)``: twice the size of `x`, one less for an odd `size`.

    `smooth` is bilinear, else nearest.
    """
    if smooth:
        x = F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
    else:
        x = F.interpolate(x, scale_factor=2.0, mode="nearest")
    return x[:, :, : size[0], : size[1]]


class Upsample(nn.Module):
    """A 1x1 convolution, then upsampling to `size`.

    Pixel shuffle would leave checkerboards.
    """

    def __init__(self, inputs: int, outputs: int, size: Size, *, smooth: bool = False) -> None:
        super().__init__()
        self.size, self.smooth, self.mix = size, smooth, conv(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return ``(B, outputs, *size)``."""
        return upsample_twofold(self.mix(x), self.size, smooth=self.smooth)


class Stem(nn.Module):
    """Maps pictures to features of half the size.

    Each 2x2 pixels become channels, then a 3x3 convolution follows (6x6, stride 2).
    """

    def __init__(self, channels: int, outputs: int) -> None:
        super().__init__()
        self.mix = conv(4 * channels, outputs)

    def forward(self, images: Tensor) -> Tensor:
        """Return ``(B, outputs, H / 2, W / 2)``, an odd size rounded up."""
        height, width = images.shape[2:]
        even = F.pad(images, (0, width % 2, 0, height % 2)) if height % 2 or width % 2 else images
        features: Tensor = self.mix(F.pixel_unshuffle(even, 2))
        return features


class UpsampleToImage(nn.Module):
    """Maps features to pictures of twice the size.

    It equals a 3x3 convolution after the upsampling.

    The channels are mixed before the upsampling, once per tap: a quarter of the work and none of it at full size.
    """

    def __init__(self, inputs: int, channels: int, size: Size, *, smooth: bool = False) -> None:
        super().__init__()
        self.size, self.smooth = size, smooth
        self.taps = nn.Conv2d(inputs, channels * 9, 1, bias=False)  # in the order of the 3x3 kernel
        self.bias = nn.Parameter(torch.zeros(channels, 1, 1))
        nn.init.normal_(self.taps.weight, std=(9 * inputs) ** -0.5)

    def forward(self, x: Tensor) -> Tensor:
        """Return ``(B, channels, *size)``, not yet squashed."""
        taps = upsample_twofold(self.taps(x), self.size, smooth=self.smooth)
        return F.fold(taps.flatten(2), self.size, 3, padding=1) + self.bias
