"""Composition: long straight lines, where they lie, and where the detail is."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from artpipe.contracts.observation import CritiqueFigure, MeasuredNumber, Observation, ObservationResult
from artpipe.critique.critiqued_picture import CritiquedPicture
from artpipe.critique.grid_places import PLACES, split_into_grid
from artpipe.critique.picture_overlay import draw_lines
from artpipe.language.message import Message
from artpipe.numerics.blur_and_noise import gaussian_blur, gradients
from artpipe.numerics.straight_lines import StraightLine, find_straight_lines

LEAST_COVERAGE = 0.55  # of a line's way across the picture; in noise a line reaches 0.32 at most
_HORIZON_COVERAGE = 0.7
_MOST_LINES = 4
_LEVEL, _UPRIGHT, _ON_DIAGONAL = 5.0, 5.0, 6.0  # degrees
_NEAR = 0.035  # of a side: this near to a third, the middle or a corner
_AT_BORDER = 0.04  # of a side: the picture's own frame
_LEAST_SIDE = 48  # pixels: below, there is no composition to see
_LEAST_DETAIL = 0.3  # lightness per pixel, as the mean over a picture
_FOCUS_SHARE = 0.25  # of the detail in one ninth of the picture
_DIRECTION_SHARE = 0.45  # of the detail along one of four directions, of which each has 0.25 by chance
_STEEP = 1.0  # lightness per pixel: less has no direction
_SKY = (0.15, 0.85)  # of the height, between which a horizon may lie
_THIRDS = {1 / 3: "one third", 1 / 2: "one half", 2 / 3: "two thirds"}


def observe(picture: CritiquedPicture, models: object) -> Sequence[ObservationResult]:
    """Find lines by a vote of edges, and count the detail by place and by direction."""
    del models
    lightness = picture.lightness
    if min(lightness.shape) < _LEAST_SIDE:
        return []
    lines = [line for line in find_straight_lines(lightness, LEAST_COVERAGE) if not _is_frame(line)][:_MOST_LINES]
    down, right = gradients(gaussian_blur(lightness, 1.0))
    detail = np.hypot(down, right)
    if detail.mean() < _LEAST_DETAIL and not lines:
        return []
    level = [line for line in lines if _tilt(line) <= _LEVEL]
    horizon = level[0] if len(level) == 1 and _may_be_horizon(level[0]) else None
    sentences = [
        _describe_horizon(line) if line is horizon else _describe_line(line, lightness.shape) for line in lines
    ]
    numbers = [
        MeasuredNumber(line.coverage, ".0%", LEAST_COVERAGE, code="measure_line_coverage", values={"number": number})
        for number, line in enumerate(lines, start=1)
    ]
    for found in (_find_direction(down, right), _find_focus(detail)):
        sentences += found[0]
        numbers += found[1]
    figure = CritiqueFigure(
        draw_lines(picture.small, lines), Message(code="figure_thirds_and_lines" if lines else "figure_thirds")
    )
    return [ObservationResult(sentences, numbers, [figure])]


def _is_frame(line: StraightLine) -> bool:
    """Return whether a line runs along the border."""
    (x1, y1), (x2, y2) = line.start, line.end
    return any(
        min(a, b) < _AT_BORDER and max(a, b) < 2 * _AT_BORDER
        for a, b in ((x1, x2), (y1, y2), (1 - x1, 1 - x2), (1 - y1, 1 - y2))
    )


def _describe_line(line: StraightLine, shape: tuple[int, ...]) -> Message:
    """Return where a line lies."""
    tilt = _tilt(line)
    if tilt <= _LEVEL:
        return Message(code="level_line", values={"height": _height(line), "followed": line.coverage})
    if abs(line.degrees - 90) <= _UPRIGHT:
        place = (line.start[0] + line.end[0]) / 2
        if near := _find_third(place):
            return Message(code="upright_line_at", values={"place": place, "share": near, "followed": line.coverage})
        return Message(code="upright_line", values={"place": place, "followed": line.coverage})
    if _is_diagonal(line, shape):
        return Message(
            code="line_on_diagonal_up" if line.degrees < 90 else "line_on_diagonal_down",  # noqa: PLR2004 - degrees
            values={"followed": line.coverage, "degrees": tilt},
        )
    return Message(
        code="sloping_line_up" if line.degrees < 90 else "sloping_line_down",  # noqa: PLR2004 - degrees
        values={"followed": line.coverage, "degrees": tilt},
    )


def _tilt(line: StraightLine) -> float:
    """Return the angle to the level, in [0, 90] degrees."""
    return min(line.degrees, 180 - line.degrees)


def _height(line: StraightLine) -> float:
    return (line.start[1] + line.end[1]) / 2


def _may_be_horizon(line: StraightLine) -> bool:
    """Return whether a level line, the only one, runs nearly from side to side."""
    return line.coverage >= _HORIZON_COVERAGE and _SKY[0] <= _height(line) <= _SKY[1]


def _describe_horizon(line: StraightLine) -> Message:
    if near := _find_third(_height(line)):
        return Message(code="horizon_at", values={"height": _height(line), "share": near, "followed": line.coverage})
    return Message(code="horizon", values={"height": _height(line), "followed": line.coverage})


def _find_third(place: float) -> str:
    return next((name for third, name in _THIRDS.items() if abs(place - third) <= _NEAR), "")


def _is_diagonal(line: StraightLine, shape: tuple[int, ...]) -> bool:
    """Return whether a line runs from corner to corner."""
    angle = np.rad2deg(np.arctan2(shape[0], shape[1]))
    own = min(line.degrees, 180 - line.degrees)
    corners = ((0.0, 1.0), (1.0, 0.0)) if line.degrees < 90 else ((0.0, 0.0), (1.0, 1.0))  # noqa: PLR2004 - degrees
    ends = sorted((line.start, line.end))
    distance = max(np.hypot(x - a, y - b) for (x, y), (a, b) in zip(ends, corners, strict=True))
    return bool(abs(own - angle) <= _ON_DIAGONAL and distance <= 3 * _NEAR)


def _find_direction(
    down: NDArray[np.float32], right: NDArray[np.float32]
) -> tuple[list[Message], list[MeasuredNumber]]:
    """Return which of four directions most of the edges run along, if one stands out."""
    size = np.hypot(down, right)
    steep = size > _STEEP
    if not steep.any():
        return [], []
    degrees = (np.rad2deg(np.arctan2(-right[steep], -down[steep])) + 360) % 180  # of the edge: 0 is level
    sector = np.rint(degrees / 45).astype(int) % 4
    shares = np.bincount(sector, size[steep], 4) / size[steep].sum()
    best = int(shares.argmax())
    number = MeasuredNumber(float(shares[best]), ".0%", _DIRECTION_SHARE, code="measure_direction")
    if shares[best] < _DIRECTION_SHARE:
        return [], [number]
    name = ("horizontal", "rising to the right", "vertical", "falling to the right")[best]
    return [Message(code="edges_run", values={"direction": name, "share": float(shares[best])})], [number]


def _find_focus(detail: NDArray[np.float32]) -> tuple[list[Message], list[MeasuredNumber]]:
    """Return which ninth of the picture has most of the detail."""
    sums = [float(part.sum()) for part in split_into_grid(detail)]
    share = max(sums) / max(sum(sums), 1e-9)
    number = MeasuredNumber(share, ".0%", _FOCUS_SHARE, code="measure_focus")
    if share < _FOCUS_SHARE:
        return [Message(code="detail_spread", values={"share": share, "bound": _FOCUS_SHARE})], [number]
    place = PLACES[sums.index(max(sums))]
    return [Message(code="detail_gathers", values={"place": place, "share": share})], [number]


OBSERVATION = Observation(code="heading_composition", position=50, observe=observe)
