"""Find the edges of a canvas, a frame or a scan that a photograph of a work shows."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

_SIDE = 512  # pixels of the longer side at which lines are looked for
_LEAST_SIDE = 64  # pixels; of a smaller picture a line is a part
_STEP = 12  # of 255 levels; less is no edge
_USUAL = 0.95  # of the lines in the middle of the picture, which have at most the usual step
_STANDING_OUT = 1.5  # times the usual step: grass and brick have steps everywhere
_ALONG = 0.7  # of a line's length, along which there is a step
_CORNER = 0.06  # of a line's length at both ends, where those of the other sides run
_APART = 4  # pixels between those of a line that are looked at
_REACH = 2  # lines on both sides: edges are soft, and hang a little aslant


def find_inner_box(image: "Image.Image", share: float) -> tuple[int, int, int, int]:
    """Return what lies inside of straight lines near the sides of a picture.

    A line is a step of brightness or colour along nearly a whole side, such as the edge of a canvas, of its frame or of a
    scan. Within a picture hardly any runs so straight from end to end. Where there is none, that side stays.

    Args:
        image: mode L or RGB.
        share: of the width and the height, within which lines are looked for.
    """
    import numpy as np
    from PIL import Image

    width, height = image.size
    scale = min(1.0, _SIDE / max(width, height))
    small = image
    if scale < 1:
        size = max(1, round(width * scale)), max(1, round(height * scale))
        small = image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
    if min(small.size) < _LEAST_SIDE:
        return 0, 0, width, height
    rows = np.asarray(small, np.int16).reshape(small.height, small.width, -1)
    columns = rows.swapaxes(0, 1)
    cuts = [_count_outer_lines(lines, share) / scale for lines in (columns, rows, columns[::-1], rows[::-1])]
    left, top, right, bottom = (round(cut) for cut in cuts)
    return left, top, width - right, height - bottom


def _count_outer_lines(lines: "NDArray[np.int16]", share: float) -> int:
    """Count the lines of ``(N, L, C)`` up to the innermost step."""
    import numpy as np

    corner = int(lines.shape[1] * _CORNER)
    steps = _measure_steps(lines[:, corner : lines.shape[1] - corner : _APART])
    usual = np.quantile(steps[len(steps) // 4 : -len(steps) // 4], _USUAL)
    near = steps[: max(1, int(len(lines) * share))]
    strong = np.flatnonzero(near >= max(_STEP, _STANDING_OUT * usual))
    return int(strong[-1]) + 2 * _REACH if len(strong) else 0


def _measure_steps(lines: "NDArray[np.int16]") -> "NDArray[np.float64]":
    """Return the step across each line of ``(N, L, C)``, at most of its places."""
    import numpy as np

    steps = np.abs(lines[2:] - lines[:-2]).max(2)
    windows = np.lib.stride_tricks.sliding_window_view(steps, _REACH + 1, axis=0).max(-1)
    quantiles: NDArray[np.float64] = np.quantile(windows, 1 - _ALONG, axis=1)
    return quantiles
