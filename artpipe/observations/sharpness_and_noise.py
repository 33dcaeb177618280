"""Sharpness and noise, at full size: blur of the finest detail, scatter of areas."""

from collections.abc import Sequence

import numpy as np

from artpipe.contracts.observation import MeasuredNumber, Observation, ObservationResult
from artpipe.critique.critiqued_picture import CritiquedPicture
from artpipe.critique.grid_places import PLACES
from artpipe.language.message import Message
from artpipe.numerics.blur_and_noise import FEWEST_BLOCKS, noise_sigma
from artpipe.numerics.detail_blur import LEAST_CONTRAST, PartDetail, measure_parts
from artpipe.numerics.resampling_trace import LEAST_STRENGTH, RepeatedFineness, find_repeated_fineness

_CRISP, _SOFTER, _SOFT = 0.5, 1.0, 2.0  # pixels: below the first the pixels hide the blur
_TRACE = (0.4, 0.9)  # pixels of blur, of which a small enlargement leaves so much
_LIVELY_SHARE = 0.3  # of the liveliest part's contrast: fainter parts are not judged
_DEPTH_RATIO, _DEPTH_DIFFERENCE = 2.0, 1.5  # of the softest to the sharpest part; pixels
_LEAST_SIDE = 96  # pixels: a smaller picture has no room to measure in
_CLEAN, _VISIBLE, _STRONG = 1.0, 4.0, 10.0  # levels of 255
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def observe(picture: CritiquedPicture, models: object) -> Sequence[ObservationResult]:
    """Measure blur in the nine parts of the picture, and noise where it is even."""
    del models
    height, width = picture.pixels.shape[:2]
    if min(height, width) < _LEAST_SIDE:
        small = Message(code="too_small_for_sharpness", values={"width": width, "height": height, "least": _LEAST_SIDE})
        return [ObservationResult([small])]
    levels = np.asarray(picture.pixels @ _LUMA, np.float32)
    sentences, numbers = _describe_parts(measure_parts(levels), find_repeated_fineness(levels))
    noise = noise_sigma(picture.pixels[..., :1] if picture.is_grey else picture.pixels)
    sentences += [_describe_noise(noise.sigma, noise.blocks)]
    if noise.sigma is not None:
        numbers += [MeasuredNumber(noise.sigma, ".1f", _VISIBLE, code="measure_noise")]
    return [ObservationResult(sentences, numbers)]


def _describe_parts(
    parts: Sequence[PartDetail], repeated: RepeatedFineness | None
) -> tuple[list[Message], list[MeasuredNumber]]:
    least = _LIVELY_SHARE * max(part.contrast for part in parts)
    known = {place: part.sigma for place, part in enumerate(parts) if part.sigma is not None and part.contrast >= least}
    if not known:
        return [_explain_untold(max(parts, key=lambda part: part.contrast))], []
    sharpest, softest = min(known, key=known.__getitem__), max(known, key=known.__getitem__)
    width, other = round(known[sharpest], 1), round(known[softest], 1)
    if not _TRACE[0] <= known[sharpest] <= _TRACE[1]:
        repeated = None
    sentences = [_describe_width(width, is_interpolated=repeated is not None)]
    numbers = [MeasuredNumber(width, ".1f", _choose_bound(width), code="measure_blur")]
    if repeated is not None:
        sentences.append(
            Message(
                code="fineness_repeats",
                values={"period": repeated.period, "strength": repeated.strength, "bound": LEAST_STRENGTH},
            )
        )
        numbers.append(MeasuredNumber(repeated.strength, ".0f", LEAST_STRENGTH, code="measure_repeated"))
    if other >= _DEPTH_RATIO * max(width, _CRISP) and other - width >= _DEPTH_DIFFERENCE:
        numbers.append(MeasuredNumber(other, ".1f", code="measure_softest_blur"))
        sentences.append(
            Message(
                code="blur_differs",
                values={"place": PLACES[softest], "width": other, "sharpest": PLACES[sharpest], "other": width},
            )
        )
    return sentences, numbers


def _explain_untold(part: PartDetail) -> Message:
    """Return why nothing can be told of the part with most to be seen."""
    if part.contrast < LEAST_CONTRAST:
        return Message(code="detail_too_faint", values={"contrast": part.contrast, "bound": LEAST_CONTRAST})
    return Message(code="detail_like_grain", values={"contrast": part.contrast, "grain": part.grain})


def _describe_width(width: float, *, is_interpolated: bool) -> Message:
    if width < _CRISP and not is_interpolated:
        return Message(code="detail_crisp", values={"width": width, "bound": _CRISP})
    if width < _SOFTER:
        return Message(code="detail_nearly_crisp", values={"width": width, "bound": _CRISP})
    if width <= _SOFT:
        return Message(code="detail_slightly_soft", values={"width": width, "bound": _SOFTER, "soft": _SOFT})
    return Message(code="detail_soft", values={"width": width, "bound": _SOFT})


def _choose_bound(width: float) -> float:
    """Return the bound that a width is told by."""
    return next((bound for bound in (_CRISP, _SOFTER) if width < bound), _SOFT)


def _describe_noise(noise: float | None, blocks: int) -> Message:
    if noise is None:
        return Message(code="noise_untold", values={"count": blocks, "least": FEWEST_BLOCKS})
    noise = round(noise, 1)  # as it is shown: 3.96 is no 4.0 "below 4"
    if noise < _CLEAN:
        return Message(code="noise_none", values={"sigma": noise, "bound": _CLEAN})
    if noise < _VISIBLE:
        return Message(code="noise_fine", values={"sigma": noise, "bound": _VISIBLE})
    if noise < _STRONG:
        return Message(code="noise_visible", values={"sigma": noise, "bound": _VISIBLE})
    return Message(code="noise_strong", values={"sigma": noise, "bound": _STRONG})


OBSERVATION = Observation(code="heading_sharpness", position=70, observe=observe)
