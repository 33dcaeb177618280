"""Image quality against a target: PSNR and SSIM, on the pixels that are compared."""

import torch
from torch import Tensor
from torch.nn import functional as F

from artpipe.numerics.pixels import to_bytes

MAX_PSNR = 100.0  # dB, the PSNR of pictures without a difference
_WINDOW, _SIGMA = 11, 1.5  # of SSIM, in pixels (Wang et al. 2004)
_LUMINANCE, _CONTRAST = (0.01 * 255) ** 2, (0.03 * 255) ** 2


def psnr(images: Tensor, targets: Tensor, counts: Tensor) -> Tensor:
    """Return the peak signal-to-noise ratio ``(N,)`` in dB, at 8 bits.

    Pictures are ``(N, C, H, W)`` in [-1, 1]; all colours count alike.

    Args:
        images: to be measured.
        targets: what they should be.
        counts: ``(N, 1, H, W)`` bool, the pixels that are compared; where there are none, the result is NaN.
    """
    squared = (to_bytes(images).double() - to_bytes(targets).double()).square().mean(1, keepdim=True)
    return (10 * torch.log10(255**2 / _mean_where(squared, counts))).clamp(max=MAX_PSNR)


def ssim(images: Tensor, targets: Tensor, counts: Tensor) -> Tensor:
    """Return the structural similarity ``(N,)`` (Wang et al. 2004).

    It is the mean over colours and the pixels that are compared.

    Windows are Gaussian, sigma 1.5 within 11 pixels; at the border the picture's last lines are repeated.
    """
    x, y = to_bytes(images).double(), to_bytes(targets).double()
    mean_x, mean_y = _blur(x), _blur(y)
    var_x, var_y = _blur(x * x) - mean_x**2, _blur(y * y) - mean_y**2
    covariance = _blur(x * y) - mean_x * mean_y
    luminance = (2 * mean_x * mean_y + _LUMINANCE) / (mean_x**2 + mean_y**2 + _LUMINANCE)
    likeness = luminance * (2 * covariance + _CONTRAST) / (var_x + var_y + _CONTRAST)
    return _mean_where(likeness.mean(1, keepdim=True), counts)


def _mean_where(values: Tensor, counts: Tensor) -> Tensor:
    return (values * counts).sum((1, 2, 3)) / counts.sum((1, 2, 3))


def _blur(images: Tensor) -> Tensor:
    line = torch.arange(_WINDOW, dtype=images.dtype, device=images.device) - _WINDOW // 2
    weights = torch.softmax(-line.square() / (2 * _SIGMA**2), 0)
    channels = images.shape[1]
    margin = (_WINDOW // 2,) * 4
    padded = F.pad(images, margin, mode="replicate")
    rows = F.conv2d(padded, weights.view(1, 1, -1, 1).expand(channels, 1, -1, 1), groups=channels)
    return F.conv2d(rows, weights.view(1, 1, 1, -1).expand(channels, 1, 1, -1), groups=channels)
