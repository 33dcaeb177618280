"""The repeating fineness that a small enlargement leaves (Gallagher 2005)."""

from typing import NamedTuple

import numpy as np

from artpipe.numerics.blur_and_noise import Floats

_AROUND = 8  # lines to each side that a line's fineness is held against
_LOWEST, _HIGHEST = 0.19, 0.48  # cycles per pixel
_BLOCKS = 1 / 8  # cycles per pixel: JPEG's own, and its multiples, are left out
_NEAR = 0.006  # cycles per pixel
LEAST_STRENGTH = 15.0  # times the median of the spectrum (docs/log.md)
_FEWEST_LINES = 96


class RepeatedFineness(NamedTuple):
    """The period in pixels, and how much stronger it is than other periods."""

    period: float
    strength: float


def find_repeated_fineness(levels: Floats) -> RepeatedFineness | None:
    """Return with what period the fineness repeats in both directions, if it does.

    Interpolation smooths lines between the first pixels more than lines upon them, so the second difference repeats, along rows as along columns.

    Args:
        levels: ``(H, W)`` of one brightness, in [0, 255].
    """
    if min(levels.shape) < _FEWEST_LINES:
        return None
    first, second = (_find_peak(plane) for plane in (levels, levels.T))
    if abs(first[0] - second[0]) > _NEAR or min(first[1], second[1]) < LEAST_STRENGTH:
        return None
    return RepeatedFineness(2 / (first[0] + second[0]), min(first[1], second[1]))


def _find_peak(plane: Floats) -> tuple[float, float]:
    """Return how often the fineness of columns repeats most, and how strongly."""
    fineness = np.log(np.abs(plane[:, 2:] - 2 * plane[:, 1:-1] + plane[:, :-2]).mean(0) + 0.5)
    kernel = np.ones(2 * _AROUND + 1) / (2 * _AROUND + 1)
    uneven = fineness - np.convolve(np.pad(fineness, _AROUND, mode="edge"), kernel, "valid")
    spectrum = np.abs(np.fft.rfft(uneven * np.hanning(len(uneven))))
    frequencies = np.fft.rfftfreq(len(uneven))
    of_blocks = np.abs(frequencies - _BLOCKS * np.rint(frequencies / _BLOCKS)) < _NEAR
    candidates = np.nonzero((frequencies > _LOWEST) & (frequencies < _HIGHEST) & ~of_blocks)[0]
    best = candidates[int(spectrum[candidates].argmax())]
    return float(frequencies[best]), float(spectrum[best] / max(np.median(spectrum), 1e-9))
