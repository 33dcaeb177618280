"""Palette: which colours cover how much, and how colourful they are."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from artpipe.contracts.observation import ColourSwatch, MeasuredNumber, Observation, ObservationResult
from artpipe.critique.colour_names import NEUTRAL_CHROMA, colour_name, name_colours
from artpipe.critique.critiqued_picture import CritiquedPicture
from artpipe.language.message import Message
from artpipe.numerics.colour_space import Floats, to_oklab

_MOST, _LEAST_SHARE = 7, 0.02  # colours named; of the surface
_MOSTLY = 0.6  # of the surface, which two colours have together of which most of it is
_MUTED, _VIVID = 0.06, 0.13  # mean chroma in OKLab; pure sRGB red has 0.26
_LEANING = 1.5  # as much of the surface is warm as is cool, or the other way round
_HUED = 0.03  # chroma from which on a colour is warm or cool
_LEAST_HUED = 0.1  # share of the surface that has a hue, for a word on warm and cool
_WARM = (np.deg2rad(-35.0), np.deg2rad(115.0))  # hues in OKLab from crimson over orange to yellow


def observe(picture: CritiquedPicture, models: object) -> Sequence[ObservationResult]:
    """Name the colours of the opaque pixels, and say how strong and how warm they are."""
    del models
    pixels = picture.sampled[picture.opaque]
    oklab = to_oklab(pixels)
    swatches = _count_names(pixels, oklab)
    chroma = np.hypot(oklab[:, 1], oklab[:, 2])
    mean_chroma = float(chroma.mean())
    sentences = [_describe_colours(swatches), _describe_chroma(mean_chroma)]
    numbers = [MeasuredNumber(mean_chroma, ".3f", code="measure_chroma")]
    hued = chroma > _HUED
    if hued.mean() >= _LEAST_HUED:
        hue = np.arctan2(oklab[hued, 2], oklab[hued, 1])
        warm = float(((hue > _WARM[0]) & (hue < _WARM[1])).sum() / len(chroma))
        cool = float(hued.mean()) - warm
        numbers += [MeasuredNumber(warm, ".0%", code="measure_warm"), MeasuredNumber(cool, ".0%", code="measure_cool")]
        sentences += _describe_warmth(warm, cool)
    return [ObservationResult(sentences, numbers, swatches=swatches)]


def _count_names(pixels: NDArray[np.uint8], oklab: Floats) -> list[ColourSwatch]:
    """Return the names with most pixels, each with the mean of these."""
    numbers = name_colours(oklab)
    counts = np.bincount(numbers)
    order = [int(number) for number in np.argsort(counts, kind="stable")[::-1][:_MOST]]
    chosen = [number for number in order if counts[number] >= _LEAST_SHARE * len(pixels)]
    means = [pixels[numbers == number].mean(0).round().astype(int) for number in chosen]
    return [
        ColourSwatch(
            (int(mean[0]), int(mean[1]), int(mean[2])), colour_name(number), round(counts[number] / len(pixels), 2)
        )
        for number, mean in zip(chosen, means, strict=True)
    ]


def _describe_colours(swatches: Sequence[ColourSwatch]) -> Message:
    first = swatches[0]
    if len(swatches) == 1:
        return Message(code="palette_of_one", values={"first": first.name, "share": first.share})
    second = swatches[1]
    if len(swatches) == 2:  # noqa: PLR2004 - colours
        return Message(
            code="palette_of_two",
            values={"first": first.name, "share": first.share, "second": second.name, "second_share": second.share},
        )
    return Message(
        code="palette_of_many" if first.share + second.share >= _MOSTLY else "palette_of_many_small",
        values={
            "count": len(swatches), "total": min(1.0, sum(swatch.share for swatch in swatches)),
            "first": first.name, "share": first.share, "second": second.name, "second_share": second.share,
        },
    )  # fmt: skip


def _describe_chroma(chroma: float) -> Message:
    if chroma < NEUTRAL_CHROMA:
        return Message(code="colours_none", values={"chroma": chroma, "bound": NEUTRAL_CHROMA})
    if chroma < _MUTED:
        return Message(code="colours_muted", values={"chroma": chroma, "bound": _MUTED})
    if chroma > _VIVID:
        return Message(code="colours_vivid", values={"chroma": chroma, "bound": _VIVID})
    return Message(code="colours_medium", values={"chroma": chroma, "low": _MUTED, "high": _VIVID})


def _describe_warmth(warm: float, cool: float) -> list[Message]:
    if warm >= _LEANING * cool:
        return [Message(code="colours_warm", values={"warm": warm, "cool": cool})]
    if cool >= _LEANING * warm:
        return [Message(code="colours_cool", values={"warm": warm, "cool": cool})]
    return [Message(code="colours_balanced", values={"warm": warm, "cool": cool})]


OBSERVATION = Observation(code="heading_palette", position=30, observe=observe)
