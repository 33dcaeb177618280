"""Pictures without a picture library: a grid, and PNG (ISO/IEC 15948) by zlib alone, so training needs no pillow."""

import math
import struct
import zlib
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from artpipe.nn.contract import Exhibit, to_bytes

_COLOUR = {1: 0, 3: 2, 4: 6}  # channels -> PNG colour type
_MAGIC = {
    b"RIFF": ".wav",
    b"MThd": ".mid",
    b"OggS": ".ogg",
    b"fLaC": ".flac",
    b"\x1aE\xdf\xa3": ".webm",
    b"GIF8": ".gif",
}


def encode_png(image: Tensor) -> bytes:
    """Return the PNG of a uint8 picture ``(C, H, W)`` with 1, 3 or 4 channels."""
    channels, height, width = image.shape
    rows = image.permute(1, 2, 0).reshape(height, width * channels)
    data = torch.cat([torch.zeros(height, 1, dtype=torch.uint8), rows.cpu()], dim=1).numpy().tobytes()  # filter: none
    header = struct.pack(">IIBBBBB", width, height, 8, _COLOUR[channels], 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(data, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )


def grid(images: Sequence[Tensor], columns: int = 8, gap: int = 2, ground: int = 255) -> Tensor:
    """Compose uint8 pictures ``(C, H, W)`` row by row with `gap` pixels between them; smaller ones stand in the middle."""
    channels = max(image.shape[0] for image in images)
    height, width = (max(image.shape[side] for image in images) for side in (1, 2))
    columns = min(columns, math.ceil(math.sqrt(len(images))))
    rows = -(-len(images) // columns)
    shape = (channels, rows * (height + gap) - gap, columns * (width + gap) - gap)
    sheet = torch.full(shape, ground, dtype=torch.uint8)
    for index, image in enumerate(images):
        top = index // columns * (height + gap) + (height - image.shape[1]) // 2
        left = index % columns * (width + gap) + (width - image.shape[2]) // 2
        sheet[:, top : top + image.shape[1], left : left + image.shape[2]] = image
    return sheet


def file_of(exhibit: Exhibit) -> tuple[str, bytes]:
    """Return suffix and content of the file of one exhibit."""
    if isinstance(exhibit.data, Tensor):
        return ".png", encode_png(to_bytes(exhibit.data.detach()).cpu())
    if isinstance(exhibit.data, str):
        return ".txt", exhibit.data.encode()
    return suffix_of(exhibit.data, exhibit.kind), exhibit.data


def suffix_of(data: bytes, kind: Literal["image", "video", "audio", "text"]) -> str:
    """Return the suffix that the first bytes of a file tell; ``.mp4`` or ``.bin`` where they do not."""
    known = next((suffix for magic, suffix in _MAGIC.items() if data.startswith(magic)), None)
    return known or (".mp4" if kind == "video" else ".bin")


def sheet_of(exhibits: Sequence[Exhibit], columns: int = 8) -> tuple[str, bytes] | None:
    """Return suffix and content of one file that shows up to ``columns ** 2`` exhibits: all pictures, else all text, else the first."""
    some = exhibits[: columns**2]
    pictures = [to_bytes(exhibit.data.detach()).cpu() for exhibit in some if isinstance(exhibit.data, Tensor)]
    if pictures:
        return ".png", encode_png(grid(pictures, columns))
    texts = [exhibit.data for exhibit in some if isinstance(exhibit.data, str)]
    if texts:
        return ".txt", ("\n\n".join(texts) + "\n").encode()
    return file_of(some[0]) if some else None
