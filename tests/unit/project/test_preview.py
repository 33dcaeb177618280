"""The first look at a dataset reads pictures and nothing else."""

from pathlib import Path

import pytest
from PIL import Image

from artpipe.config.params import DatasetEntry
from artpipe.project.preview import write_contact_sheet
from artpipe.project.spread_works import choose_spread_works, measure_short_side

PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)


@pytest.fixture
def chosen(tmp_path):
    def choose(**ingest):
        entry = {
            "medium": "picture",
            "source": "folder",
            "path": str(tmp_path),
            "about": {},
            "ingest": ingest,
            "preprocess": {},
        }
        return list(choose_spread_works(DatasetEntry.model_validate(entry), 48))

    return choose


def test_a_film_beside_the_pictures_is_not_read(tmp_path, chosen, monkeypatch):
    """10 GB that take no room on the disk would take it in memory."""
    (tmp_path / "one.png").write_bytes(PNG)
    for name, start in (("film.mp4", b"\0\0\0\x18ftypmp42"), ("huge.png", PNG)):
        with (tmp_path / name).open("wb") as stream:
            stream.write(start)
            stream.truncate(10 * 2**30)
    monkeypatch.setattr(Path, "read_bytes", lambda _: pytest.fail("read without a limit"))
    assert chosen() == [PNG]
    assert chosen(max_megabytes=0.00001) == []


def test_links_and_hidden_files_are_no_pictures(tmp_path, chosen):
    """What ingest would not keep is not shown either."""
    (tmp_path / "cats").mkdir()
    (tmp_path / "cats" / "one.png").write_bytes(PNG)
    (tmp_path / "link.png").symlink_to(tmp_path / "cats" / "one.png")
    for name in (".thumbnails", "__MACOSX"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "._one.png").write_bytes(PNG)
    assert chosen() == [PNG]


def test_the_sheet_shows_every_class(tmp_path, monkeypatch):
    """Of three folders in three colours, the last one has about as many places as the first."""
    monkeypatch.chdir(tmp_path)
    colours = {"a": (255, 0, 0), "b": (0, 255, 0), "c": (0, 0, 255)}
    for name, colour in colours.items():
        Path("works", name).mkdir(parents=True)
        for number in range(40):
            Image.new("RGB", (8, 8), colour).save(f"works/{name}/{number}.png")
    entry = {"medium": "picture", "source": "folder", "path": "works", "about": {}, "ingest": {}, "preprocess": {}}
    assert write_contact_sheet("works", DatasetEntry.model_validate(entry)) == Path(".state/contact/works.png")
    with Image.open(".state/contact/works.png") as sheet:
        middles = [sheet.getpixel((x * 128 + 64, y * 128 + 64)) for y in range(4) for x in range(6)]
    assert min(middles.count(colour) for colour in colours.values()) >= 4


def test_the_short_side_of_most(tmp_path):
    """Half of the works have the side that counts, or more; what is no picture counts for nothing."""
    for number, (width, height) in enumerate([(300, 256), (260, 400), (256, 256), (40, 500), (20, 20)]):
        Image.new("RGB", (width, height)).save(tmp_path / f"{number}.png")
    (tmp_path / "note.txt").write_text("no picture")
    entry = {
        "medium": "picture",
        "source": "folder",
        "path": str(tmp_path),
        "about": {},
        "ingest": {},
        "preprocess": {},
    }
    assert measure_short_side(DatasetEntry.model_validate(entry)) == 256
    assert measure_short_side(DatasetEntry.model_validate({**entry, "medium": "text"})) == 0
