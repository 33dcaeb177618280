"""Rooms as they are read from records and reports."""

import io
from pathlib import Path

from PIL import Image

from artpipe.artifacts.works import Provenance, RecordWriter, WorksCard
from artpipe.config.params import About
from artpipe.language.sentences import load_sentences
from artpipe.site.collection import load_record
from artpipe.site.media_files import MediaStore
from artpipe.site.museum import _make_work_finder


def brought(folder: Path, name: str, grey: int | None = None, text: str = "") -> None:
    """A file of a real work that a report brought along."""
    buffer = io.BytesIO()
    if grey is not None:
        Image.new("L", (8, 8), grey).save(buffer, "PNG")
    (folder / "works").mkdir(parents=True, exist_ok=True)
    (folder / "works" / name).write_bytes(buffer.getvalue() or text.encode())


def test_of_a_work_in_several_reports_the_first_counts(tmp_path):
    """Its picture before its text; a report without works, and a work without a file, are no faults."""
    first, second, empty = tmp_path / "a", tmp_path / "b", tmp_path / "none"
    shared, alone, verse, absent = ("1" * 64, "2" * 64, "3" * 64, "4" * 64)
    brought(first, f"{shared[:16]}.png", grey=10)
    brought(first, f"{shared[:16]}.txt", text="not this")
    brought(second, f"{shared[:16]}.png", grey=20)
    brought(second, f"{alone[:16]}.png", grey=30)
    brought(second, f"{verse[:16]}.txt", text="a verse")
    media = MediaStore()
    find_work = _make_work_finder({}, [empty, first, second], media)
    greys = [
        Image.open(io.BytesIO(media.files[find_work(digest).picture.src])).getpixel((0, 0))
        for digest in (shared, alone)
    ]
    assert greys == [10, 30]
    assert (find_work(verse).text, find_work(verse).picture) == ("a verse", None)
    assert (find_work(absent).picture, find_work(absent).text) == (None, "")


def test_a_record_is_counted_whole_and_told_of_the_works_asked_for(tmp_path):
    """Licences, creators and origins of all works; title, or caption where there is none, of some."""
    with RecordWriter(tmp_path) as writer:
        for number, (title, caption) in enumerate([("Moon", None), (None, "a night"), (None, None)]):
            creator = "A hand" if number else "Another"
            writer.add_work(
                Provenance(f"{number}" * 64, "x.png", title, creator, None, "CC0-1.0", "here", "", caption), []
            )
        card = WorksCard(dataset="d", count=3, labels={}, unlabelled=3, splits={}, files={})
        writer.close(About(title="D"), card, "0" * 64)
    record = load_record(tmp_path, {"0" * 64, "1" * 64, "9" * 64}, load_sentences("en"), {"A hand": "One hand"})
    tallies = [(tally.name, tally.count) for tally in record.collection.creators]
    assert tallies == [("One hand", 2), ("Another", 1)]
    assert [(tally.name, tally.count) for tally in record.collection.licences] == [("CC0-1.0", 3)]
    assert {digest[0]: (work.title, work.year) for digest, work in record.works.items()} == {
        "0": ("Moon", ""),
        "1": ("a night", ""),
    }
