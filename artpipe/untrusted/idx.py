"""Read the idx format of the MNIST family.

An idx file is a big-endian header followed by bytes.
"""

import struct
from dataclasses import dataclass

_UNSIGNED_BYTE = 0x08
_HEADER = struct.Struct(">HBB")


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
