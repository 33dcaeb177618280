"""Colour spaces: sRGB to OKLab (Ottosson 2020) and to CIE lightness."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
# Of linear sRGB: to the responses of the eye's cones, and from their cube roots to OKLab.
_TO_CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)
_LUMINANCE = np.array([0.2126, 0.7152, 0.0722])
_LEVELS = np.arange(256) / 255
_LINEAR = np.where(_LEVELS <= 0.04045, _LEVELS / 12.92, ((_LEVELS + 0.055) / 1.055) ** 2.4)  # noqa: PLR2004 - IEC 61966-2-1


def to_oklab(pixels: NDArray[np.uint8]) -> Floats:
    """Return OKLab ``(..., 3)`` of sRGB ``(..., 3)``: lightness in [0, 1], a, b."""
    cones = np.cbrt(_LINEAR[pixels] @ _TO_CONES.T)
    return np.asarray(cones @ _TO_LAB.T, np.float32)


def to_lightness(pixels: NDArray[np.uint8]) -> Floats:
    """Return CIE lightness L* in [0, 100], ``(...)``, of sRGB ``(..., 3)``."""
    luminance = _LINEAR[pixels] @ _LUMINANCE
    root = np.where(luminance > 216 / 24389, np.cbrt(luminance), (24389 / 27 * luminance + 16) / 116)  # CIE 15
    return np.asarray(116 * root - 16, np.float32)
