"""Read the idx format of the MNIST family and write records as PNG.

An idx file is a big-endian header followed by bytes.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

_UNSIGNED_BYTE = 0x08
_HEADER = struct.Struct(">HBB")
_MAX_STORED_BYTES = 65535  # bytes, the longest stored block of deflate


class IdxError(ValueError):
    """Not an idx file of unsigned bytes."""


@dataclass(frozen=True)
class IdxArray:
    """Unsigned bytes with a shape; nothing is copied.

    The shape is ``(N,)`` for labels, ``(N, H, W)`` for grey pictures.
    """

    shape: tuple[int, ...]
    values: memoryview

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Iterator[memoryview]:
        """Yield one record after the other."""
        size = len(self.values) // max(1, self.shape[0])
        return (self.values[start : start + size] for start in range(0, size * self.shape[0], max(1, size)))


def read_idx(data: bytes) -> IdxArray:
    """Read an idx file of unsigned bytes.

    Raises:
        IdxError: the header is not one, the type is another, or length and shape disagree.
    """
    if len(data) < _HEADER.size:
        raise IdxError(f"{len(data)} bytes are too few for a header")
    zero, kind, dimensions = _HEADER.unpack_from(data)
    if zero != 0 or kind != _UNSIGNED_BYTE or dimensions == 0:
        raise IdxError(f"it begins with {data[:4].hex()}, not with 000008 and a number of dimensions")
    start = _HEADER.size + 4 * dimensions
    if len(data) < start:
        raise IdxError(f"{len(data)} bytes are too few for a header of {dimensions} dimensions")
    shape = struct.unpack_from(f">{dimensions}I", data, _HEADER.size)
    expected = 1
    for extent in shape:
        expected *= extent
    if len(data) - start != expected:
        raise IdxError(f"shape {shape} needs {expected} bytes, there are {len(data) - start}")
    return IdxArray(shape, memoryview(data)[start:])


def encode_grey_png(pixels: bytes | memoryview, height: int, width: int) -> bytes:
    """Return ``height * width`` 8-bit grey pixels as an uncompressed PNG file.

    Stored blocks and no encoder: the same pixels are the same file on every machine, whatever its zlib, and so have the
    same SHA-256.
    """
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
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", body) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
