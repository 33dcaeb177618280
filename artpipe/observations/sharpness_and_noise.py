"""Sharpness and noise, at full size: how broad edges are, how even areas scatter."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from artpipe.contracts.observation import MeasuredNumber, Observation, ObservationResult
from artpipe.critique.critiqued_picture import CritiquedPicture
from artpipe.critique.grid_places import PLACES, split_into_grid
from artpipe.language.message import Message
from artpipe.numerics.blur_and_noise import edge_width, noise_sigma

_CRISP, _SHARP, _SOFT = 0.6, 1.2, 2.5  # pixels; less than half of one is beyond telling
_DEPTH_RATIO, _DEPTH_DIFFERENCE = 2.0, 1.5  # of the softest to the sharpest part; pixels
_LEAST_SIDE = 96  # pixels: a ninth of a smaller picture has no room to measure in
_PART_SIDE = 384  # pixels of each ninth that are measured, about its middle
_CLEAN, _VISIBLE, _STRONG = 1.0, 4.0, 10.0  # levels of 255
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def observe(picture: CritiquedPicture, models: object) -> Sequence[ObservationResult]:
    """Measure edges in the nine parts of the picture, and noise where it is even."""
    del models
    height, width = picture.pixels.shape[:2]
    if min(height, width) < _LEAST_SIDE:
        small = Message(code="too_small_for_sharpness", values={"width": width, "height": height, "least": _LEAST_SIDE})
        return [ObservationResult([small])]
    widths = {place: edge_width(part) for place, part in zip(PLACES, _middle_parts(picture.pixels), strict=True)}
    known = {place: width for place, width in widths.items() if width is not None}
    sentences, numbers = _describe_widths(known) if known else ([Message(code="no_edges")], [])
    noise = noise_sigma(picture.pixels[..., :1] if picture.is_grey else picture.pixels)
    sentences += [_describe_noise(noise)]
    if noise is not None:
        numbers += [MeasuredNumber(noise, ".1f", _VISIBLE, code="measure_noise")]
    return [ObservationResult(sentences, numbers)]


def _middle_parts(pixels: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
    """Return the brightness of the middle of each ninth, in [0, 255]."""
    parts = []
    for part in split_into_grid(pixels):
        top, left = (max(0, (side - _PART_SIDE) // 2) for side in part.shape[:2])
        parts.append(np.asarray(part[top : top + _PART_SIDE, left : left + _PART_SIDE] @ _LUMA, np.float32))
    return parts


def _describe_widths(widths: dict[str, float]) -> tuple[list[Message], list[MeasuredNumber]]:
    sharpest, softest = min(widths, key=lambda place: widths[place]), max(widths, key=lambda place: widths[place])
    width, other = widths[sharpest], widths[softest]
    numbers = [MeasuredNumber(width, ".1f", _SHARP, code="measure_edge_width")]
    crisp = sum(width < _CRISP for width in widths.values())
    if crisp:
        sentences = [Message(code="edges_crisp", values={"count": crisp, "parts": len(widths), "bound": _CRISP})]
    elif width <= _SHARP:
        sentences = [Message(code="edges_sharp", values={"place": sharpest, "width": width, "bound": _SHARP})]
    elif width <= _SOFT:
        sentences = [Message(code="edges_slightly_soft", values={"place": sharpest, "width": width, "bound": _SHARP})]
    else:
        sentences = [Message(code="edges_soft", values={"place": sharpest, "width": width, "bound": _SOFT})]
    if other >= _DEPTH_RATIO * max(width, _CRISP) and other - width >= _DEPTH_DIFFERENCE:
        numbers.append(MeasuredNumber(other, ".1f", code="measure_softest_width"))
        sentences.append(
            Message(
                code="sharpness_differs",
                values={"place": softest, "width": other, "sharpest": sharpest, "other": width},
            )
        )
    return sentences, numbers


def _describe_noise(noise: float | None) -> Message:
    if noise is None:
        return Message(code="noise_unknown")
    noise = round(noise, 1)  # as it is shown: 3.96 is no 4.0 "below 4"
    if noise < _CLEAN:
        return Message(code="noise_none", values={"sigma": noise, "bound": _CLEAN})
    if noise < _VISIBLE:
        return Message(code="noise_fine", values={"sigma": noise, "bound": _VISIBLE})
    if noise < _STRONG:
        return Message(code="noise_visible", values={"sigma": noise, "bound": _VISIBLE})
    return Message(code="noise_strong", values={"sigma": noise, "bound": _STRONG})


OBSERVATION = Observation(code="heading_sharpness", position=70, observe=observe)
