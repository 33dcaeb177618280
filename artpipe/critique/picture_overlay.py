"""Draw on pictures: the thirds, lines that were found, heat."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from artpipe.numerics.straight_lines import StraightLine

Bytes = NDArray[np.uint8]
_FACTOR = 3  # of enlargement: lines are drawn finer than the pixels measured
_THIRDS, _LINE, _HALO = (255, 255, 255), (255, 196, 0), (0, 0, 0)
_FADED = 0.45  # of the picture's contrast under the lines
_HEAT = np.array([[13, 8, 51], [102, 26, 110], [212, 71, 66], [250, 166, 10], [252, 252, 191]], np.float32)
_STRENGTH = 0.65  # of the heat's colour where it is hottest


def draw_lines(pixels: Bytes, lines: Sequence[StraightLine]) -> Bytes:
    """Return a picture in faded grey with its thirds and the given lines."""
    grey = Image.fromarray(pixels).convert("L")
    faded = grey.point([round(90 + _FADED * level) for level in range(256)])
    canvas = faded.convert("RGB").resize((_FACTOR * grey.width, _FACTOR * grey.height), Image.Resampling.BICUBIC)
    pen, (right, bottom) = ImageDraw.Draw(canvas), (canvas.width - 1, canvas.height - 1)
    for third in (1 / 3, 2 / 3):
        pen.line([(third * right, 0), (third * right, bottom)], fill=_THIRDS, width=2)
        pen.line([(0, third * bottom), (right, third * bottom)], fill=_THIRDS, width=2)
    for line in lines:
        ends = [(x * right, y * bottom) for x, y in (line.start, line.end)]
        pen.line(ends, fill=_HALO, width=9)
        pen.line(ends, fill=_LINE, width=5)
    return np.asarray(canvas)


def draw_heat(pixels: Bytes, heat: NDArray[np.float32]) -> Bytes:
    """Return a picture in grey under heat ``(h, w)`` in [0, 1], enlarged to it."""
    height, width = pixels.shape[:2]
    smooth = Image.fromarray(heat.astype(np.float32)).resize((width, height), Image.Resampling.BICUBIC)
    hot = np.clip(np.asarray(smooth), 0, 1)[:, :, None]
    place = hot[:, :, 0] * (len(_HEAT) - 1)
    low = np.clip(place.astype(int), 0, len(_HEAT) - 2)
    mix = (place - low)[:, :, None]
    colour = _HEAT[low] * (1 - mix) + _HEAT[low + 1] * mix
    grey = np.asarray(Image.fromarray(pixels).convert("L"), np.float32)[:, :, None]
    share = _STRENGTH * (0.35 + 0.65 * hot)
    return np.asarray(np.rint(grey * (1 - share) + colour * share), np.uint8)
