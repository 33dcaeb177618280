"""Straight lines of pictures in which they are known."""

import numpy as np
import pytest

from artpipe.numerics.blur_and_noise import gaussian_blur
from artpipe.numerics.straight_lines import find_straight_lines

BOUND = 0.55


def half_plane(height: int, width: int, normal: tuple[float, float], through: tuple[float, float]) -> np.ndarray:
    """Return a picture that is dark on one side of a line; places are shares of the sides."""
    y, x = np.mgrid[:height, :width]
    side = (x - through[0] * (width - 1)) * normal[0] + (y - through[1] * (height - 1)) * normal[1]
    return np.where(side > 0, 70, 30).astype(np.float32)


@pytest.mark.parametrize("place", [1 / 3, 1 / 2, 0.8])
def test_a_level_line_is_found_at_its_height(place):
    """Alone, from side to side."""
    (line,) = find_straight_lines(half_plane(200, 300, (0, 1), (0, place)), BOUND)
    assert (line.start[0], line.end[0]) == (0, 1)
    assert (line.start[1], line.end[1]) == (pytest.approx(place, abs=0.01), pytest.approx(place, abs=0.01))
    assert line.coverage > 0.95


@pytest.mark.parametrize(("normal", "degrees"), [((2, 3), 33.7), ((-2, 3), 146.3), ((1, 0), 90)])
def test_a_slope_has_its_angle(normal, degrees):
    """Both diagonals of a picture of 3 to 2, and an upright line."""
    (line,) = find_straight_lines(half_plane(200, 300, normal, (0.5, 0.5)), BOUND)
    assert line.degrees == pytest.approx(degrees, abs=1)


def test_a_checkerboard_has_the_lines_between_its_fields():
    """Level and upright ones, three of each, and no other."""
    board = np.kron(np.indices((4, 4)).sum(0) % 2, np.ones((50, 50))).astype(np.float32) * 80
    lines = find_straight_lines(board, BOUND)
    assert sorted(round(line.degrees) % 180 for line in lines) == [0, 0, 0, 90, 90, 90]
    heights = sorted(line.start[1] for line in lines if line.degrees < 45 or line.degrees > 135)
    assert heights == [pytest.approx(height, abs=0.01) for height in (0.25, 0.5, 0.75)]


@pytest.mark.parametrize("blur", [0, 3])
def test_noise_has_no_lines(blur):
    """White noise and clouds, some seeds."""
    for seed in range(2):
        noise = np.random.default_rng(seed).normal(50, 20, (160, 200)).astype(np.float32)
        noise = gaussian_blur(noise, blur) if blur else noise
        assert find_straight_lines((noise - noise.mean()) / noise.std() * 20 + 50, BOUND) == []


def test_one_colour_has_no_lines():
    """There is no edge."""
    assert find_straight_lines(np.full((60, 60), 40, np.float32), BOUND) == []
