"""How alike two pictures are: PSNR, SSIM and MS-SSIM."""

import torch
from torch import Tensor
from torch.nn import functional as F

from artpipe.numerics.pixels import to_bytes

MAX_PSNR = 100.0  # dB, the PSNR of pictures without a difference
_WINDOW, _SIGMA = 11, 1.5  # of SSIM, in pixels (Wang et al. 2004)
_SCALE_WEIGHTS = (
    0.0448,
    0.2856,
    0.3001,
    0.2363,
    0.1333,
)  # of MS-SSIM, the finest first (Wang et al. 2003, section 3.2)
_NOISE_GAIN = 6.0  # the root of the sum of squares of the kernel of noise
_NORMAL_QUARTILE = 0.31864  # of |N(0, 1)|
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


def count_scales(height: int, width: int) -> int:
    """Return on how many scales MS-SSIM compares pictures of a size, 5 at most.

    Each is half of the one before; on the last a window of 11 pixels still fits.
    """
    return sum(min(height, width) >> scale >= _WINDOW for scale in range(len(_SCALE_WEIGHTS)))


def ms_ssim(images: Tensor, others: Tensor) -> Tensor:
    """Return the multi-scale structural similarity ``(N,)`` (Wang et al. 2003).

    Pictures are ``(N, C, H, W)`` with levels of 0 to 255 and sides of 11 at least; the mean over colours. Where a picture
    is too small for five scales, the weights of those there are count as shares.
    """
    x, y = images.double(), others.double()
    scales = count_scales(*x.shape[2:])
    weights = [weight / sum(_SCALE_WEIGHTS[:scales]) for weight in _SCALE_WEIGHTS[:scales]]
    likeness = torch.ones(x.shape[:2], dtype=x.dtype)
    for scale, weight in enumerate(weights, start=1):
        luminance, contrast = _compare_windows(x, y)
        compared = luminance * contrast if scale == scales else contrast
        likeness *= compared.mean((2, 3)).clamp(min=0) ** weight
        x, y = F.avg_pool2d(x, 2), F.avg_pool2d(y, 2)
    return likeness.mean(1)


def _compare_windows(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Return the likeness in luminance, and in contrast and structure, by window."""
    mean_x, mean_y = _blur_inside(x), _blur_inside(y)
    var_x, var_y = _blur_inside(x * x) - mean_x**2, _blur_inside(y * y) - mean_y**2
    covariance = _blur_inside(x * y) - mean_x * mean_y
    luminance = (2 * mean_x * mean_y + _LUMINANCE) / (mean_x**2 + mean_y**2 + _LUMINANCE)
    return luminance, (2 * covariance + _CONTRAST) / (var_x + var_y + _CONTRAST)


def _mean_where(values: Tensor, counts: Tensor) -> Tensor:
    return (values * counts).sum((1, 2, 3)) / counts.sum((1, 2, 3))


def _blur(images: Tensor) -> Tensor:
    """Return the means of the windows around all pixels.

    A border's pixels are repeated.
    """
    height, width = (_make_band(side, images) for side in images.shape[2:])
    return height @ images @ width.T


def _blur_inside(images: Tensor) -> Tensor:
    """Return the means of all windows that lie within ``(N, C, H, W)``."""
    margin = _WINDOW // 2
    height, width = (_make_band(side, images)[margin:-margin] for side in images.shape[2:])
    return height @ images @ width.T


def _make_band(side: int, like: Tensor) -> Tensor:
    """Return the matrix ``(side, side)`` that slides the window along a side.

    A product with it is faster than a convolution.
    """
    line = torch.arange(_WINDOW, dtype=like.dtype, device=like.device) - _WINDOW // 2
    weights = torch.softmax(-line.square() / (2 * _SIGMA**2), 0)
    places = torch.arange(side, device=like.device)[:, None]
    columns = (places + line.long()).clamp(0, side - 1)
    return torch.zeros(side, side, dtype=like.dtype, device=like.device).scatter_add_(
        1, columns, weights.expand(side, -1)
    )


def laplacian_energy(images: Tensor) -> Tensor:
    """Return the mean squared Laplacian ``(N,)`` of pictures ``(N, C, H, W)``.

    Border pixels are left out.
    """
    kernel = torch.tensor([[0.0, 1.0, 0.0], [1.0, -4.0, 1.0], [0.0, 1.0, 0.0]]).expand(images.shape[1], 1, 3, 3)
    return F.conv2d(images, kernel, groups=images.shape[1]).square().mean((1, 2, 3))


def noise_level(images: Tensor) -> Tensor:
    """Return the standard deviation ``(N,)`` of noise, a share of the range.

    What lines and edges leave of pictures ``(N, C, H, W)`` in [-1, 1] under the difference of two Laplacians (Immerkaer 1996) is noise; the
    lower quartile of it (Donoho 1994, by the median) is that of plain ground. A mean over colours. Sides are at least 3 pixels.
    """
    count, channels = images.shape[:2]
    kernel = images.new_tensor([[1.0, -2.0, 1.0], [-2.0, 4.0, -2.0], [1.0, -2.0, 1.0]])[None, None] / _NOISE_GAIN
    remains = F.conv2d(images.flatten(0, 1)[:, None] / 2, kernel).abs().flatten(1)  # of a range of 1
    return (remains.quantile(0.25, dim=1) / _NORMAL_QUARTILE).view(count, channels).mean(1)
