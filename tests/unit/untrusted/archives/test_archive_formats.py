"""Archives by their content: whatever they are called, wherever they lie, and what is said of those that are not read."""

import bz2
import gzip
import io
import lzma
import random
import tarfile
import zipfile

import pyarrow as pa
import pytest

from artpipe.errors import UserError
from artpipe.project.import_files import archive_suffix, describe_archive
from artpipe.untrusted.archives.archive_reader import ArchiveLimits, is_zip, read_members

FILES = {f"{label}/{n}.png": bytes([n]) * 9 for label in ("cat", "dog") for n in range(3)}


def zipped(files=FILES, packing=zipfile.ZIP_DEFLATED):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", packing) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return stream.getvalue()


def tarred(files=FILES):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return stream.getvalue()


def zstd(data):
    return pa.compress(data, codec="zstd", asbytes=True)


PACKED = {
    ".zip": zipped,
    ".tar": tarred,
    ".tar.gz": lambda: gzip.compress(tarred()),
    ".tar.bz2": lambda: bz2.compress(tarred()),
    ".tar.xz": lambda: lzma.compress(tarred()),
    ".tar.lzma": lambda: lzma.compress(tarred(), lzma.FORMAT_ALONE),
    ".tar.zst": lambda: zstd(tarred()),
    ".tar.gz.gz": lambda: gzip.compress(gzip.compress(tarred())),
}


def placed(folder, name, data):
    path = folder / name
    path.write_bytes(data)
    return path


def read(path, **limits):
    return {member.name: member.rejected or member.data for member in read_members(path, ArchiveLimits(**limits))}


@pytest.mark.parametrize("name", ["PHOTOS.ZIP", "pictures.bin", "photos.zip", "photos.tar", "photos"])
@pytest.mark.parametrize("suffix", PACKED)
def test_a_format_is_told_by_its_content(tmp_path, suffix, name):
    """The name says nothing, and the copy has the usual suffix."""
    path = placed(tmp_path, name, PACKED[suffix]())
    assert archive_suffix(path) == suffix
    assert read(path) == FILES


def test_a_zip_behind_a_program_is_read(tmp_path):
    """It unpacks itself elsewhere; here its directory is found at its end."""
    path = placed(tmp_path, "photos.exe", b"MZ" + bytes(5000) + zipped())
    assert (archive_suffix(path), read(path)) == (".zip", FILES)


def test_backslashes_are_separators_in_a_zip(tmp_path):
    """As Windows PowerShell writes them; folders are no entries, and what leads upwards is refused by its own name."""
    names = ["cat\\", "cat\\1.png", "dog\\1.png", "cat/1.png", "..\\up.png", "\\root.png"]
    path = placed(tmp_path, "a.zip", zipped(dict.fromkeys(names, b"x")))
    assert read(path) == {
        "cat/1.png": "duplicate name", "dog/1.png": b"x", "..\\up.png": "traversal", "\\root.png": "outside the root",
    }  # fmt: skip
    assert [member.rejected for member in read_members(path, ArchiveLimits())][:2] == [None, None]


NESTED = {
    "zip in zip": lambda: zipped({"photos.zip": zipped(), "README.txt": b"hello", "__MACOSX/._photos.zip": b"x"}),
    "tar.gz in zip": lambda: zipped({"pack/photos.tgz": gzip.compress(tarred())}),
    "zip in tar.gz": lambda: gzip.compress(tarred({"./photos.zip": zipped(), "./LICENSE": b"CC0"})),
    "zip in zip in tar": lambda: tarred({"a.zip": zipped({"b.zip": zipped()})}),
}


@pytest.mark.parametrize("kind", NESTED)
def test_the_only_archive_in_an_archive_is_read_through(tmp_path, kind, monkeypatch):
    """Documents and leftovers beside it do not count; nothing stays on disk, and it is said."""
    monkeypatch.chdir(tmp_path)
    path = placed(tmp_path, "outer.bin", NESTED[kind]())
    assert read(path) == FILES
    assert "which is all that the archive holds: cat/0.png" in describe_archive(path, "")
    assert list((tmp_path / ".state").iterdir()) == []


def test_an_archive_beside_works_is_no_nest(tmp_path):
    """It stays an entry as any other, and two archives are two entries."""
    assert set(read(placed(tmp_path, "a.zip", zipped({"x.zip": zipped(), "1.png": b"x"})))) == {"x.zip", "1.png"}
    assert set(read(placed(tmp_path, "b.zip", zipped({"x.zip": zipped(), "y.zip": zipped()})))) == {"x.zip", "y.zip"}


def test_metadata_beside_an_archive_in_an_archive_are_read(tmp_path, monkeypatch):
    """The table lies often outside."""
    monkeypatch.chdir(tmp_path)
    table = {"metadata.csv": b"file_name\n"}
    assert read(placed(tmp_path, "a.zip", zipped({"x.zip": zipped(), **table}))) == {**table, **FILES}


@pytest.mark.nightly
def test_a_nested_bomb_is_one(tmp_path, monkeypatch):
    """Ratios multiply: a hundredfold in a hundredfold is too much, and so are too many bytes."""
    monkeypatch.chdir(tmp_path)
    inner = zipped({f"{n}.png": bytes(3 << 20) for n in range(400)})
    path = placed(tmp_path, "a.zip", zipped({"x.zip": inner}))
    assert set(read(path, ratio=1500).values()) == {"bomb"}
    tar = placed(tmp_path, "b.zip", zipped({"x.tar": tarred({"1.png": bytes(9 << 20)})}))
    assert "bomb" in read(tar).values()
    small = placed(tmp_path, "c.zip", zipped({"x.tar": tarred({"1.png": b"x" * (2 << 20)})}, zipfile.ZIP_STORED))
    assert set(read(small, gigabytes=0.001)) & {"c.zip", "x.tar"}
    assert list((tmp_path / ".state").iterdir()) == []


@pytest.mark.parametrize("cut", [3000, 50_000])
def test_a_damaged_archive_in_an_archive_is_an_entry_with_its_reason(tmp_path, monkeypatch, cut):
    """Its end is missing: what can be read is read."""
    monkeypatch.chdir(tmp_path)
    files = FILES | {"dog/9.png": random.Random(0).randbytes(99_000)}
    path = placed(tmp_path, "a.zip", zipped({"x.tar.gz": gzip.compress(tarred(files))[:-cut]}))
    assert read(path) == FILES | {"a.zip": "truncated"}


ISO = bytes(0x8001) + b"CD001" + bytes(999)
NOT_READ = {
    "photos.7z": (b"7z\xbc\xaf\x27\x1c" + bytes(99), "a 7z archive, which is not read; unpack it (`7z x photos.7z -ophotos`)"),
    "my photos.rar": (b"Rar!\x1a\x07\x01\x00" + bytes(99), "`7z x 'my photos.rar' -o'my photos'`"),
    "photos.part1.rar": (b"Rar!\x1a\x07\x01\x00" + bytes(99), "a part of a split archive (a RAR archive); with all parts in one folder"),
    "photos.7z.002": (b"\x17\x88" * 99, "(`7z x photos.7z.001 -ophotos`)"),
    "photos.zip.001": (b"PK\x03\x04" + b"\x17\x88" * 300, "(`7z x photos.zip.001 -ophotos`)"),
    "photos.tar.001": (b"\x17\x88" * 300, "(`7z x photos.tar.001 -ophotos`)"),
    "photos.z01": (b"PK\x07\x08PK\x03\x04" + b"\x17\x88" * 300, "`zip -s 0 photos.zip --out photos-whole.zip`"),
    "photos.cab": (b"MSCF" + bytes(99), "a cabinet (.cab)"),
    "photos.iso": (ISO, "an image of a disc (.iso)"),
    "photos.dmg": (b"\x17" * 999 + b"koly" + bytes(508), "an Apple disk image (.dmg)"),
    "photos.exe": (b"MZ" + bytes(999) + b"7z\xbc\xaf\x27\x1c" + bytes(99), "a 7z archive that unpacks itself"),
    "photos.tar.lz4": (b"\x04\x22\x4d\x18" + bytes(99), "`lz4 -d photos.tar.lz4 photos.tar`"),
    "photo.png.gz": (gzip.compress(b"\x89PNG" + bytes(999)[1:] + b"x"), "one file that is no tar archive, compressed by gz"),
    "photos.zip.gz": (gzip.compress(zipped()), "a zip, compressed by gz; unpack it first"),
    "empty.zip": (b"", "an empty file"),
}  # fmt: skip


@pytest.mark.parametrize("name", NOT_READ)
def test_what_is_not_read_is_named_with_what_to_do(tmp_path, name):
    """One line: what it is, and the command that helps."""
    data, message = NOT_READ[name]
    with pytest.raises(UserError) as raised:
        archive_suffix(placed(tmp_path, name, data))
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def patched(data, offset, value):
    """Return a zip of which a 16-bit number in each directory entry is another one."""
    whole, at = bytearray(data), 0
    while (at := whole.find(b"PK\x01\x02", at)) >= 0:
        whole[at + offset : at + offset + 2] = value.to_bytes(2, "little")
        at += 4
    return bytes(whole)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (patched(zipped(), 8, 1), "its 6 entries are encrypted; unpack it with its password (`7z x a.zip`)"),
        (patched(zipped(), 10, 9), "its 6 entries are packed by Deflate64"),
        (zipped()[:-18] + b"\x02\0\x02\0" + zipped()[-14:], "the last of 3 parts of a split zip"),
    ],
)
def test_a_zip_of_which_nothing_can_be_read_says_why(tmp_path, data, message):
    """A password, a method, the other parts."""
    with pytest.raises(UserError, match="zip") as raised:
        archive_suffix(placed(tmp_path, "a.zip", data))
    assert message in str(raised.value)


@pytest.mark.parametrize("data", [zipped({}), tarred({}), gzip.compress(tarred({}))])
def test_an_empty_archive_has_no_entries(tmp_path, data):
    """It is an archive all the same."""
    path = placed(tmp_path, "a.zip", data)
    assert archive_suffix(path)
    assert read(path) == {}


def test_a_tar_that_ends_in_a_zip_is_a_tar(tmp_path):
    """A zip's directory is looked for only where nothing else begins."""
    path = placed(tmp_path, "a.bin", tarred({**FILES, "x.zip": zipped()}))
    assert not is_zip(path)
    assert set(read(path)) == {*FILES, "x.zip"}


@pytest.mark.parametrize("size", [1 << 34, 1 << 53, 1 << 62])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.timeout(20)
def test_an_entry_of_more_bytes_than_there_are_ends_the_archive(tmp_path, size, pack):
    """An entry that says it has billions of gigabytes is not waited for: what stands before it is read, then it is told."""
    info = tarfile.TarInfo("endless.png")
    info.size = size
    good = tarred(dict(list(FILES.items())[:2]))
    end = good.rstrip(b"\0")
    aligned = end + bytes(-len(end) % 512)
    path = placed(tmp_path, "a.tar", pack(aligned + info.tobuf(tarfile.GNU_FORMAT) + bytes(2000)))
    members = list(read_members(path, ArchiveLimits()))
    assert [member.rejected for member in members[:2]] == [None, None]
    assert {member.rejected for member in members[2:]} <= {"too large", "truncated"}
    assert members[-1].rejected == "truncated"
