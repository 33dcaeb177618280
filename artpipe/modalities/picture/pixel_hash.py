"""Hash the pixels of a picture: a lossless copy in another format has the same."""

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image

_STRIP_PIXELS = 1 << 20  # converted at a time: 4 MiB, whatever the picture's size


def hash_pixels(image: "Image.Image") -> str:
    """Return the SHA-256 of a picture's size and visible pixels, from top to bottom.

    Colours are multiplied by their alpha: encoders such as WebP's change those that no one sees.
    """
    width, height = image.size
    digest = hashlib.sha256(f"{width} {height} RGBa\n".encode())
    rows = max(1, _STRIP_PIXELS // width)
    for top in range(0, height, rows):
        strip = image.crop((0, top, width, min(height, top + rows)))
        digest.update(strip.convert("RGBA").convert("RGBa").tobytes())
    return digest.hexdigest()
