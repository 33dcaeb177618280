"""Vouching: what a disk did to a file is told from what a person or program wrote."""

import os

import pytest

from artpipe.artifacts.integrity_note import NOTE, broken, noted, vouch
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
    vouch(tmp_path, [tmp_path / "a", tmp_path / "b"])
    return tmp_path


def test_a_disk_is_told_from_a_writer(folder):
    """Other bytes or another length under the same time are damage; a later time, or no file any more, is somebody's doing."""
    assert broken(folder) == []
    spoil(folder / "a", b"aaaabaaaa")
    assert broken(folder) == [folder / "a"]
    spoil(folder / "a", b"aa")
    assert broken(folder) == [folder / "a"]
    (folder / "a").write_bytes(b"new")
    (folder / "b").unlink()
    assert broken(folder) == []


def test_what_nobody_wrote_keeps_its_note(folder):
    """A second note takes over what has the same time, damage included: it vouches for what was, not for what is."""
    spoil(folder / "a", b"aaaabaaaa")
    vouch(folder, [folder / "a", folder / "b"])
    assert broken(folder) == [folder / "a"]


@pytest.mark.parametrize("at", range(0, 160, 7))
def test_a_damaged_note_says_so(folder, at):
    """A bit anywhere in the note is an error of its own; the next one is whole again."""
    data = bytearray((folder / NOTE).read_bytes())
    data[at % (len(data) - 1)] ^= 1
    (folder / NOTE).write_bytes(data)
    with pytest.raises(CorruptError, match=NOTE):
        noted(folder)
    vouch(folder, [folder / "a"])
    assert list(noted(folder)) == ["a"]
