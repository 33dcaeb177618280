"""Inspect and prepare many uncompressed grey PNG files at once, in a worker.

The records of idx files are written as such (`artpipe.untrusted.grey_png`), and a data set has tens of thousands of them.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from artpipe.modalities.picture.framing import PictureParams, parse_params
from artpipe.modalities.picture.pixel_hash import hash_pixels
from artpipe.untrusted.grey_png import decode_grey_pngs

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_HASH_WIDTH, _HASH_HEIGHT = 9, 8


def inspect_grey_pictures(inputs: Sequence[bytes], settings: dict[str, Any]) -> dict[int, bytes]:
    """Answer for grey PNG files what `inspect_picture` answers."""
    from PIL import Image

    answers: dict[int, bytes] = {}
    for places, pixels in decode_grey_pngs(inputs):
        _, height, width = pixels.shape
        if width * height <= settings["max_megapixels"] * 1e6:
            for place, picture, phash in zip(places, pixels, perceptual_hashes(pixels), strict=True):
                content_hash = hash_pixels(Image.fromarray(picture)) if settings.get("hash_content") else ""
                answers[place] = f'[{width}, {height}, "{phash}", [], "{content_hash}"]'.encode()
    return answers


def prepare_grey_pictures(inputs: Sequence[bytes], settings: dict[str, Any]) -> dict[int, bytes]:
    """Answer for grey PNG files of the wanted size what `prepare_picture` answers."""
    params, answers = parse_params(settings["params"]), dict[int, bytes]()
    for places, pixels in decode_grey_pngs(inputs):
        if _fits_as_it_is(pixels.shape, params, settings["max_megapixels"]):
            for place, picture in zip(places, pixels, strict=True):
                answers[place] = (1).to_bytes(2) + picture.tobytes() * params.channels
    return answers


def perceptual_hashes(pixels: "NDArray[np.uint8]") -> list[str]:
    """Return the difference hash of each picture of ``(N, H, W)``, 16 hex digits.

    Pillow resizes along one axis after the other, so pictures below each other can be narrowed as one, and beside each
    other be flattened as one, with the same arithmetic as each by itself.
    """
    import numpy as np
    from PIL import Image

    count, height, width = pixels.shape
    lanczos = Image.Resampling.LANCZOS
    column = Image.fromarray(pixels.reshape(count * height, width)).resize((_HASH_WIDTH, count * height), lanczos)
    row = np.asarray(column).reshape(count, height, _HASH_WIDTH).swapaxes(0, 1).reshape(height, count * _HASH_WIDTH)
    small = np.asarray(Image.fromarray(row).resize((count * _HASH_WIDTH, _HASH_HEIGHT), lanczos))
    small = small.reshape(_HASH_HEIGHT, count, _HASH_WIDTH).swapaxes(0, 1)
    bits = np.packbits((small[:, :, 1:] > small[:, :, :-1]).reshape(count, -1), axis=1)
    return [picture_bits.tobytes().hex() for picture_bits in bits]


def _fits_as_it_is(shape: tuple[int, ...], params: PictureParams, max_megapixels: float) -> bool:
    """Return whether `fit_to_squares` leaves pictures of a shape as they are."""
    _, height, width = shape
    is_small = width * height <= max_megapixels * 1e6
    return height == width == params.size and not (params.trim or params.trim_edges) and is_small
