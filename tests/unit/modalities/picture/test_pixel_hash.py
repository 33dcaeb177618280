"""Hashes of pixels: equal for lossless copies, other for another picture."""

import io

import numpy as np
import pytest
from PIL import Image

from artpipe.modalities.picture.pixel_hash import hash_pixels


def draw_transparent() -> Image.Image:
    """Return noise of which a half cannot be seen."""
    pixels = np.random.default_rng(1).integers(0, 256, (24, 24, 4), dtype=np.uint8)
    pixels[:, :12, 3] = 0
    return Image.fromarray(pixels)


def encode(image: Image.Image, form: str, **options: object) -> Image.Image:
    """Return a picture as it is read after it was written."""
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return Image.open(io.BytesIO(buffer.getvalue()))


@pytest.mark.parametrize("options", [{}, {"exact": True}], ids=["as WebP changes it", "exact"])
def test_invisible_colours_do_not_count(options):
    """WebP changes the colours of what is transparent, which nobody sees: the hash is that of the PNG."""
    image = draw_transparent()
    copy = encode(image, "WEBP", lossless=True, **options)
    assert (copy.convert("RGBA").tobytes() == image.tobytes()) == bool(options)
    assert hash_pixels(copy) == hash_pixels(encode(image, "PNG")) == hash_pixels(image)


def test_visible_colours_alpha_and_size_count():
    """Another colour, another alpha or another shape of the same bytes is another picture."""
    image = draw_transparent()
    pixels = np.asarray(image).copy()
    pixels[0, 20] = (1, 2, 3, 255)
    others = [Image.fromarray(pixels), image.convert("RGB"), Image.frombytes("RGBA", (48, 12), image.tobytes())]
    assert len({hash_pixels(picture) for picture in (image, *others)}) == 4
