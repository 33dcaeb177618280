"""Blur and noise of pictures whose blur and noise are known."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from artpipe.numerics.blur_and_noise import gaussian_blur, noise_sigma

RNG = np.random.default_rng(1)


def test_the_blur_is_scipy_s():
    """Away from the border it is what scipy computes."""
    values = RNG.normal(size=(40, 50)).astype(np.float32)
    expected = gaussian_filter(values, 1.7, mode="nearest", truncate=4.2)
    np.testing.assert_allclose(gaussian_blur(values, 1.7), expected, atol=1e-3)


@pytest.mark.parametrize("sigma", [1.0, 4.0, 12.0])
@pytest.mark.parametrize("ground", ["flat", "ramp"])
def test_a_known_noise_is_measured(sigma, ground):
    """Within a tenth, on one level and on a slope."""
    slope = np.linspace(60, 190, 192)[None, :, None] if ground == "ramp" else 128.0
    picture = slope + RNG.normal(0, sigma, (192, 192, 3))
    assert noise_sigma(picture.round().clip(0, 255).astype(np.uint8)).sigma == pytest.approx(sigma, rel=0.1)


def test_a_flat_picture_has_no_noise():
    """It is 0 to the last bit."""
    assert noise_sigma(np.full((96, 96, 3), 77, np.uint8)).sigma == 0


def test_where_noise_is_cut_off_it_is_not_told():
    """In black and in white, and where no block fits."""
    for picture in (
        np.zeros((96, 96, 3), np.uint8),
        np.full((96, 96, 1), 255, np.uint8),
        np.full((20, 90, 3), 9, np.uint8),
    ):
        assert noise_sigma(picture).sigma is None
