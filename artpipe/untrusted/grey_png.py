"""Write grey pictures as uncompressed PNG files and read them back, many at once.

Stored blocks and no encoder: the same pixels are the same file on every machine, whatever its zlib, and so have the same
SHA-256.
"""

import struct
import zlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_MAX_STORED_BYTES = 65535  # bytes, the longest stored block of deflate
_BYTES_AT_ONCE = 1 << 20
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_START = _SIGNATURE + b"\0\0\0\rIHDR"
_SIZE = slice(16, 24)  # where width and height stand in a file
_IDAT, _ROWS = 37, 48  # where the kind of the chunk with the pixels stands, and its rows in a single stored block
_AFTER_ROWS = 20  # bytes: Adler-32, CRC-32, and the chunk of the end


def encode_grey_png(pixels: bytes | memoryview, height: int, width: int) -> bytes:
    """Return ``height * width`` 8-bit grey pixels as an uncompressed PNG file."""
    import numpy as np

    grid = np.zeros((height, width + 1), np.uint8)  # a row begins with its filter, none
    grid[:, 1:] = np.frombuffer(pixels, np.uint8).reshape(height, width)
    rows = grid.tobytes()
    starts = range(0, max(1, len(rows)), _MAX_STORED_BYTES)
    blocks = [rows[start : start + _MAX_STORED_BYTES] for start in starts]
    stored = b"".join(
        struct.pack("<BHH", number == len(blocks) - 1, len(block), len(block) ^ 0xFFFF) + block
        for number, block in enumerate(blocks)
    )
    body = b"\x78\x01" + stored + struct.pack(">I", zlib.adler32(rows))
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return _SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", body) + _chunk(b"IEND", b"")


def encode_pictures(values: memoryview, shape: tuple[int, ...]) -> Iterator[bytes]:
    """Yield the pictures of an array ``(N, H, W)`` as files.

    A few megabytes of them are in memory.
    """
    import numpy as np

    pixels = np.frombuffer(values, np.uint8).reshape(shape)
    step = max(1, _BYTES_AT_ONCE // max(1, shape[1] * shape[2]))
    for start in range(0, len(pixels), step):
        yield from encode_grey_pngs(pixels[start : start + step])


def encode_grey_pngs(pixels: "NDArray[np.uint8]") -> list[bytes]:
    """Return each picture of ``(N, H, W)`` as the file that `encode_grey_png` writes."""
    import numpy as np

    count, height, width = pixels.shape
    row_bytes = height * (width + 1)
    if row_bytes > _MAX_STORED_BYTES or not pixels.size:
        return [encode_grey_png(picture.tobytes(), height, width) for picture in pixels]
    files = np.tile(np.frombuffer(encode_grey_png(bytes(height * width), height, width), np.uint8), (count, 1))
    rows, end = np.zeros((count, height, width + 1), np.uint8), _ROWS + row_bytes
    rows[:, :, 1:] = pixels
    files[:, _ROWS:end] = rows.reshape(count, row_bytes)
    sums = np.array([zlib.adler32(row) for row in files[:, _ROWS:end]], ">u4")
    files[:, end : end + 4] = sums.view(np.uint8).reshape(count, 4)
    sums = np.array([zlib.crc32(row) for row in files[:, _IDAT : end + 4]], ">u4")
    files[:, end + 4 : end + 8] = sums.view(np.uint8).reshape(count, 4)
    return [file.tobytes() for file in files]


def decode_grey_pngs(files: Sequence[bytes]) -> "Iterator[tuple[list[int], NDArray[np.uint8]]]":
    """Yield places and pixels ``(N, H, W)`` of files written here, size by size.

    A file is one of them if its pixels give the same bytes again, so a wrong checksum or a chunk more is left to a decoder;
    so is a picture of more than one stored block.
    """
    import numpy as np

    places_by_size: defaultdict[tuple[int, bytes], list[int]] = defaultdict(list)
    for place, file in enumerate(files):
        if file.startswith(_START) and len(file) <= _ROWS + _MAX_STORED_BYTES + _AFTER_ROWS:
            places_by_size[len(file), file[_SIZE]].append(place)
    for (length, size), places in places_by_size.items():
        width, height = struct.unpack(">II", size) if len(size) == _SIZE.stop - _SIZE.start else (0, 0)
        if not width or length != _ROWS + height * (width + 1) + _AFTER_ROWS or not height:
            continue
        grid = np.frombuffer(b"".join(files[place] for place in places), np.uint8).reshape(len(places), length)
        rows = grid[:, _ROWS : length - _AFTER_ROWS].reshape(len(places), height, width + 1)
        pixels = rows[:, :, 1:]
        same = [file == files[place] for place, file in zip(places, encode_grey_pngs(pixels), strict=True)]
        if any(same):
            yield [place for place, is_same in zip(places, same, strict=True) if is_same], pixels[np.array(same)]


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
