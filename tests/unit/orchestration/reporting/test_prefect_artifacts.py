"""What Prefect's pages show: a sheet of pictures in a data: URL."""

import base64
import io

from PIL import Image

from artpipe.orchestration.reporting.prefect_artifacts import (
    _make_contact_sheet,
    make_run_name,
    summarise_durations,
)
from artpipe.orchestration.scheduling.dvc_graph import Stage


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


def test_a_run_is_named_by_what_is_stale():
    """Models before datasets, three at most; stages that only lie below a stale one name nothing."""
    train = [Stage(f"train@{name}", (), stale=True) for name in "abcde"]
    ingest, gallery = Stage("ingest@digits", (), stale=True), Stage("gallery", (), stale=True)
    below = Stage("evaluate@z", ("ingest@digits",), stale=False)
    assert make_run_name([ingest, train[0], gallery]) == "gallery: a stale"
    assert make_run_name(train) == "gallery: a, b, c and 2 more stale"
    assert make_run_name([ingest, below]) == "gallery: digits stale"
    assert [make_run_name(stages) for stages in ([gallery], [])] == [
        "gallery: its pages stale",
        "gallery: nothing stale",
    ]


def test_durations_are_summed_by_kind_of_stage():
    """The kind that took longest first, with its longest stage."""
    rows = summarise_durations({"train@a": 2.0, "gallery": 4.0, "train@b": 3.04})
    assert rows == [
        {"stage": "train", "count": 2, "seconds": 5.0, "longest": "train@b", "its seconds": 3.0},
        {"stage": "gallery", "count": 1, "seconds": 4.0, "longest": "gallery", "its seconds": 4.0},
    ]
