"""Vouching: what a disk did to a file is told from what a person or program wrote."""

import os

import pytest

from artpipe.artifacts.integrity_note import NOTE_FILE, find_damaged_files, read_integrity_note, write_integrity_note
from artpipe.errors import CorruptError


def spoil(path, data: bytes) -> None:
    """Change a file under its time, as a disk does."""
    times = path.stat()
    path.write_bytes(data)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


@pytest.fixture
def folder(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(name.encode() * 9)
    write_integrity_note(tmp_path, [tmp_path / "a", tmp_path / "b"])
    return tmp_path


def test_a_disk_is_told_from_a_writer(folder):
    """Other bytes or another length under the same time are damage; a later time, or no file any more, is somebody's doing."""
    assert find_damaged_files(folder) == []
    spoil(folder / "a", b"aaaabaaaa")
    assert find_damaged_files(folder) == [folder / "a"]
    spoil(folder / "a", b"aa")
    assert find_damaged_files(folder) == [folder / "a"]
    (folder / "a").write_bytes(b"new")
    (folder / "b").unlink()
    assert find_damaged_files(folder) == []


def test_what_nobody_wrote_keeps_its_note(folder):
    """A second note takes over what has the same time, damage included: it vouches for what was, not for what is."""
    spoil(folder / "a", b"aaaabaaaa")
    write_integrity_note(folder, [folder / "a", folder / "b"])
    assert find_damaged_files(folder) == [folder / "a"]


@pytest.mark.parametrize("at", range(0, 160, 7))
def test_a_damaged_note_says_so(folder, at):
    """A bit anywhere in the note is an error of its own; the next one is whole again."""
    data = bytearray((folder / NOTE_FILE).read_bytes())
    data[at % (len(data) - 1)] ^= 1
    (folder / NOTE_FILE).write_bytes(data)
    with pytest.raises(CorruptError, match=NOTE_FILE):
        read_integrity_note(folder)
    write_integrity_note(folder, [folder / "a"])
    assert list(read_integrity_note(folder)) == ["a"]
