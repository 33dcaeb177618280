"""Colour spaces against published values."""

import numpy as np
import pytest

from artpipe.numerics.colour_space import to_lightness, to_oklab


@pytest.mark.parametrize(
    ("rgb", "lab"),
    [
        ((255, 255, 255), (1, 0, 0)),
        ((0, 0, 0), (0, 0, 0)),
        ((255, 0, 0), (0.62796, 0.22486, 0.12585)),
        ((0, 255, 0), (0.86644, -0.23389, 0.17950)),
        ((0, 0, 255), (0.45201, -0.03246, -0.31153)),
    ],
)
def test_oklab_of_primaries(rgb, lab):
    """As CSS Color 4 has them."""
    np.testing.assert_allclose(to_oklab(np.array([rgb], np.uint8))[0], lab, atol=1e-4)


def test_lightness_of_greys():
    """0 and 100 at the ends; sRGB 119 is CIE's middle grey."""
    greys = np.repeat(np.array([0, 119, 255], np.uint8)[:, None], 3, 1)
    np.testing.assert_allclose(to_lightness(greys), [0, 50.03, 100], atol=0.02)
