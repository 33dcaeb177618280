"""How near a picture is to the one it should be: PSNR and SSIM, on all colours alike and on the pixels that count."""

import torch
from torch import Tensor
from torch.nn import functional as F

from artpipe.numerics.pixels import to_bytes

BEST = 100.0  # dB, the PSNR of pictures without a difference
_WINDOW, _SIGMA = 11, 1.5  # of SSIM, in pixels (Wang et al. 2004)
_LUMINANCE, _CONTRAST = (0.01 * 255) ** 2, (0.03 * 255) ** 2


def psnr(found: Tensor, true: Tensor, counts: Tensor) -> Tensor:
    """Return the peak signal-to-noise ratio ``(N,)`` in dB of pictures ``(N, C, H, W)`` in [-1, 1], as 8 bits hold them.

    Args:
        found: what was made.
        true: what it should be.
        counts: ``(N, 1, H, W)`` bool, the pixels that are compared; where there are none, the result is no number.
    """
    squared = (to_bytes(found).double() - to_bytes(true).double()).square().mean(1, keepdim=True)
    return (10 * torch.log10(255**2 / _mean(squared, counts))).clamp(max=BEST)


def ssim(found: Tensor, true: Tensor, counts: Tensor) -> Tensor:
    """Return the structural similarity ``(N,)`` (Wang et al. 2004), the mean over colours and the pixels that count.

    Windows are Gaussian, sigma 1.5 within 11 pixels; at the border the picture's last lines are repeated.
    """
    x, y = to_bytes(found).double(), to_bytes(true).double()
    mean_x, mean_y = _blurred(x), _blurred(y)
    var_x, var_y = _blurred(x * x) - mean_x**2, _blurred(y * y) - mean_y**2
    both = _blurred(x * y) - mean_x * mean_y
    luminance = (2 * mean_x * mean_y + _LUMINANCE) / (mean_x**2 + mean_y**2 + _LUMINANCE)
    likeness = luminance * (2 * both + _CONTRAST) / (var_x + var_y + _CONTRAST)
    return _mean(likeness.mean(1, keepdim=True), counts)


def _mean(values: Tensor, counts: Tensor) -> Tensor:
    return (values * counts).sum((1, 2, 3)) / counts.sum((1, 2, 3))


def _blurred(images: Tensor) -> Tensor:
    line = torch.arange(_WINDOW, dtype=images.dtype, device=images.device) - _WINDOW // 2
    weights = torch.softmax(-line.square() / (2 * _SIGMA**2), 0)
    channels = images.shape[1]
    margin = (_WINDOW // 2,) * 4
    padded = F.pad(images, margin, mode="replicate")
    rows = F.conv2d(padded, weights.view(1, 1, -1, 1).expand(channels, 1, -1, 1), groups=channels)
    return F.conv2d(rows, weights.view(1, 1, 1, -1).expand(channels, 1, 1, -1), groups=channels)
