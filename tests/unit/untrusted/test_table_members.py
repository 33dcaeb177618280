"""Tables of pictures in the Hub's form are read like archives; what is no such table is one line."""

import contextlib
import io
import json
import signal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pyarrow import parquet

from artpipe.errors import UserError
from artpipe.layout.input_files import FolderFiles
from artpipe.project.detection import inspect_input
from artpipe.project.import_files import archive_suffix
from artpipe.untrusted.archives.archive_editing import edit_archive
from artpipe.untrusted.archives.archive_limits import ArchiveLimits, Member
from artpipe.untrusted.archives.table_members import _explain_end, read_table_members

LIMITS = ArchiveLimits()
FEATURES = {"image": {"_type": "Image"}, "label": {"_type": "ClassLabel", "names": ["cat", "dog"]}}


def picture(seed: int, form: str = "PNG") -> bytes:
    """A small picture file, each of its own seed."""
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (9, 8, 3), np.uint8)).save(file, form)
    return file.getvalue()


def table(pictures: list[bytes | None], **columns: list[object]) -> pa.Table:
    """A table as `datasets` writes it: pictures in a struct, the classes' names in the schema's metadata."""
    kinds = {"label": pa.int64(), "text": pa.string()}
    struct = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    fields = [("image", struct), *((name, kinds.get(name, pa.string())) for name in columns)]
    metadata = {"huggingface": json.dumps({"info": {"features": FEATURES}})}
    rows = {"image": [{"bytes": data, "path": "a.png"} for data in pictures], **columns}
    return pa.table(rows, schema=pa.schema(fields, metadata=metadata))


def read(path: Path, limits: ArchiveLimits) -> list[Member]:
    """All members of a table, each with its bytes."""
    return list(read_table_members(path, limits, lambda _: True))


def write_stream(path: Path, content: pa.Table) -> None:
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, content.schema) as writer:
        writer.write_table(content)


def write_file(path: Path, content: pa.Table) -> None:
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, content.schema) as writer:
        writer.write_table(content)


@pytest.mark.parametrize(
    ("name", "write"),
    [("t.parquet", lambda path, content: parquet.write_table(content, path)), ("t.arrow", write_stream), ("u.arrow", write_file)],
)  # fmt: skip
def test_a_row_is_a_picture_and_its_fields(tmp_path, name, write):
    """The picture byte for byte, the class by its name, the caption; a label of -1 is none."""
    pictures = [picture(0), picture(1, "JPEG"), picture(2)]
    write(tmp_path / name, table(pictures, label=[1, 0, -1], text=["a dog", "a cat", None]))
    assert archive_suffix(tmp_path / name) == f".{name.partition('.')[2]}"
    members = {member.name: member.data for member in read(tmp_path / name, LIMITS)}
    assert [members[one] for one in ("0000000.png", "0000001.jpg", "0000002.png")] == pictures
    assert json.loads(members["0000000.json"]) == {"label": "dog", "text": "a dog"}
    assert json.loads(members["0000001.json"]) == {"label": "cat", "text": "a cat"}
    assert "0000002.json" not in members


def test_a_folder_of_tables_has_splits_classes_and_captions(tmp_path):
    """The names of the files say the splits, as on the Hub; a card beside them is no work."""
    (tmp_path / "data").mkdir()
    (tmp_path / "README.md").write_text("card")
    for number, (name, count) in enumerate(
        {"train-00000-of-00002": 12, "train-00001-of-00002": 12, "test-00000-of-00001": 6}.items()
    ):
        rows = range(100 * number, 100 * number + count)
        content = table(
            [picture(row) for row in rows], label=[row % 2 for row in rows], text=[f"no {row}" for row in rows]
        )
        parquet.write_table(content, tmp_path / "data" / f"{name}.parquet")
    summary = inspect_input(tmp_path)
    said = summary.sentence("picture")
    assert said.startswith("30 pictures with captions; 2 classes (cat 15, dog 15); splits train 24, test 6; ")
    assert said.endswith("layout: tables of pictures")


def test_tables_beside_tars_are_listings(tmp_path):
    """img2dataset writes a table beside each tar; the tar holds the works."""
    import tarfile

    with tarfile.open(tmp_path / "00000.tar", "w") as tar:
        info = tarfile.TarInfo("a.png")
        info.size = len(data := picture(0))
        tar.addfile(info, io.BytesIO(data))
    parquet.write_table(pa.table({"url": ["x"]}), tmp_path / "00000.parquet")
    names = [file.name for file in FolderFiles(tmp_path, LIMITS).read_entries(lambda _: 0)]
    assert names == ["00000.parquet", "00000.tar/a.png"]


def test_what_is_no_table_of_pictures_is_one_line(tmp_path):
    """A cut file, and one without pictures: place, found, expected."""
    parquet.write_table(table([picture(0)]), tmp_path / "whole.parquet")
    (tmp_path / "cut.parquet").write_bytes((tmp_path / "whole.parquet").read_bytes()[:200])
    parquet.write_table(pa.table({"text": ["a"], "imge": ["b"]}), tmp_path / "text.parquet")
    for name, expected in {
        "cut.parquet": r"cut\.parquet: damaged: a table that cannot be read: ",
        "text.parquet": r"text\.parquet: no column `image` of picture files among its columns: `text`, `imge`$",
    }.items():
        with pytest.raises(UserError, match=rf"^\S*{expected}") as raised:
            inspect_input(tmp_path / name)
        assert "\n" not in str(raised.value)


def test_limits_of_archives_hold(tmp_path):
    """Too many rows, too many bytes, too large a ratio, too large a picture."""
    path = tmp_path / "t.parquet"
    parquet.write_table(table([picture(0), picture(1), None]), path)
    members = list(read(path, LIMITS))
    assert [member.rejected for member in members] == [None, None, "missing"]
    small = [member.rejected for member in read(path, ArchiveLimits(megabytes=1e-5))]
    assert small == ["too large", "too large", "missing"]
    assert [member.rejected for member in read(path, ArchiveLimits(entries=2))] == ["bomb"]
    assert [member.rejected for member in read(path, ArchiveLimits(gigabytes=1e-7))] == ["bomb"]
    parquet.write_table(table([bytes(4 << 20)] * 2), path, compression="zstd")
    assert [member.rejected for member in read(path, LIMITS)] == ["bomb"]


def test_works_cannot_be_taken_out_of_a_table(tmp_path):
    """The message says what to do instead."""
    parquet.write_table(table([picture(0)]), tmp_path / "t.parquet")
    with pytest.raises(UserError, match=r"works cannot be taken out of a \.parquet archive; pack it anew as \.tar"):
        edit_archive(tmp_path / "t.parquet", LIMITS, lambda name, data: None)


@pytest.mark.nightly
@settings(max_examples=60)
@given(st.integers(0, 10_000), st.binary(min_size=1, max_size=8))
def test_damaged_bytes_never_escape(tmp_path_factory, at, damage):
    """Wherever a table is damaged, it is read, or refused in artpipe's own words."""
    folder = tmp_path_factory.getbasetemp() / "tables"
    folder.mkdir(exist_ok=True)
    for name, write in (
        ("t.parquet", lambda path, content: parquet.write_table(content, path)),
        ("t.arrow", write_stream),
    ):
        write(folder / name, table([picture(0)], label=[1]))
        data = bytearray((folder / name).read_bytes())
        place = 8 + at % (len(data) - 16)
        data[place : place + len(damage)] = damage
        (folder / name).write_bytes(data)
        try:
            list(read(folder / name, LIMITS))
        except UserError as error:
            assert "\n" not in str(error)  # noqa: PT017 - refused or not, both are right


@pytest.mark.nightly
def test_a_table_that_ends_its_reader_is_one_refused_entry(tmp_path):
    """Wherever a footer lies of a count: to some places pyarrow 25 answers with an abort."""
    path = tmp_path / "t.parquet"
    parquet.write_table(table([picture(0)], label=[1]), path)
    data = bytearray(path.read_bytes())
    rejected = set()
    for place in range(len(data) - 1200, len(data) - 8, 16):
        (tmp_path / "x.parquet").write_bytes(data[:place] + b"\xff\xff\xff\x7f" + data[place + 4 :])
        with contextlib.suppress(UserError):
            rejected |= {member.rejected for member in read(tmp_path / "x.parquet", LIMITS)}
    assert rejected <= {None, "damaged", "crashed", "bomb"}


def test_texts_that_reach_outside_of_a_table_are_damage(tmp_path):
    """Offsets beyond the buffer: pyarrow would read foreign memory, or end the process."""
    path = tmp_path / "t.arrow"
    write_stream(path, table([picture(0)], text=["a" * 333]))
    true, lying = (np.array([0, end], np.int32).tobytes() for end in (333, 1 << 30))
    before, _, after = path.read_bytes().rpartition(true)  # the first one is the length of a buffer
    path.write_bytes(before + lying + after)
    (member,) = read(path, LIMITS)
    assert (member.name, member.rejected) == ("t.arrow", "damaged")


@pytest.mark.parametrize("code", [-6, -11, 1])
def test_a_reader_that_ends_is_named(code):
    """By signal, or by its exit code."""
    assert _explain_end(code).reason == "crashed"
    assert _explain_end(-signal.SIGPROF).reason == "timed out"
