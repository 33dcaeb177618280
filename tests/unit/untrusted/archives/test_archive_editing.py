"""Archives lose members and keep all else."""

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from pathlib import Path

import pytest

from artpipe.errors import UserError
from artpipe.untrusted.archives.archive_editing import edit_archive
from artpipe.untrusted.archives.archive_reader import ArchiveLimits, read_members

FILES = {"a/one.png": b"one" * 50, "a/two.png": b"two" * 50, "b/three.png": b"three" * 50, "table.csv": b"x,y\n"}
PACK = {".tar": bytes, ".tar.gz": gzip.compress, ".tar.bz2": bz2.compress, ".tar.xz": lzma.compress}


def make_archive(path: Path, suffix: str) -> Path:
    buffer = io.BytesIO()
    if suffix == ".zip":
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.comment = b"hello"
            archive.mkdir("a")
            for name, data in FILES.items():
                archive.writestr(name, data)
        data = buffer.getvalue()
    else:
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            for name, content in FILES.items():
                member = tarfile.TarInfo(f"./{name}")
                member.size, member.mtime = len(content), 1_000_000_000
                archive.addfile(member, io.BytesIO(content))
        data = PACK[suffix](buffer.getvalue())
    path.write_bytes(data)
    return path


def contents(path: Path) -> dict[str, bytes]:
    return {member.name.removeprefix("./"): member.data for member in read_members(path, ArchiveLimits())}


@pytest.mark.parametrize("suffix", [".zip", *PACK])
def test_a_member_is_removed_and_another_replaced(tmp_path, suffix):
    """What is left are the other members, byte for byte and in their order; a second time changes nothing."""
    path = make_archive(tmp_path / f"x{suffix}", suffix)

    def change(name: str, data: bytes) -> bytes | None:
        return None if name == "a/two.png" else b"x\n" if name == "table.csv" else data

    assert edit_archive(path, ArchiveLimits(), change) == 2
    assert list(contents(path).items()) == [
        ("a/one.png", FILES["a/one.png"]),
        ("b/three.png", FILES["b/three.png"]),
        ("table.csv", b"x\n"),
    ]
    before = path.read_bytes()
    assert edit_archive(path, ArchiveLimits(), change) == 0
    assert path.read_bytes() == before
    assert [child.name for child in tmp_path.iterdir()] == [path.name]


def test_an_archive_that_cannot_be_written_is_one_line(tmp_path):
    """Zstandard is read and not written; the archive stays as it is."""
    import pyarrow as pa

    plain = make_archive(tmp_path / "x.tar", ".tar").read_bytes()
    path = tmp_path / "x.tar.zst"
    path.write_bytes(pa.compress(plain, codec="zstd", asbytes=True))
    before = path.read_bytes()
    with pytest.raises(UserError, match="pack it anew"):
        edit_archive(path, ArchiveLimits(), lambda _name, _data: None)
    assert path.read_bytes() == before
