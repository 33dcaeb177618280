"""Symmetry: how like a picture is to its mirror images."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from artpipe.contracts.observation import MeasuredNumber, Observation, ObservationResult
from artpipe.critique.critiqued_picture import CritiquedPicture, shrink
from artpipe.language.message import Message
from artpipe.numerics.colour_space import to_lightness

_SIDE = 96  # pixels: smaller things may lie on one side only
_LEAST_SIDE = 16  # pixels after shrinking: a line or two are their own mirror image
_LEAST_CONTRAST = 2.0  # standard deviation of lightness, of 100
_SYMMETRIC, _NEARLY = 0.9, 0.7  # correlation with the mirror image


def observe(picture: CritiquedPicture, models: object) -> Sequence[ObservationResult]:
    """Correlate the lightness with its two mirror images; 1 is the same, 0 unrelated."""
    del models
    values = to_lightness(np.asarray(shrink(picture.framed, _SIDE)))
    if values.std() < _LEAST_CONTRAST or min(values.shape) < _LEAST_SIDE:
        return []
    sideways, upright = mirror_correlation(values), mirror_correlation(values.T)
    numbers = [
        MeasuredNumber(sideways, "z.2f", _choose_bound(sideways), code="measure_left_right"),
        MeasuredNumber(upright, "z.2f", _choose_bound(upright), code="measure_top_bottom"),
    ]
    sentences = []
    if sideways >= _NEARLY:
        sentences.append(
            Message(
                code="symmetric_left_right" if sideways >= _SYMMETRIC else "nearly_symmetric_left_right",
                values={"correlation": sideways, "bound": _choose_bound(sideways)},
            )
        )
    if upright >= _NEARLY:
        sentences.append(
            Message(
                code="symmetric_top_bottom" if upright >= _SYMMETRIC else "nearly_symmetric_top_bottom",
                values={"correlation": upright, "bound": _choose_bound(upright)},
            )
        )
    if not sentences:
        sentences.append(
            Message(code="not_symmetric", values={"sideways": sideways, "upright": upright, "bound": _NEARLY})
        )
    return [ObservationResult(sentences, numbers)]


def _choose_bound(correlation: float) -> float:
    return _SYMMETRIC if correlation >= _SYMMETRIC else _NEARLY


def mirror_correlation(values: NDArray[np.float32]) -> float:
    """Return how like ``(H, W)`` is to itself with left and right exchanged.

    It is Pearson's correlation of what varies within the rows: a dark sky above light ground says nothing of left and right. Where nothing
    varies within them, both sides are the same.
    """
    within = values.astype(np.float64) - values.mean(1, keepdims=True, dtype=np.float64)
    variance = np.square(within).sum()
    if variance < _LEAST_CONTRAST**2 * within.size / 4:
        return 1.0
    return float((within * within[:, ::-1]).sum() / variance)


OBSERVATION = Observation(code="heading_symmetry", position=60, observe=observe)
