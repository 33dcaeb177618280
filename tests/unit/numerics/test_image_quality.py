"""PSNR, SSIM and MS-SSIM against values known by hand, and their definitions written out."""

import math

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch.nn import functional

from artpipe.numerics.image_quality import MAX_PSNR, count_scales, ms_ssim, psnr, ssim
from artpipe.numerics.pixels import to_bytes, to_float


def picture(seed, side=16, channels=3):
    generator = torch.Generator().manual_seed(seed)
    return to_float(torch.randint(0, 256, (1, channels, side, side), generator=generator, dtype=torch.uint8))


def everywhere(images):
    return torch.ones_like(images[:, :1], dtype=torch.bool)


def test_psnr_of_a_known_error():
    """Every value off by 51 of 255: 20 log10(5) dB; the same picture: the best there is."""
    true = to_float(torch.full((2, 3, 4, 4), 100, dtype=torch.uint8))
    found = to_float(torch.full((2, 3, 4, 4), 151, dtype=torch.uint8))
    torch.testing.assert_close(psnr(found, true, everywhere(true)), torch.full((2,), 20 * math.log10(5)).double())
    assert psnr(true, true, everywhere(true)).tolist() == [MAX_PSNR, MAX_PSNR]


def test_only_pixels_that_count_are_compared():
    """One wrong pixel of four: all of the error within, none without, no number where nothing counts."""
    true, found = torch.zeros(1, 1, 2, 2), torch.zeros(1, 1, 2, 2)
    found[..., 0, 0] = 1
    counts = torch.zeros(1, 1, 2, 2, dtype=torch.bool)
    assert psnr(found, true, counts).isnan().all()
    counts[..., 1, 1] = True
    assert psnr(found, true, counts).item() == MAX_PSNR
    counts[..., 0, 0] = True
    error = (255 - 128) ** 2 / 2
    assert psnr(found, true, counts).item() == pytest.approx(10 * math.log10(255**2 / error))


def test_psnr_is_of_what_a_file_holds():
    """A difference below half a level of 256 is none."""
    true = picture(0)
    assert psnr(true + 0.9 / 255, true, everywhere(true)).item() == MAX_PSNR


def test_ssim_of_two_greys():
    """Without any contrast it is (2ab + c) / (a^2 + b^2 + c), c = (0.01 * 255)^2; of a picture and itself 1."""
    a, b = (to_float(torch.full((1, 3, 20, 20), value, dtype=torch.uint8)) for value in (50, 200))
    c = 2.55**2
    assert ssim(a, b, everywhere(a)).item() == pytest.approx((2 * 50 * 200 + c) / (50**2 + 200**2 + c), rel=1e-9)
    assert ssim(picture(1), picture(1), everywhere(picture(1))).item() == pytest.approx(1)


def test_ssim_is_its_definition():
    """At one pixel, summed over its window weight by weight (Wang et al. 2004)."""
    x, y = picture(1, 11, 1), picture(2, 11, 1)
    line = torch.tensor([math.exp(-(d**2) / (2 * 1.5**2)) for d in range(-5, 6)]).double()
    weights = torch.outer(line, line) / line.sum() ** 2
    p, q = (to_bytes(one)[0, 0].double() for one in (x, y))
    mean_p, mean_q = (weights * p).sum(), (weights * q).sum()
    var_p, var_q = (weights * (p - mean_p) ** 2).sum(), (weights * (q - mean_q) ** 2).sum()
    both = (weights * (p - mean_p) * (q - mean_q)).sum()
    c1, c2 = 2.55**2, 7.65**2
    expected = (2 * mean_p * mean_q + c1) * (2 * both + c2) / ((mean_p**2 + mean_q**2 + c1) * (var_p + var_q + c2))
    counts = torch.zeros(1, 1, 11, 11, dtype=torch.bool)
    counts[..., 5, 5] = True
    assert ssim(x, y, counts).item() == pytest.approx(expected.item(), rel=1e-9)


def blur(plane: np.ndarray) -> np.ndarray:
    """Means of Gaussian windows within a plane, by scipy."""
    inside = slice(5, -5)
    return ndimage.gaussian_filter(plane, 1.5, radius=5)[inside, inside]


def scale_parts(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Mean of contrast and structure, and of these times luminance (Wang et al. 2003, equations 1 to 3)."""
    luminance_constant, contrast_constant = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    mean_x, mean_y = blur(x), blur(y)
    spread = 2 * (blur(x * y) - mean_x * mean_y) + contrast_constant
    spread /= blur(x * x) - mean_x**2 + blur(y * y) - mean_y**2 + contrast_constant
    light = (2 * mean_x * mean_y + luminance_constant) / (mean_x**2 + mean_y**2 + luminance_constant)
    return spread.mean(), (light * spread).mean()


@pytest.mark.parametrize(("height", "width"), [(11, 13), (28, 28), (64, 50), (176, 180)])
def test_ms_ssim_is_its_definition(height, width):
    """Contrast and structure on every scale, luminance on the coarsest, each to the power of its weight, as scipy blurs."""
    generator = torch.Generator().manual_seed(height)
    x = torch.randint(0, 256, (1, 2, height, width), generator=generator, dtype=torch.uint8)
    y = (x.double() * 0.7 + 20 + 30 * torch.rand(x.shape, generator=generator, dtype=torch.float64)).byte()
    weights = [0.0448, 0.2856, 0.3001, 0.2363, 0.1333][: count_scales(height, width)]
    expected = 0.0
    for planes in zip(x[0].double(), y[0].double(), strict=True):
        pair, likeness = planes, 1.0
        for scale, weight in enumerate(weights, start=1):
            contrast, whole = scale_parts(*(part.numpy() for part in pair))
            likeness *= (whole if scale == len(weights) else contrast) ** (weight / sum(weights))
            pair = [functional.avg_pool2d(part[None], 2)[0] for part in pair]
        expected += likeness / 2
    assert ms_ssim(x, y).item() == pytest.approx(expected, abs=1e-9)


def test_ms_ssim_of_a_picture_with_itself_is_one():
    """And the number of scales is what a window of 11 pixels allows, 5 from 176 pixels on."""
    x = torch.randint(0, 256, (2, 1, 28, 28), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)
    assert ms_ssim(x, x).tolist() == pytest.approx([1, 1])
    assert [count_scales(side, 300) for side in (8, 11, 22, 44, 64, 176, 300)] == [0, 1, 2, 3, 3, 5, 5]
