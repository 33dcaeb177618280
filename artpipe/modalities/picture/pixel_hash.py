"""Hash the pixels of a picture: a lossless copy in another format has the same."""

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image

_STRIP_PIXELS = 1 << 20  # converted at a time: 4 MiB, whatever the picture's size


def hash_pixels(image: "Image.Image") -> str:
    """Return the SHA-256 of a picture's size and pixels, as RGBA from top to bottom."""
    width, height = image.size
    digest = hashlib.sha256(f"{width} {height} RGBA\n".encode())
    rows = max(1, _STRIP_PIXELS // width)
    for top in range(0, height, rows):
        strip = image.crop((0, top, width, min(height, top + rows)))
        digest.update(strip.convert("RGBA").tobytes())
    return digest.hexdigest()
