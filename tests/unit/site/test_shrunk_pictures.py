"""Pictures that were shrunk are enlarged softly, pixel art in squares."""

import numpy as np
import pytest
from PIL import Image

from artpipe.contracts.gallery_work import Media
from artpipe.site.media_files import MediaStore
from artpipe.site.shrunk_pictures import look_shrunk


def write_pictures(folder, make):
    files = []
    for seed in range(5):
        files.append(folder / f"{seed}.png")
        Image.fromarray(make(np.random.default_rng(seed)).astype(np.uint8)).save(files[-1])
    return files


def shrink(generator):
    """A photograph of 256 pixels, made 32."""
    large = Image.fromarray(generator.integers(0, 256, (256, 256, 3)).astype(np.uint8))
    return np.asarray(large.resize((32, 32)))


def draw_sprite(generator):
    """Sixteen colours, pixel by pixel."""
    return generator.integers(0, 256, (16, 3))[generator.integers(0, 16, (32, 32))]


@pytest.mark.parametrize(("make", "shrunk"), [(shrink, True), (draw_sprite, False)])
def test_shrunk_pictures_have_many_colours(tmp_path, make, shrunk):
    """A sprite has few, whatever it shows."""
    assert look_shrunk(write_pictures(tmp_path, make)) is shrunk


def test_what_cannot_be_read_was_not_shrunk(tmp_path):
    """A damaged file decides nothing, and no file neither."""
    (tmp_path / "a.png").write_bytes(b"no picture")
    assert not look_shrunk([tmp_path / "a.png"])
    assert not look_shrunk([])


def test_a_store_marks_pictures_of_shrunken_works(tmp_path):
    """In colour; their pixels stay what they were, and photographs have no squares anyway."""
    store, (file, *_) = MediaStore(), write_pictures(tmp_path, shrink)
    store.are_shrunk = True
    assert store.add_picture(file).classes == "pixel soft"
    Image.open(file).convert("L").save(tmp_path / "grey.png")
    assert store.add_picture(tmp_path / "grey.png").classes == "pixel"
    assert Media("a.jpg", exact=False).classes == "smooth"
