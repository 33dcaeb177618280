"""Value structure: how light and dark are shared out."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from artpipe.contracts.observation import EXACT_SIDE, CritiqueFigure, MeasuredNumber, Observation, ObservationResult
from artpipe.critique.critiqued_picture import CritiquedPicture
from artpipe.language.message import Message
from artpipe.numerics.colour_space import Floats, to_lightness

_DARK, _LIGHT = 35.0, 70.0  # CIE lightness, of 100
_KEY_SHARE = 0.6  # of the surface, for a dark or a light key
_WIDE, _NARROW = 75.0, 30.0  # of lightness, between the 2nd and the 98th of a hundred pixels
_LEANING = 10.0  # of lightness, between two halves
_TONES = (45, 140, 235)  # grey levels of the figure


def observe(picture: CritiquedPicture, models: object) -> Sequence[ObservationResult]:
    """Measure the shares of three values, the contrast and which half is lighter."""
    del models
    lightness, opaque = picture.lightness, picture.opaque
    seen = to_lightness(picture.sampled)[opaque]
    dark, middle, light = round_shares(float((seen < _DARK).mean()), float((seen > _LIGHT).mean()))
    low, high = (float(level) for level in np.percentile(seen, (2, 98)))
    halves = _compare_halves(lightness, opaque)
    numbers = [
        MeasuredNumber(dark, ".0%", code="measure_dark"),
        MeasuredNumber(middle, ".0%", code="measure_middle"),
        MeasuredNumber(light, ".0%", code="measure_light"),
        MeasuredNumber(high - low, ".0f", code="measure_contrast"),
    ]
    sentences = [_describe_key(dark, middle, light), _describe_contrast(low, high), *_describe_halves(halves)]
    tones = np.array(_TONES, np.uint8)[np.digitize(lightness, (_DARK, _LIGHT))]
    figure = CritiqueFigure(
        np.repeat(tones[:, :, None], 3, 2), Message(code="figure_three_values"), exact=max(tones.shape) < EXACT_SIDE
    )
    return [ObservationResult(sentences, numbers, [figure])]


def round_shares(dark: float, light: float) -> tuple[float, float, float]:
    """Return the shares of dark, middle and light in whole hundredths that sum to 1."""
    dark, light = round(dark, 2), round(light, 2)
    return dark, max(0.0, round(1 - dark - light, 2)), light


def _describe_key(dark: float, middle: float, light: float) -> Message:
    if dark >= _KEY_SHARE:
        return Message(code="values_dark", values={"dark": dark, "middle": middle, "light": light, "bound": _KEY_SHARE})
    if light >= _KEY_SHARE:
        return Message(
            code="values_light", values={"dark": dark, "middle": middle, "light": light, "bound": _KEY_SHARE}
        )
    if middle >= _KEY_SHARE:
        return Message(
            code="values_middle", values={"dark": dark, "middle": middle, "light": light, "bound": _KEY_SHARE}
        )
    return Message(code="values_mixed", values={"dark": dark, "middle": middle, "light": light})


def _describe_contrast(low: float, high: float) -> Message:
    if high - low < _NARROW:
        return Message(code="contrast_low", values={"low": low, "high": high, "range": high - low, "bound": _NARROW})
    if high - low > _WIDE:
        return Message(code="contrast_high", values={"low": low, "high": high, "range": high - low, "bound": _WIDE})
    return Message(code="contrast_medium", values={"low": low, "high": high, "range": high - low})


def _compare_halves(lightness: Floats, opaque: NDArray[np.bool_]) -> dict[str, float]:
    """Return the mean lightness of each half that holds something."""
    middle, centre = (side // 2 for side in lightness.shape)
    seen = np.where(opaque, lightness, np.nan)
    parts = {
        "top half": seen[:middle],
        "bottom half": seen[-middle:],
        "left half": seen[:, :centre],
        "right half": seen[:, -centre:],
    }
    return {name: float(np.nanmean(part)) for name, part in parts.items() if np.isfinite(part).any()}


def _describe_halves(halves: dict[str, float]) -> list[Message]:
    sentences = []
    for pair in (("top half", "bottom half"), ("left half", "right half")):
        lighter, darker = sorted(pair, key=lambda name: -halves.get(name, 0.0))
        if {lighter, darker} <= halves.keys() and halves[lighter] - halves[darker] >= _LEANING:
            sentences.append(
                Message(
                    code="half_is_lighter",
                    values={
                        "lighter": lighter,
                        "darker": darker,
                        "lightness": halves[lighter],
                        "other": halves[darker],
                    },
                )
            )
    return sentences


OBSERVATION = Observation(code="heading_values", position=40, observe=observe)
