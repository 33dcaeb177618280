"""Pictures without a picture library: a grid, and PNG (ISO/IEC 15948) by zlib alone, so training needs no pillow."""

import math
import struct
import zlib
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from artpipe.contracts.model import Content, Exhibit
from artpipe.numerics.pixels import to_bytes

_COLOUR = {1: 0, 3: 2, 4: 6}  # channels -> PNG colour type
_MAGIC = {
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


def thumbnail(image: Tensor, longest: int) -> Tensor:
    """Return a uint8 picture ``(C, H, W)``, made smaller where its longer side is above `longest` pixels."""
    height, width = image.shape[1:]
    scale = longest / max(height, width)
    if scale >= 1:
        return image
    size = (max(1, round(height * scale)), max(1, round(width * scale)))
    small = F.interpolate(image[None].float(), size, mode="bilinear", antialias=True, align_corners=False)
    return small[0].round().clamp(0, 255).to(torch.uint8)


def file_of(content: Content) -> tuple[str, bytes]:
    """Return suffix and bytes of the file of a picture, a text or a file."""
    if isinstance(content, Tensor):
        return ".png", encode_png(to_bytes(content.detach()).cpu())
    if isinstance(content, str):
        return ".txt", content.encode()
    return suffix_of(content), content


def suffix_of(data: bytes) -> str:
    """Return the suffix that the first bytes of a file tell, ``.bin`` where they do not."""
    if data[4:8] == b"ftyp":
        return ".mp4"
    return next((suffix for magic, suffix in _MAGIC.items() if data.startswith(magic)), ".bin")


def sheet_of(exhibits: Sequence[Exhibit], columns: int = 8) -> tuple[str, bytes] | None:
    """Return suffix and content of one file that shows up to ``columns ** 2`` exhibits: all pictures, else all text, else the first."""
    some = exhibits[: columns**2]
    shown = [exhibit.parts.get("score", exhibit.data) for exhibit in some]
    pictures = [to_bytes(picture.detach()).cpu() for picture in shown if isinstance(picture, Tensor)]
    if pictures:
        across = 1 if any("score" in exhibit.parts for exhibit in some) else columns  # scores are long
        return ".png", encode_png(grid(pictures, across))
    texts = [exhibit.data for exhibit in some if isinstance(exhibit.data, str)]
    if texts:
        return ".txt", ("\n\n".join(texts) + "\n").encode()
    return file_of(some[0].data) if some else None
