"""All pixels of one picture, decoded in a worker, for who looks at it whole."""

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from artpipe.modalities.picture.decoder import decode_picture

if TYPE_CHECKING:
    from PIL import Image

_HEADER_BYTES = 4  # of the header's length


@dataclass(frozen=True)
class DecodedPixels:
    """A picture (mode L, LA, RGB or RGBA), upright and sRGB, and what was done to it."""

    image: "Image.Image"
    notes: tuple[str, ...]


def encode_pixels(data: bytes, settings: dict[str, Any]) -> bytes:
    """Decode a file, in a worker, and return its pixels behind a header.

    Raises:
        RejectedError: it cannot be decoded.
    """
    picture = decode_picture(data, settings["max_megapixels"])
    header = json.dumps([picture.image.mode, *picture.image.size, *picture.notes]).encode()
    return len(header).to_bytes(_HEADER_BYTES) + header + picture.image.tobytes()


def read_pixels(payload: bytes) -> DecodedPixels:
    """Return the picture that `encode_pixels` wrote."""
    from PIL import Image

    start = _HEADER_BYTES + int.from_bytes(payload[:_HEADER_BYTES])
    mode, width, height, *notes = json.loads(payload[_HEADER_BYTES:start])
    return DecodedPixels(Image.frombytes(mode, (width, height), payload[start:]), tuple(notes))
