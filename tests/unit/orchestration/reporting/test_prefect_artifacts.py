"""What Prefect's pages show: a sheet of pictures in a data: URL."""

import base64
import io

from PIL import Image

from artpipe.orchestration.reporting.prefect_artifacts import _make_contact_sheet, _make_key


def test_a_sheet_has_the_first_pictures_side_by_side(tmp_path):
    """Ten pictures, eight in a row of cells of 96 pixels, small ones enlarged by whole numbers, each in the middle of its cell."""
    colours = [(200, 20, 20), (20, 20, 200)]
    paths = [tmp_path / f"{number}.png" for number in range(10)]
    for number, path in enumerate(paths):
        Image.new("RGB", (28, 28) if number < 9 else (300, 100), colours[number % 2]).save(path)
    url = _make_contact_sheet(paths)
    head, _, data = url.partition(",")
    assert head == "data:image/webp;base64"
    with Image.open(io.BytesIO(base64.b64decode(data))) as opened:
        sheet = opened.convert("RGB")
    assert sheet.size == (8 * 96, 2 * 96)
    for place, (left, top) in {0: (48, 48), 1: (144, 48), 8: (48, 144), 9: (144, 144)}.items():
        assert max(abs(a - b) for a, b in zip(sheet.getpixel((left, top)), colours[place % 2], strict=True)) < 16
    for white in ((2, 2), (48, 96 + 2), (144, 96 + 20), (300, 150)):  # borders, above a wide picture, an empty cell
        assert min(sheet.getpixel(white)) > 230
    assert len(url) < 20_000


def test_keys_are_what_prefect_allows():
    """Small letters, digits and dashes."""
    assert _make_key("train@digits-gan") == "train-digits-gan"
