"""Straight lines of a picture, by a vote of its edges (Duda & Hart 1972)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from artpipe.numerics.blur_and_noise import gaussian_blur, gradients, thin_edges

Floats = NDArray[np.float32]
_BLUR = 1.2  # pixels
_WEAKEST = 1.5  # lightness per pixel
_WEAKEST_SHARE = 0.12  # of the steepest edge
_ANGLES = 90  # bins of 2 degrees
_RHO_BIN = 2.0  # pixels
_BAND = 2.0  # pixels to each side of a line
_TURN = np.deg2rad(10.0)  # an edge may be off a line's direction by this
_GAP = 5  # pixels that a line may be hidden for
_MOST_CANDIDATES = 60
_SAME_DISTANCE = 8.0  # pixels, as the mean of a line's ends: nearer lines are one


@dataclass(frozen=True)
class StraightLine:
    """A line in a picture; coordinates are shares of its sides.

    `start` and `end` ``(x, y)`` are where it enters and leaves the picture, `coverage` is the share of that way on
    which an edge lies, `degrees` its angle in [0, 180): 0 is horizontal, 45 rises to the right.
    """

    start: tuple[float, float]
    end: tuple[float, float]
    coverage: float
    degrees: float


@dataclass(frozen=True)
class EdgePoints:
    """Places on edges: coordinates in pixels, and the angle of the gradient."""

    x: Floats
    y: Floats
    angle: Floats  # of the normal, in [0, pi)


def find_edge_points(lightness: Floats) -> EdgePoints:
    """Return the places on edges of lightness ``(H, W)`` in [0, 100]."""
    down, right = gradients(gaussian_blur(lightness, _BLUR))
    size = np.hypot(down, right)
    bound = max(_WEAKEST, _WEAKEST_SHARE * float(size.max(initial=0.0)))
    y, x = np.nonzero(thin_edges(down, right) & (size > bound))
    angle = np.arctan2(down[y, x], right[y, x]) % np.pi
    return EdgePoints(x.astype(np.float32), y.astype(np.float32), angle.astype(np.float32))


def find_straight_lines(lightness: Floats, least_coverage: float) -> list[StraightLine]:
    """Return the lines that edges cover at least in part, the best covered first."""
    points, shape = find_edge_points(lightness), lightness.shape
    if not len(points.x):
        return []
    sides = np.array([shape[1] - 1, shape[0] - 1])
    fitted = [_fit_line(points, angle, rho) for angle, rho in _vote(points, shape)]
    measured = [(line, place) for place in fitted if place and (line := _measure_line(points, *place, shape))]
    chosen: list[tuple[StraightLine, tuple[float, float]]] = []
    for line, place in sorted(measured, key=lambda item: -item[0].coverage):
        ends = np.array([line.start, line.end]) * sides
        if line.coverage >= least_coverage and not any(_is_same(ends, *other) for _, other in chosen):
            chosen.append((line, place))
    return [line for line, _ in chosen]


def _vote(points: EdgePoints, shape: tuple[int, ...]) -> list[tuple[float, float]]:
    """Return angle and distance of the bins with most votes, of their neighbourhood."""
    reach = int(np.ceil(np.hypot(shape[0], shape[1]) / _RHO_BIN)) + 1
    votes = np.zeros((_ANGLES, 2 * reach + 1), np.int32)
    own = np.rint(points.angle / np.pi * _ANGLES).astype(int)
    for turn in range(-2, 3):
        angle = (own + turn) % _ANGLES
        theta = angle * np.pi / _ANGLES
        rho = points.x * np.cos(theta) + points.y * np.sin(theta)
        np.add.at(votes, (angle, np.rint(rho / _RHO_BIN).astype(int) + reach), 1)
    order = np.argsort(votes, axis=None, kind="stable")[::-1]
    best: list[tuple[float, float]] = []
    for cell in order[: 40 * _MOST_CANDIDATES]:
        angle, rho = cell // votes.shape[1] * np.pi / _ANGLES, (cell % votes.shape[1] - reach) * _RHO_BIN
        if not any(abs(angle - a) < np.deg2rad(3) and abs(rho - r) < 2 * _RHO_BIN for a, r in best):
            best.append((angle, rho))
        if len(best) == _MOST_CANDIDATES:
            break
    return best


def _fit_line(points: EdgePoints, angle: float, rho: float) -> tuple[float, float] | None:
    """Return angle and distance of the line through the points near the given one."""
    for _ in range(2):
        near = _find_points_on(points, angle, rho)
        if near.sum() < 2:  # noqa: PLR2004 - points of a line
            return None
        angle, rho = _fit(points.x[near], points.y[near], angle)
    return angle, rho


def _measure_line(points: EdgePoints, angle: float, rho: float, shape: tuple[int, ...]) -> StraightLine | None:
    """Return a line with its coverage; None where it only touches the picture."""
    near, chord = _find_points_on(points, angle, rho), _clip_to_picture(angle, rho, shape)
    if chord is None or not near.any():
        return None
    start, end = chord
    length = float(np.hypot(*(end - start)))
    if length < 0.3 * min(shape):
        return None
    way = (points.x[near] - start[0]) * (end[0] - start[0]) + (points.y[near] - start[1]) * (end[1] - start[1])
    covered = np.zeros(int(length) + 1, bool)
    places = np.clip(np.rint(way / length).astype(int), 1, int(length) - 1)
    for beside in (-1, 0, 1):  # a sloping line has an edge in each row or column, not on each pixel of its way
        covered[places + beside] = True
    coverage = _longest_run(covered) / len(covered)
    height, width = shape
    ends = [(float(x / (width - 1)), float(y / (height - 1))) for x, y in (start, end)]
    degrees = float(np.rad2deg(np.arctan2(start[1] - end[1], end[0] - start[0]))) % 180
    return StraightLine(ends[0], ends[1], coverage, degrees)


def _find_points_on(points: EdgePoints, angle: float, rho: float) -> NDArray[np.bool_]:
    distance = np.abs(points.x * np.cos(angle) + points.y * np.sin(angle) - rho)
    turn = np.abs((points.angle - angle + np.pi / 2) % np.pi - np.pi / 2)
    return np.asarray((distance <= _BAND) & (turn <= _TURN))


def _fit(x: Floats, y: Floats, angle: float) -> tuple[float, float]:
    """Return angle and distance of the line of least squares.

    The normal's angle is that near the given one.
    """
    centre = np.array([x.mean(), y.mean()])
    _, vectors = np.linalg.eigh(np.cov(np.stack([x, y]).astype(np.float64), bias=True))
    normal = vectors[:, 0]
    if normal @ (np.cos(angle), np.sin(angle)) < 0:
        normal = -normal
    return float(np.arctan2(normal[1], normal[0])), float(normal @ centre)


def _clip_to_picture(
    angle: float, rho: float, shape: tuple[int, ...]
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Return the points, from left to right, where a line meets the border."""
    bottom, edge = shape[0] - 1, shape[1] - 1
    cos, sin = np.cos(angle), np.sin(angle)
    ends = []
    if abs(sin) > 1e-6:  # noqa: PLR2004 - a line that is not upright meets both sides
        ends += [(x, (rho - x * cos) / sin) for x in (0, edge)]
    if abs(cos) > 1e-6:  # noqa: PLR2004
        ends += [((rho - y * sin) / cos, y) for y in (0, bottom)]
    inside = sorted({(x, y) for x, y in ends if -1 <= x <= edge + 1 and -1 <= y <= bottom + 1})
    return (np.array(inside[0]), np.array(inside[-1])) if len(inside) > 1 else None


def _longest_run(covered: NDArray[np.bool_]) -> int:
    """Return the length of the longest stretch whose gaps are short, less its gaps."""
    best = current = gap = 0
    for is_edge in covered.tolist():
        current, gap = (current + 1, 0) if is_edge else (current, gap + 1)
        if gap > _GAP:
            current = 0
        best = max(best, current)
    return best


def _is_same(ends: NDArray[np.float64], angle: float, rho: float) -> bool:
    """Return whether the ends ``(2, 2)`` of a line lie beside the other one."""
    return bool(np.abs(ends @ (np.cos(angle), np.sin(angle)) - rho).mean() < _SAME_DISTANCE)
