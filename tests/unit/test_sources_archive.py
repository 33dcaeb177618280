"""Archives: hostile zip and tar files, entry by entry."""

import gzip
import io
import stat
import tarfile
import zipfile

import numpy as np
import pytest
from PIL import Image

from artpipe.errors import UserError
from artpipe.inputs.archives import ArchiveLimits, members
from artpipe.params import DatasetEntry
from artpipe.sources.archive import SOURCE

LIMITS = ArchiveLimits(megabytes=4, gigabytes=0.05, entries=50, ratio=100)


def picture(seed=0):
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (9, 9), np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def outcome(path, limits=LIMITS):
    return [(member.name, member.rejected) for member in members(path, limits)]


def entry(path, **ingest):
    return DatasetEntry.model_validate(
        {"source": "archive", "path": str(path), "about": {}, "ingest": ingest, "preprocess": {}}
    )


def zipped(path, entries):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries:
            info = name if isinstance(name, zipfile.ZipInfo) else zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, data)
    return path


def tarred(path, entries, mode="w"):
    with tarfile.open(path, mode) as archive:
        for name, data, *changes in entries:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            for key, value in (changes[0] if changes else {}).items():
                setattr(info, key, value)
            archive.addfile(info, io.BytesIO(data))
    return path


def special(name, mode):
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr = 3, mode << 16
    return info


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_hostile_zip_entries_are_refused_and_the_rest_is_read(tmp_path):
    """Traversal in both spellings, absolute names, a drive, a link, a device, a double, a bomb."""
    path = zipped(
        tmp_path / "a.zip",
        [
            ("../up.png", b"x"),
            ("a/..\\up.png", b"x"),
            ("/etc/passwd", b"x"),
            ("C:\\x.png", b"x"),
            (special("link.png", stat.S_IFLNK | 0o777), b"/etc/passwd"),
            (special("pipe.png", stat.S_IFIFO | 0o644), b""),
            ("good.png", picture()),
            ("good.png", picture(1)),
            ("bomb.png", bytes(3 << 20)),
            ("last.png", picture(2)),
        ],
    )
    assert [reason for _, reason in outcome(path)] == [
        "traversal", "traversal", "outside the root", "outside the root", "symlink", "special file", None, "duplicate name", "bomb", None,
    ]  # fmt: skip


def test_encrypted_and_corrupted_zip_entries_are_refused(tmp_path):
    """An encrypted flag, and bytes that do not have their CRC."""
    path = zipped(
        tmp_path / "a.zip",
        [("secret.png", b"1234567890"), ("good.png", picture()), ("bad.png", b"y" * 2000 + picture(3))],
    )
    data = bytearray(path.read_bytes())
    data[data.find(b"PK\x01\x02") + 8] |= 1
    data[data.find(b"bad.png") + 12] ^= 0xFF
    path.write_bytes(data)
    assert outcome(path) == [("secret.png", "encrypted"), ("good.png", None), ("bad.png", "damaged")]


def test_overlapping_zip_entries_are_a_bomb(tmp_path):
    """Two directory entries that share their data (Fifield 2019)."""
    path = zipped(tmp_path / "a.zip", [("a.png", picture(1)), ("b.png", picture(2)), ("c.png", picture(3))])
    data = bytearray(path.read_bytes())
    second = data.find(b"PK\x01\x02", data.find(b"PK\x01\x02") + 1)
    start = int.from_bytes(data[second + 42 : second + 46], "little")
    data[second + 42 : second + 46] = (start - 20).to_bytes(4, "little")  # b reaches back into a
    path.write_bytes(data)
    assert ("a.png", "bomb") in outcome(path)


def test_hostile_tar_members_are_refused_and_the_rest_is_read(tmp_path):
    """Traversal, absolute, links of both kinds, devices, a pipe, a double, too many bytes."""
    path = tarred(
        tmp_path / "a.tar",
        [
            ("../up.png", b"x"),
            ("/etc/passwd", b"x"),
            ("soft.png", b"", {"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"}),
            ("hard.png", b"", {"type": tarfile.LNKTYPE, "linkname": "good.png"}),
            ("dev.png", b"", {"type": tarfile.CHRTYPE}),
            ("pipe.png", b"", {"type": tarfile.FIFOTYPE}),
            ("good.png", picture()),
            ("good.png", picture(1)),
            ("big.png", bytes(5 << 20)),
            ("last.png", picture(2)),
        ],
    )
    assert [reason for _, reason in outcome(path)] == [
        "traversal", "outside the root", "symlink", "hard link", "special file", "special file", None, "duplicate name", "too large", None,
    ]  # fmt: skip


def test_too_many_entries_end_the_archive(tmp_path):
    """Entries are counted; what was read before stays."""
    found = outcome(tarred(tmp_path / "a.tar", [(f"{n}.png", b"x") for n in range(60)]))
    assert len(found) == 51
    assert found[-1] == ("a.tar", "bomb")


@pytest.mark.parametrize("mode", ["w:gz", "w:bz2", "w:xz"])
def test_a_compressed_bomb_ends_before_it_is_unpacked(tmp_path, mode):
    """A ratio beyond the limit stops the stream, even of members nobody wants."""
    path = tarred(
        tmp_path / "a.tar.z", [("good.png", picture()), *((f"{n}.png", bytes(3 << 20)) for n in range(9))], mode
    )
    found = list(members(path, LIMITS, lambda _: False))
    assert (found[-1].name, found[-1].rejected) == ("a.tar.z", "bomb")


def test_a_cut_tar_keeps_what_came_before(tmp_path):
    """The archive itself is quarantined as truncated."""
    path = tarred(
        tmp_path / "a.tar.gz", [(f"{n}.png", np.random.default_rng(n).bytes(40_000)) for n in range(5)], "w:gz"
    )
    path.write_bytes(path.read_bytes()[:120_000])
    found = outcome(path)
    assert found[0] == ("0.png", None)
    assert found[-1] == ("a.tar.gz", "truncated")


@pytest.mark.parametrize(
    "data", [b"", b"PK\x03\x04 not really", b"nothing of the kind" * 99, gzip.compress(b"no tar in here" * 99)]
)
def test_what_is_no_archive_is_one_line(tmp_path, data):
    """UserError before any stage has run."""
    path = tmp_path / "a.zip"
    path.write_bytes(data)
    with pytest.raises(UserError) as caught:
        SOURCE.check(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_an_archive_reads_as_its_folder_would(tmp_path, kind):
    """One top folder is the root; classes, root pictures and metadata are as in a folder."""
    files = {f"mine/cats/{n}.png": picture(n) for n in range(9)} | {"mine/plain.png": picture(99)}
    files["mine/metadata.csv"] = b"file_name,title,licence\ncats/3.png,Third,CC0-1.0\n"
    path = tmp_path / f"a.{kind}"
    if kind == "zip":
        zipped(path, files.items())
    else:
        tarred(path, files.items(), "w:gz")
    SOURCE.check(path)
    found = {candidate.name: candidate for candidate in SOURCE.candidates(entry(path))}
    assert set(found) == set(files) - {"mine/metadata.csv"}
    assert (found["mine/cats/3.png"].label, found["mine/cats/3.png"].title, found["mine/cats/3.png"].licence) == (
        "cats",
        "Third",
        "CC0-1.0",
    )
    assert found["mine/plain.png"].label is None
    assert found["mine/cats/1.png"].data == picture(1)


def test_classes_at_the_top_stay_classes(tmp_path):
    """Two top folders are two classes."""
    path = zipped(tmp_path / "a.zip", [("cats/1.png", picture(1)), ("dogs/1.png", picture(2))])
    assert [candidate.label for candidate in SOURCE.candidates(entry(path))] == ["cats", "dogs"]


def test_too_few_pictures_are_seen_before_a_stage_runs(tmp_path):
    """An archive of texts, and one of a single picture."""
    with pytest.raises(UserError, match="no picture files in it"):
        SOURCE.check(zipped(tmp_path / "a.zip", [("a.txt", b"text")]))
    with pytest.raises(UserError, match="1 picture in it"):
        SOURCE.check(zipped(tmp_path / "b.zip", [("a.png", picture())]))
