"""Files of exhibits: PNG pictures, contact sheets, text.

PNG (ISO/IEC 15948) is written with zlib alone, so training needs no pillow.
"""

import math
import struct
import zlib
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from artpipe.contracts.model import Content, Exhibit
from artpipe.numerics.pixels import to_bytes

_PNG_COLOUR_TYPES = {1: 0, 3: 2, 4: 6}  # channels -> PNG colour type
_SUFFIXES = {
    b"RIFF": ".wav",
    b"\x89PNG": ".png",
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
    header = struct.pack(">IIBBBBB", width, height, 8, _PNG_COLOUR_TYPES[channels], 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(data, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )


def compose_grid(images: Sequence[Tensor], columns: int = 8, gap: int = 2, background: int = 255) -> Tensor:
    """Compose uint8 pictures ``(C, H, W)`` into one picture.

    Each stands in the shortest column, `gap` pixels below the one before; narrower ones are centred. Of equal pictures that is
    row by row, and beside a tall one no cell is left blank.
    """
    channels = max(image.shape[0] for image in images)
    width = max(image.shape[2] for image in images)
    heights = [0] * min(columns, math.ceil(math.sqrt(len(images))))  # of columns, with a gap below each picture
    places = []
    for image in images:
        column = heights.index(min(heights))
        places.append((heights[column], column * (width + gap) + (width - image.shape[2]) // 2))
        heights[column] += image.shape[1] + gap
    shape = (channels, max(heights) - gap, len(heights) * (width + gap) - gap)
    sheet = torch.full(shape, background, dtype=torch.uint8)
    for image, (top, left) in zip(images, places, strict=True):
        sheet[:, top : top + image.shape[1], left : left + image.shape[2]] = image
    return sheet


def make_thumbnail(image: Tensor, max_side: int) -> Tensor:
    """Return a uint8 picture ``(C, H, W)`` no longer than `max_side` pixels."""
    height, width = image.shape[1:]
    scale = max_side / max(height, width)
    if scale >= 1:
        return image
    size = (max(1, round(height * scale)), max(1, round(width * scale)))
    small = F.interpolate(image[None].float(), size, mode="bilinear", antialias=True, align_corners=False)
    return small[0].round().clamp(0, 255).to(torch.uint8)


def encode_content(content: Content) -> tuple[str, bytes]:
    """Return suffix and bytes of the file that holds a picture, a text or a file."""
    if isinstance(content, Tensor):
        return ".png", encode_png(to_bytes(content.detach()).cpu())
    if isinstance(content, str):
        return ".txt", content.encode()
    return detect_suffix(content), content


def detect_suffix(data: bytes) -> str:
    """Return the suffix that a file's first bytes imply, ``.bin`` if they imply none."""
    if data[4:8] == b"ftyp":
        return ".mp4"
    return next((suffix for magic, suffix in _SUFFIXES.items() if data.startswith(magic)), ".bin")


def encode_sheet(exhibits: Sequence[Exhibit], columns: int = 8) -> tuple[str, bytes] | None:
    """Return suffix and content of one file with up to ``columns ** 2`` exhibits.

    It shows all pictures, else all texts, else the first exhibit.
    """
    first_exhibits = exhibits[: columns**2]
    contents = [exhibit.parts.get("score", exhibit.data) for exhibit in first_exhibits]
    pictures = [to_bytes(picture.detach()).cpu() for picture in contents if isinstance(picture, Tensor)]
    if pictures:
        grid_columns = 1 if any("score" in exhibit.parts for exhibit in first_exhibits) else columns  # scores are long
        return ".png", encode_png(compose_grid(pictures, grid_columns))
    texts = [exhibit.data for exhibit in first_exhibits if isinstance(exhibit.data, str)]
    if texts:
        return ".txt", ("\n\n".join(texts) + "\n").encode()
    return encode_content(first_exhibits[0].data) if first_exhibits else None
