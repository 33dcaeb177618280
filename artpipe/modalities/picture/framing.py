"""Fit pictures to squares: trim borders, crop, pad or cut into tiles, resize."""

from functools import cache
from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field, model_validator

from artpipe.config.params import SplitParams
from artpipe.modalities.picture.frame_edges import find_inner_box

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

Box = tuple[int, int, int, int]  # left, top, right, bottom, as in Pillow
_TRIM_SHARE = 0.98  # of a border line's pixels: compression leaves a few stray ones
_BLOCK = 16  # lines compared at once
_GROUND_SHARE = 0.5  # of a line beside a subject, at most; the rest is its ground
_MIN_SIDE = 8  # pixels a side; what would leave less is not a border


class PictureParams(SplitParams):
    """How pictures become tensors; sizes in pixels."""

    size: int = Field(default=64, ge=8, le=1024)
    channels: Literal[1, 3] = 3
    trim: bool = False  # uniform borders away
    trim_tolerance: int = Field(default=16, ge=0, le=255)  # how far a border's pixels may be from its colour
    trim_bleed: int = Field(default=2, ge=0)  # lines cut besides, where a border was
    trim_edges: float = Field(default=0.0, ge=0, le=0.2)  # of a side, within which edges of a frame or scan are cut off
    fit: Literal["crop", "pad"] = "crop"
    tiles: int = Field(default=0, ge=0, le=64)  # squares along the shorter side, at most; 0: the whole as one square
    background: Literal["white", "black"] = "white"  # under transparency and in padding

    @model_validator(mode="after")
    def _check_fit(self) -> Self:
        if self.tiles and self.fit == "pad":
            message = "tiles are cut, so `fit` is crop"
            raise ValueError(message)
        return self


@cache
def parse_params(text: str) -> PictureParams:
    """Return the parameters that a worker is told as JSON."""
    return PictureParams.model_validate_json(text)


def fit_to_squares(image: "Image.Image", params: PictureParams) -> "Image.Image":
    """Return a picture as a square or a grid of squares (mode L or RGB).

    Without alpha; trimmed, then cropped or padded, and resized.

    Lanczos with a support that grows with the reduction, so that big reductions do not alias.
    """
    from PIL import Image, ImageOps

    image = image.convert("L" if params.channels == 1 else "RGB")
    image = trim_borders(image, params)
    size, lanczos = params.size, Image.Resampling.LANCZOS
    if params.fit == "pad":
        return ImageOps.pad(image, (size, size), lanczos, color=params.background)
    rows, columns = tile_grid(image.size, params)
    return ImageOps.fit(image, (columns * size, rows * size), lanczos)


def trim_borders(image: "Image.Image", params: PictureParams) -> "Image.Image":
    """Return a picture without plain borders, and without the edges of a frame.

    A subject on plain ground is no framed picture: where its box is widened, no edge is looked for.
    """
    box = whole = (0, 0, *image.size)
    if params.trim:
        content = box = find_content_box(image, params.trim_tolerance, params.trim_bleed)
        if params.fit == "crop" and not params.tiles:
            box = widen_to_square(image, box, params.trim_tolerance)
        if box != content:
            return image.crop(box)
    image = image.crop(box) if box != whole else image
    return image.crop(find_inner_box(image, params.trim_edges)) if params.trim_edges else image


def tile_grid(size: tuple[int, int], params: PictureParams) -> tuple[int, int]:
    """Return how many rows and columns of tiles a picture is cut into.

    By its width and height.

    Along its shorter side as many as wanted, but so few that nothing is enlarged; along the longer one what fits. What
    is left over is cut off at both ends.
    """
    if not params.tiles:
        return 1, 1
    shorter, longer = sorted(size)
    short_count = max(1, min(params.tiles, shorter // params.size))
    long_count = short_count * longer // shorter
    return (short_count, long_count) if size[0] >= size[1] else (long_count, short_count)


def find_content_box(image: "Image.Image", tolerance: int, bleed: int = 0) -> Box:
    """Return what uniform borders leave of a picture, of whatever colour they are.

    It is the whole picture where that is uniform all over. All numbers of a box are pixels.

    Args:
        image: mode L or RGB.
        tolerance: how far, in steps of 255, a border's pixels may be from the colour of its edge.
        bleed: lines cut besides where a border was, in which resampling had mixed it with the picture.
    """
    import numpy as np

    pixels = np.asarray(image)
    pixels = pixels.reshape(image.height, image.width, -1)
    whole = (0, 0, image.width, image.height)
    left, top, right, bottom = whole
    for _ in range(2):  # once the sides are gone, lines above and below may have become uniform
        above, below = _count_border_lines(pixels[top:bottom, left:right], tolerance)
        top, bottom = top + above, bottom - below
        if top >= bottom:  # both borders reach across: hardly more than one colour
            return whole
        before, after = _count_border_lines(pixels[top:bottom, left:right].swapaxes(0, 1), tolerance)
        left, right = left + before, right - after
        if left >= right:
            return whole
    top, left = top + bleed * (top > 0), left + bleed * (left > 0)
    bottom, right = bottom - bleed * (bottom < image.height), right - bleed * (right < image.width)
    if bottom - top < _MIN_SIDE or right - left < _MIN_SIDE:
        return whole
    return left, top, right, bottom


def widen_to_square(image: "Image.Image", box: Box, tolerance: int) -> Box:
    """Return a box grown towards a square, where its subject stands on plain ground.

    Cropping to a square would cut off the head of a standing figure. The shorter side takes back of its borders what it needs,
    if most of the pixels along it have the border's colour; beside a picture within bars they have not, and bars stay away.
    """
    import numpy as np

    left, top, right, bottom = box
    pixels = np.asarray(image).reshape(image.height, image.width, -1)
    if right - left < bottom - top:
        start, stop = _widen(pixels[top:bottom].swapaxes(0, 1), left, right, bottom - top, tolerance)
        return start, top, stop, bottom
    start, stop = _widen(pixels[:, left:right], top, bottom, right - left, tolerance)
    return left, start, right, stop


def _widen(lines: "NDArray[np.uint8]", start: int, stop: int, wanted: int, tolerance: int) -> tuple[int, int]:
    """Return a span grown to `wanted`, as far as there are lines of plain ground."""
    import numpy as np

    for border, edge in ((lines[0], lines[start]), (lines[-1], lines[stop - 1])):
        far = np.abs(edge.astype(np.int16) - np.median(border, axis=0).astype(np.int16)).max(axis=1) > tolerance
        if far.mean() > _GROUND_SHARE:
            return start, stop
    length = min(max(wanted, stop - start), len(lines))
    begin = min(max(0, (start + stop - length) // 2), len(lines) - length)
    return begin, begin + length


def _count_border_lines(pixels: "NDArray[np.uint8]", tolerance: int) -> tuple[int, int]:
    """Return the number of uniform lines at the start and end of ``(H, W, C)``.

    They have the colour of the outermost line.
    """
    return _count_uniform_lines(pixels, tolerance), _count_uniform_lines(pixels[::-1], tolerance)


def _count_uniform_lines(lines: "NDArray[np.uint8]", tolerance: int) -> int:
    import numpy as np

    colour = np.median(lines[0], axis=0).astype(np.int16)
    for start in range(0, len(lines), _BLOCK):  # from outside, so that the picture itself is hardly read
        far = np.abs(lines[start : start + _BLOCK].astype(np.int16) - colour).max(axis=2) > tolerance
        uniform = far.mean(axis=1) <= 1 - _TRIM_SHARE
        if not uniform.all():
            return start + int(np.argmin(uniform))
    return 0
