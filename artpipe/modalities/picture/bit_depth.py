"""Scale samples of more than 8 bits to 8, by their declared or actual depth.

Ten, twelve or fourteen bits are often stored in sixteen (microscopes, X-ray detectors, cameras); by the sixteen alone
such a picture would be nearly black.
"""

import io
import sys
from typing import TYPE_CHECKING, Any

from artpipe.language.message import Message
from artpipe.untrusted.tiff_tags import BITS, PHOTOMETRIC, is_unsigned, read_tags, read_white_level, tag_numbers

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL import Image

_BAND_ROWS = 256  # rows scaled together: 32 megapixels of floating point would take a gigabyte
_MAX_DARK_LEVEL = 63  # highest level, of 255, that 14 bits reach in 16
_FULL = 65535.0  # what 16 bits hold
_BYTE = 255.0
_SIXTEEN, _MOST_BITS = 16, 32
_WHOLE_NUMBERS = 64.0  # floating point from here on counts levels
_FAINT = 1 / 16  # floating point below this is not meant to be shown on a range up to 1
_OTHER_BYTE = {"16B": "16L", "16L": "16B", "16N": "16B" if sys.byteorder == "little" else "16L"}


def scale_levels(image: "Image.Image", data: bytes, notes: list[str]) -> "Image.Image":
    """Return a picture of one channel, mode I;16, I or F, in mode L.

    Args:
        image: loaded.
        data: its file, whose declared depth counts where the samples keep to it.
        notes: takes what was done.
    """
    import numpy as np
    from PIL import Image

    values = np.asarray(image)
    is_tiff = image.format == "TIFF"
    if is_tiff and values.dtype == np.int32 and is_unsigned(data):
        values = values.view(np.uint32)
    lowest, highest = _value_range(values)
    if image.mode == "F":
        floor, ceiling, note = 0.0, _float_white_level(highest), "values scaled to 8 bits"
    elif lowest < 0:
        floor, ceiling, note = lowest, max(highest, lowest + 1), "signed values: their range scaled to 8 bits"
    else:
        stored = 16 if image.mode.startswith("I;16") else 32
        floor, ceiling = 0.0, _white_level(lowest, highest, _declared_white(image, data), stored)
        note = _depth_note(ceiling, stored)
    notes.append(note)
    scaled = np.empty(values.shape, np.uint8)
    for band in _row_bands(len(values)):
        scaled[band] = np.clip(np.round((_to_finite(values[band]) - floor) * (255.0 / (ceiling - floor))), 0, 255)
    if is_tiff and image.mode.startswith("I") and tag_numbers(read_tags(data), PHOTOMETRIC, (1,))[0] == 0:
        np.subtract(255, scaled, out=scaled)  # white is zero, which Pillow respects up to 8 bits only
    return Image.fromarray(scaled)


def scale_dark_colours(image: "Image.Image", raw_mode: str, data: bytes, notes: list[str]) -> "Image.Image":
    """Return a picture of 16-bit colours with its actual depth in 8 bits.

    Pillow kept the high bytes only.

    Args:
        image: loaded, mode RGB or RGBA.
        raw_mode: in which Pillow read the samples, such as ``RGB;16B``.
        data: the file; it is decoded once more, for the low bytes, where the high ones are all small.
        notes: takes what was done.
    """
    import numpy as np
    from PIL import Image

    colours = slice(0, 3)  # alpha has a depth of its own, which is full
    pixels = np.array(image)
    if pixels[:, :, colours].max(initial=0) > _MAX_DARK_LEVEL:
        return image
    low = _decode_low_bytes(data, raw_mode, image.mode)
    if low is None:
        return image

    def samples(band: slice) -> "NDArray[Any]":
        values: NDArray[Any] = pixels[band, :, colours].astype(np.uint16) << 8 | low[band, :, colours]
        return values

    bounds = [(values.min(), values.max()) for band in _row_bands(len(pixels)) if (values := samples(band)).size]
    lowest, highest = float(min(bound[0] for bound in bounds)), float(max(bound[1] for bound in bounds))
    ceiling = _white_level(lowest, highest, _declared_white(image, data), _SIXTEEN)
    if ceiling == _FULL:
        return image
    notes.append(_depth_note(ceiling, _SIXTEEN))
    for band in _row_bands(len(pixels)):
        pixels[band, :, colours] = np.clip(np.round(samples(band) * (_BYTE / ceiling)), 0, 255)
    return Image.fromarray(pixels)


def get_raw_mode(image: "Image.Image") -> str:
    """Return Pillow's raw mode of a picture that is not loaded yet.

    It says how the samples lie in the file.
    """
    tiles = getattr(image, "tile", None)
    args = tiles[0][3] if isinstance(tiles, list) and tiles else ""
    mode = args[0] if isinstance(args, tuple) and args else args
    return mode if isinstance(mode, str) else ""


def is_sixteen_bit_colour(raw_mode: str) -> bool:
    """Return whether loading a picture loses the low bytes of 16-bit colours."""
    return raw_mode.partition(";")[0] in {"RGB", "RGBA", "RGBX", "LA"} and raw_mode[-3:] in _OTHER_BYTE


def _decode_low_bytes(data: bytes, raw_mode: str, mode: str) -> "NDArray[Any] | None":
    """Decode once more with the bytes of each sample taken in the other order."""
    import numpy as np
    from PIL import Image

    image = Image.open(io.BytesIO(data), formats=("PNG", "TIFF"))
    kind, _, order = raw_mode.partition(";")
    other = "RGBA" if kind == "LA" else f"{kind};{_OTHER_BYTE[order]}"  # LA: all four bytes of a pixel
    for number, tile in enumerate(image.tile):
        args = (other, *tile.args[1:]) if isinstance(tile.args, tuple) else other
        image.tile[number] = tile._replace(args=args)
    image.load()
    if image.mode != mode:
        return None
    pixels = np.asarray(image)
    return np.repeat(pixels[:, :, 1:2], 3, axis=2) if kind == "LA" else pixels


def _declared_white(image: "Image.Image", data: bytes) -> int | None:
    """Return the level of white that a file declares, None where it declares none."""
    if image.format == "TIFF":
        if raw_bits := max(tag_numbers(read_tags(data), BITS), default=0):
            return read_white_level(data) or 2**raw_bits - 1
        return None
    return _read_significant_bits(data) if image.format == "PNG" else None


def _read_significant_bits(data: bytes) -> int | None:
    """Return the white level of a PNG's significant bits (sBIT), None without them."""
    place = 8
    while place + 8 <= len(data):
        size, kind = int.from_bytes(data[place : place + 4]), data[place + 4 : place + 8]
        if kind == b"sBIT" and size:
            bits = data[place + 8 : place + 8 + min(size, 3)]
            return int(2 ** min(max(bits, default=0), _SIXTEEN) - 1)
        if kind == b"IDAT":
            return None
        place += 12 + size
    return None


def _white_level(lowest: float, highest: float, declared: int | None, stored: int) -> float:
    """Return the level that becomes white.

    The declared level counts where no sample exceeds it, unless it is the highest that could be stored anyway.
    A picture of a single level shows no range: it is taken as it is stored.
    """
    full = float(2**stored - 1)
    if declared is not None and _BYTE <= declared < full and highest <= declared:
        return float(declared)
    if lowest == highest:
        return full if stored == _SIXTEEN else next(top for top in (_BYTE, _FULL, full) if highest <= top)
    bits = max(8, int(highest).bit_length())
    return float(2 ** (bits + bits % 2) - 1)


def _depth_note(ceiling: float, stored: int) -> str:
    bits = int(ceiling).bit_length()
    if stored == _SIXTEEN:
        note = Message(code="depth_scaled" if bits == _SIXTEEN else "depth_in_sixteen_scaled", values={"bits": bits})
        return note.encode()
    return "values scaled to 8 bits"


def _float_white_level(highest: float) -> float:
    """Return the level of floating point samples that becomes white.

    1, where the levels are of that order, else that of whole numbers.
    """
    if highest <= 0 or _FAINT <= highest <= 1:
        return 1.0
    if highest < _WHOLE_NUMBERS:
        return highest
    bits = max(8, int(highest).bit_length())
    return float(2 ** (bits + bits % 2) - 1) if bits <= _MOST_BITS else highest


def _value_range(values: "NDArray[Any]") -> tuple[float, float]:
    bounds = [
        (block.min(), block.max()) for band in _row_bands(len(values)) if (block := _to_finite(values[band])).size
    ]
    return float(min(low for low, _ in bounds)), float(max(high for _, high in bounds))


def _row_bands(rows: int) -> list[slice]:
    return [slice(start, start + _BAND_ROWS) for start in range(0, rows, _BAND_ROWS)]


def _to_finite(values: "NDArray[Any]") -> "NDArray[Any]":
    """Return floating point numbers, 0 where they are not finite."""
    import numpy as np

    return np.nan_to_num(values.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
