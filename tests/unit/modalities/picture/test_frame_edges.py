"""Edges of canvases, frames and scans that photographs of works show."""

import numpy as np
import pytest
from PIL import Image, ImageFilter

from artpipe.modalities.picture.frame_edges import find_inner_box
from artpipe.modalities.picture.framing import PictureParams, trim_borders


def soft_picture(side: int = 400, seed: int = 0) -> Image.Image:
    """Return smooth shapes, as of a landscape out of focus."""
    pixels = np.random.default_rng(seed).integers(40, 200, (side, side, 3), np.uint8)
    return Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(12))


def framed_picture(margins: tuple[int, int, int, int], side: int = 400) -> Image.Image:
    """Return a picture with the dark edge of a canvas along its sides: left, top, right, bottom."""
    image = Image.new("RGB", (side, side), (20, 16, 12))
    left, top, right, bottom = margins
    image.paste(soft_picture(side).crop((left, top, side - right, side - bottom)), (left, top))
    return image


@pytest.mark.parametrize("margins", [(10, 0, 7, 0), (0, 12, 0, 0), (5, 5, 5, 5), (20, 18, 16, 14)])
def test_what_lies_outside_a_line_is_cut_off(margins):
    """Each side by itself, no more than three pixels within the line; a side without a line stays."""
    left, top, right, bottom = find_inner_box(framed_picture(margins), 0.06)
    for margin, cut in zip(margins, (left, top, 400 - right, 400 - bottom), strict=True):
        assert (margin <= cut <= margin + 3) if margin else cut == 0


def test_lines_further_in_belong_to_the_picture():
    """A share of 4 % looks at 16 of 400 pixels; of 0 at none."""
    image = framed_picture((30, 0, 0, 0))
    assert find_inner_box(image, 0.04) == (0, 0, 400, 400)
    assert find_inner_box(image, 0.1)[0] in range(30, 34)
    assert trim_borders(image, PictureParams()).size == (400, 400)


def test_a_soft_line_that_hangs_aslant_is_found():
    """The photograph hangs half a degree aslant, and its edge is out of focus."""
    image = (
        framed_picture((12, 12, 12, 12), 800).rotate(0.3, Image.Resampling.BICUBIC).filter(ImageFilter.GaussianBlur(1))
    )
    left, top, right, bottom = find_inner_box(image.crop((5, 5, 795, 795)), 0.06)
    assert min(left, top, 790 - right, 790 - bottom) >= 5


def test_pictures_without_frames_stay():
    """Smooth shapes, noise, stripes, half a picture, and one of few pixels have no frame."""
    noise = Image.fromarray(np.random.default_rng(1).integers(0, 255, (300, 300, 3), np.uint8))
    stripes = Image.fromarray(np.tile((np.arange(300) // 6 % 2 * 255).astype(np.uint8), (300, 1)))
    short = soft_picture(300)
    short.paste("black", (8, 0, 14, 150))  # a post that ends in the middle
    for image in (soft_picture(300), noise, stripes, short, framed_picture((3, 3, 3, 3), 60)):
        assert find_inner_box(image, 0.06) == (0, 0, *image.size)


def test_white_borders_first_then_edges():
    """A photograph of a canvas on white paper: paper by `trim`, the edge of the canvas by `trim_edges`."""
    sheet, canvas = Image.new("RGB", (600, 500), "white"), framed_picture((8, 8, 8, 8))
    gilded = Image.fromarray(np.random.default_rng(3).integers(0, 70, (400, 400, 3), np.uint8))
    gilded.paste(canvas.crop((8, 8, 392, 392)), (8, 8))
    sheet.paste(gilded, (100, 50))
    assert trim_borders(sheet, PictureParams(trim=True)).size == (396, 396)
    width, height = trim_borders(sheet, PictureParams(trim=True, trim_edges=0.06)).size
    assert 376 <= width <= 384
    assert 376 <= height <= 384


def test_a_card_on_plain_ground_keeps_its_line():
    """A drawing whose box is widened to a square on its own ground is no framed picture."""
    card = Image.new("RGB", (400, 400), "white")
    card.paste("black", (150, 20, 250, 380))
    card.paste("white", (152, 22, 248, 378))
    plain, cut = (trim_borders(card, PictureParams(trim=True, trim_edges=edges)) for edges in (0.0, 0.06))
    assert plain.tobytes() == cut.tobytes()
