"""Pictures from files and folders: margins, hostile inputs, limits."""

import os

import numpy as np
import pytest
from PIL import Image

from artpipe.critique.critiqued_picture import CritiquedPicture
from artpipe.critique.picture_files import MOST_PICTURES, RefusedPicture, count_pictures, decode_pictures
from artpipe.errors import UserError
from tests.hostile import pictures as make

RNG = np.random.default_rng(0)


def noise(height: int, width: int) -> Image.Image:
    """Return a picture without a margin."""
    return Image.fromarray(RNG.integers(30, 200, (height, width, 3), np.uint8))


def box_of(image):
    """Return the box of a picture inside its margin."""
    return CritiquedPicture("x", "", image).box


def test_hostile_and_odd_files_of_a_folder_are_each_told(tmp_path):
    """Good ones are decoded upright, bad ones refused with their reason, in the order of names; links are not followed."""
    files = {
        "a-good.png": make.saved(noise(20, 30)), "b-turned.jpg": make.oriented(6), "c-text.jpg": b"no picture",
        "d-cut.png": make.saved(noise(40, 40))[:900], "e-bomb.png": make.bomb("PNG"), "f-empty.png": b"",
        "g-alpha.png": make.flat((9, 9, 9, 0), mode="RGBA"), "notes.txt": b"not looked at",
    }  # fmt: skip
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / "h-link.png").symlink_to("/dev/zero")
    os.mkfifo(tmp_path / "i-pipe.png")
    assert count_pictures(tmp_path) == 9
    outcomes = [
        (picture.name, picture.reason if isinstance(picture, RefusedPicture) else picture.image.size)
        for picture in decode_pictures(tmp_path, 32.0)
    ]
    assert outcomes == [
        ("a-good.png", (30, 20)), ("b-turned.jpg", (16, 16)), ("c-text.jpg", "not an image"), ("d-cut.png", "truncated"),
        ("e-bomb.png", "too large"), ("f-empty.png", "empty file"), ("g-alpha.png", "wholly transparent"),
        ("h-link.png", "outside the root"), ("i-pipe.png", "special file"),
    ]  # fmt: skip


def test_a_folder_without_pictures_or_with_too_many_is_refused(tmp_path):
    """In one line each."""
    with pytest.raises(UserError, match="no picture"):
        count_pictures(tmp_path)
    for number in range(MOST_PICTURES + 1):
        (tmp_path / f"{number}.png").touch()
    with pytest.raises(UserError, match="at most"):
        count_pictures(tmp_path)


@pytest.mark.parametrize("colour", ["white", "black", (128, 128, 128)])
def test_a_letter_box_is_a_margin(colour):
    """Of white, black or grey; what is measured is the picture inside."""
    image = Image.new("RGB", (200, 200), colour)
    image.paste(noise(100, 180), (10, 50))
    left, top, right, bottom = box_of(image)
    assert (abs(left - 12), abs(top - 52), abs(right - 188), abs(bottom - 148)) <= (1, 1, 1, 1)
    assert CritiquedPicture("x", "", image).margin_share == pytest.approx(0.58, abs=0.02)


def test_what_is_no_margin_is_kept():
    """A plain sky, bands of colour, a disc on white, one colour."""
    sky = noise(120, 160)
    sky.paste((200, 210, 220), (0, 0, 160, 50))
    flag = Image.new("RGB", (120, 90), "red")
    flag.paste("white", (0, 30, 120, 60))
    disc = Image.new("RGBA", (90, 90))
    disc.paste("teal", (20, 20, 70, 70), Image.new("L", (50, 50), 255).resize((50, 50)))
    emoji = Image.new("RGB", (80, 80), "white")
    emoji.paste("gold", (20, 25, 60, 30))
    emoji.paste("gold", (37, 20, 43, 60))
    for image in (sky, flag, emoji, Image.new("RGB", (40, 30), "gray")):
        assert box_of(image) == (0, 0, *image.size)
