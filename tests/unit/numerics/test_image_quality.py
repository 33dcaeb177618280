"""PSNR and SSIM against values known by hand and their definition written out."""

import math

import pytest
import torch

from artpipe.numerics.image_quality import MAX_PSNR, psnr, ssim
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
