"""From any picture to squares: uniform borders away, cropped, padded or cut into tiles, resized without aliasing."""

from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field, model_validator

from artpipe.config.params import SplitParams

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

_TRIM_SHARE = 0.98  # of a border line's pixels: compression leaves a few stray ones
_BLOCK = 16  # lines looked at together
_TRIM_LEAST = 8  # pixels a side; what would leave less is not a border


class PictureParams(SplitParams):
    """How pictures become tensors; sizes in pixels."""

    size: int = Field(default=64, ge=8, le=1024)
    channels: Literal[1, 3] = 3
    trim: bool = False  # uniform borders away
    trim_tolerance: int = Field(default=16, ge=0, le=255)  # how far a border's pixels may be from its colour
    trim_bleed: int = Field(default=2, ge=0)  # lines cut besides, where a border was
    fit: Literal["crop", "pad"] = "crop"
    tiles: int = Field(default=0, ge=0, le=64)  # squares along the shorter side, at most; 0: the whole as one square
    background: Literal["white", "black"] = "white"  # under transparency and in padding

    @model_validator(mode="after")
    def _whole_tiles(self) -> Self:
        if self.tiles and self.fit == "pad":
            message = "tiles are cut, so `fit` is crop"
            raise ValueError(message)
        return self


def fitted(image: "Image.Image", params: PictureParams) -> "Image.Image":
    """Return a picture without alpha (mode L or RGB) trimmed, cropped or padded to a square, or to a grid of them, and resized.

    Lanczos with a support that grows with the reduction, so that big reductions do not alias.
    """
    from PIL import Image, ImageOps

    image = image.convert("L" if params.channels == 1 else "RGB")
    if params.trim:
        image = trimmed(image, params.trim_tolerance, params.trim_bleed)
    size, lanczos = params.size, Image.Resampling.LANCZOS
    if params.fit == "pad":
        return ImageOps.pad(image, (size, size), lanczos, color=params.background)
    rows, columns = grid(image.size, params)
    return ImageOps.fit(image, (columns * size, rows * size), lanczos)


def grid(size: tuple[int, int], params: PictureParams) -> tuple[int, int]:
    """Return how many rows and columns of tiles a picture of this width and height is cut into.

    Along its shorter side as many as wanted, but so few that nothing is enlarged; along the longer one what fits. What
    is left over is cut off at both ends.
    """
    if not params.tiles:
        return 1, 1
    shorter, longer = sorted(size)
    few = max(1, min(params.tiles, shorter // params.size))
    many = few * longer // shorter
    return (few, many) if size[0] >= size[1] else (many, few)


def trimmed(image: "Image.Image", tolerance: int, bleed: int = 0) -> "Image.Image":
    """Return a picture without its uniform borders, of whatever colour; one that is uniform all over stays as it is.

    Args:
        image: mode L or RGB.
        tolerance: how far, in steps of 255, a border's pixels may be from the colour of its edge.
        bleed: lines cut besides where a border was, in which resampling had mixed it with the picture.
    """
    import numpy as np

    pixels = np.asarray(image)
    pixels = pixels.reshape(image.height, image.width, -1)
    top, bottom, left, right = 0, image.height, 0, image.width
    for _ in range(2):  # once the sides are gone, lines above and below may have become uniform
        above, below = _borders(pixels[top:bottom, left:right], tolerance)
        top, bottom = top + above, bottom - below
        if top >= bottom:  # both borders reach across: hardly more than one colour
            return image
        before, after = _borders(pixels[top:bottom, left:right].swapaxes(0, 1), tolerance)
        left, right = left + before, right - after
        if left >= right:
            return image
    top, left = top + bleed * (top > 0), left + bleed * (left > 0)
    bottom, right = bottom - bleed * (bottom < image.height), right - bleed * (right < image.width)
    if bottom - top < _TRIM_LEAST or right - left < _TRIM_LEAST:
        return image
    return image.crop((left, top, right, bottom))


def _borders(pixels: "NDArray[np.uint8]", tolerance: int) -> tuple[int, int]:
    """Return how many lines at the start and at the end of ``(H, W, C)`` are uniform in the colour of the outermost."""
    return _border(pixels, tolerance), _border(pixels[::-1], tolerance)


def _border(lines: "NDArray[np.uint8]", tolerance: int) -> int:
    import numpy as np

    colour = np.median(lines[0], axis=0).astype(np.int16)
    for start in range(0, len(lines), _BLOCK):  # from outside, so that the picture itself is hardly looked at
        far = np.abs(lines[start : start + _BLOCK].astype(np.int16) - colour).max(axis=2) > tolerance
        uniform = far.mean(axis=1) <= 1 - _TRIM_SHARE
        if not uniform.all():
            return start + int(np.argmin(uniform))
    return 0
