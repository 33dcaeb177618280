"""DatasetManifest: what was written is read back, and damage is not believed."""

import hashlib
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artpipe.artifacts.parquet import TableWriter, read_tuples
from artpipe.artifacts.works import Provenance, Quarantined, Record, RecordWriter, Works, WorksWriter
from artpipe.config.params import About
from artpipe.errors import CorruptError, UserError


def write(folder, blobs, shard_bytes=1 << 20):
    folder.mkdir(parents=True, exist_ok=True)
    with WorksWriter(folder, "mine", shard_bytes) as writer:
        for number, data in enumerate(blobs):
            sha256 = hashlib.sha256(data).hexdigest()
            label = "abc"[number % 3] if number % 4 else None
            writer.add(data, sha256=sha256, label=label, split=None, width=3, height=number, phash=f"{number:016x}")
        return writer.close()


@given(st.lists(st.binary(max_size=3000), max_size=12, unique=True), st.sampled_from([4096, 1 << 20]))
@settings(max_examples=25, deadline=None)
def test_originals_round_trip(tmp_path_factory, blobs, shard_bytes):
    """Every blob comes back, in order, from however many shards; each shard but one of a big work is within its size."""
    folder = tmp_path_factory.mktemp("works")
    card, sha256 = write(folder, blobs, shard_bytes)
    works = Works.open(folder)
    assert works.sha256 == sha256
    assert [data for _, data in works.originals()] == blobs
    assert [works.original(work) for work in works.rows()] == blobs
    assert [work.height for work in works.rows()] == list(range(len(blobs)))
    assert card.count == len(blobs) == card.unlabelled + sum(card.labels.values())
    assert all((folder / name).stat().st_size <= shard_bytes for name in card.files if name.endswith(".tar"))


def test_the_same_works_have_the_same_hash(tmp_path):
    """The hash is a function of the works."""
    blobs = [bytes([n]) * n for n in range(20)]
    assert write(tmp_path / "a", blobs)[1] == write(tmp_path / "b", blobs)[1] != write(tmp_path / "c", blobs[1:])[1]


@pytest.mark.parametrize("name", ["works.parquet", "works.json", "works-00000.tar"])
def test_a_flipped_bit_is_noticed(tmp_path, name):
    """In the card, the table and the originals."""
    write(tmp_path, [b"x" * 700, b"y" * 700])
    data = bytearray((tmp_path / name).read_bytes())
    data[600 if name.endswith("tar") else len(data) // 2] ^= 1
    (tmp_path / name).write_bytes(data)
    with pytest.raises(CorruptError):
        list(Works.open(tmp_path).originals())


def test_missing_parts_are_said(tmp_path):
    """No folder is the person's mistake, a missing table or shard is damage."""
    with pytest.raises(UserError, match=r"works\.json"):
        Works.open(tmp_path / "none")
    write(tmp_path, [b"x"])
    (tmp_path / "works-00000.tar").unlink()
    with pytest.raises(CorruptError, match="works-00000"):
        list(Works.open(tmp_path).originals())


def test_record_round_trip(tmp_path):
    """Rows with odd names, and the reasons counted."""
    works, sha256 = write(tmp_path / "works", [b"a", b"b"])
    rows = [Provenance(str(n) * 64, f"na\nme {n} <script>", None, "猫", None, "MIT", "here", "note") for n in (1, 2)]
    (tmp_path / "record").mkdir()
    with RecordWriter(tmp_path / "record") as writer:
        for row in rows:
            writer.add_work(row, ["note"])
        writer.add_quarantined(Quarantined("x", "truncated", "detail"))
        writer.close(About(title="Mine"), works, sha256)
    record = Record.open(tmp_path / "record")
    assert list(record.rows()) == rows
    assert list(record.quarantined()) == [Quarantined("x", "truncated", "detail")]
    assert (record.card.inputs, record.card.kept, record.card.quarantined) == (3, 2, {"truncated": 1})
    assert record.card.notes == {"note": 2}
    assert record.card.works == sha256


class Older(NamedTuple):
    """A row as it was before works had captions."""

    sha256: str
    name: str
    title: str | None
    creator: str
    year: str | None
    licence: str
    origin: str
    notes: str


def test_rows_of_an_older_record_have_no_caption(tmp_path):
    """What was not noted then is unknown."""
    row = Older("1" * 64, "moon.png", "Moon", "A hand", None, "CC0-1.0", "here", "")
    writer = TableWriter(tmp_path / "old.parquet", Older)
    writer.add(row)
    writer.close()
    assert list(read_tuples(tmp_path / "old.parquet", Provenance)) == [Provenance(*row, caption=None)]
