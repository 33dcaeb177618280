"""Archives: hostile zip and tar files, entry by entry."""

import gzip
import io
import stat
import tarfile
import tracemalloc
import zipfile

import numpy as np
import pytest
from PIL import Image

from artpipe.config.params import DatasetEntry
from artpipe.errors import UserError
from artpipe.language.sentences import read_sentence
from artpipe.project.import_files import archive_suffix
from artpipe.sources.archive import SOURCE
from artpipe.untrusted.archives import tar_members
from artpipe.untrusted.archives.archive_reader import ArchiveLimits, read_members

LIMITS = ArchiveLimits(megabytes=4, gigabytes=0.05, entries=50, ratio=100)


def picture(seed=0):
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (9, 9), np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def outcome(path, limits=LIMITS):
    return [(member.name, member.rejected) for member in read_members(path, limits)]


def entry(path, **ingest):
    return DatasetEntry.model_validate(
        {"medium": "picture", "source": "archive", "path": str(path), "about": {}, "ingest": ingest, "preprocess": {}}
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
    found = list(read_members(path, LIMITS, lambda _: False))
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
    "data",
    [b"", b"PK\x03\x04 not really", b"nothing of the kind" * 99, gzip.compress(b"no tar in here" * 99)],
)
def test_what_is_no_archive_is_one_line(tmp_path, data):
    """UserError before any stage has run."""
    path = tmp_path / "a.zip"
    path.write_bytes(data)
    with pytest.raises(UserError) as caught:
        SOURCE.check(entry(path))
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
    SOURCE.check(entry(path))
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
        SOURCE.check(entry(zipped(tmp_path / "a.zip", [("a.txt", b"text")])))
    with pytest.raises(UserError, match="1 picture in it"):
        SOURCE.check(entry(zipped(tmp_path / "b.zip", [("a.png", picture())])))


LITTER = ["__MACOSX/pics/cat/._0.png", ".DS_Store", "pics/.DS_Store", "pics/.thumbs/0.png"]


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize(("kind", "prefix"), [("zip", ""), ("tar.gz", ""), ("tar.gz", "./")])
def test_what_macos_leaves_in_an_archive_is_passed_over(tmp_path, kind, prefix, first):
    """A zip of the Finder keeps its classes and its metadata, wherever the litter stands."""
    files = {f"pics/{('cat', 'dog')[n % 2]}/{n}.png": picture(n) for n in range(8)}
    files["pics/metadata.csv"] = b"file_name,title\ncat/0.png,Tom\n"
    litter = dict.fromkeys(LITTER, picture(9))
    together = (litter | files if first else files | litter).items()
    entries = [(prefix + name, data) for name, data in together]
    path = tmp_path / f"a.{kind}"
    zipped(path, entries) if kind == "zip" else tarred(path, entries, "w:gz")
    SOURCE.check(entry(path))
    found = {one.name.removeprefix("./"): (one.label, one.title) for one in SOURCE.candidates(entry(path))}
    assert found == {name: (name.split("/")[1], None) for name in files if name.endswith("png")} | {
        "pics/cat/0.png": ("cat", "Tom")
    }


def test_a_hidden_name_that_leads_upwards_is_still_refused(tmp_path):
    """Passing over is for litter; an attack is said."""
    path = zipped(tmp_path / "a.zip", [(".x/../../up.png", b"x"), ("good.png", picture())])
    assert [one.rejected for one in SOURCE.candidates(entry(path))] == ["traversal", None]


def test_check_holds_an_archive_to_its_own_limits(tmp_path):
    """What the entry allows is allowed from the beginning."""
    same = [(f"{n}.png", picture(n) + bytes(2 << 20)) for n in range(8)]
    path = zipped(tmp_path / "a.zip", same)
    with pytest.raises(UserError, match="no picture files"):
        SOURCE.check(entry(path))
    SOURCE.check(entry(path, max_archive_ratio=2000))


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_check_of_a_tar_stops_when_it_has_seen_enough(tmp_path, mode, monkeypatch):
    """Eight pictures are a dataset; the other megabytes are left for ingest."""
    noise = np.random.default_rng(0).bytes(1 << 20)
    entries = [(f"cats/{n}.png", picture(n) + (noise if n > 8 else b"")) for n in range(16)]
    path = tarred(tmp_path / "a.tar", entries, mode)
    counts = []
    counted = tar_members.CountedStream.read
    monkeypatch.setattr(
        tar_members.CountedStream, "read", lambda self, size: [counted(self, size), counts.append(size)][0]
    )
    SOURCE.check(entry(path))
    assert sum(counts) < 1 << 20


def test_metadata_of_an_archive_that_cannot_be_read_is_one_line(tmp_path):
    """A zip's is seen by check, a tar's by ingest before anything is kept."""
    files = [*((f"a/{n}.png", picture(n)) for n in range(9)), ("a/metadata.csv", b"name\nx\n")]
    with pytest.raises(UserError, match=r"a.zip/a/metadata.csv:2: no `file_name`"):
        SOURCE.check(entry(zipped(tmp_path / "a.zip", files)))
    with pytest.raises(UserError, match=r"a.tar/a/metadata.csv:2: no `file_name`"):
        next(SOURCE.candidates(entry(tarred(tmp_path / "a.tar", files))))


def padded(size, *, kind=tarfile.XHDTYPE, name="header"):
    """Return a header of `size` bytes that belongs to what comes next, as it lies in a tar."""
    info = tarfile.TarInfo(name)
    info.type, info.size = kind, size
    return info.tobuf() + bytes(-(-size // 512) * 512)


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME])
@pytest.mark.parametrize("before", [0, 3])
@pytest.mark.parametrize("packed", [False, True])
def test_a_header_of_many_megabytes_is_not_taken_in(tmp_path, kind, before, packed):
    """The names of members are read in this process: 16 MB of them are a bomb, and never in memory."""
    tarred(tmp_path / "good.tar", [(f"{n}.png", picture(n)) for n in range(before)])
    end = tarfile.BLOCKSIZE * 2
    good = (tmp_path / "good.tar").read_bytes().rstrip(b"\0") if before else b""
    good += bytes(-len(good) % tarfile.BLOCKSIZE)
    data = good + padded(16 << 20, kind=kind) + tarfile.TarInfo("last.png").tobuf() + bytes(end)
    path = tmp_path / "a.tar"
    path.write_bytes(gzip.compress(data) if packed else data)
    del data
    tracemalloc.start()
    found = list(read_members(path, ArchiveLimits(), lambda _: False))
    assert archive_suffix(path) == (".tar.gz" if packed else ".tar")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [member.name for member in found] == [*(f"{n}.png" for n in range(before)), "a.tar"]
    assert (found[-1].rejected, read_sentence(found[-1].detail).split(";")[0]) == (
        "bomb",
        "a header of more than 1 MiB",
    )
    assert peak < 8 << 20


def test_headers_for_all_that_follow_are_counted_together(tmp_path):
    """Global headers stay in memory, so their sum is limited too."""
    path = tmp_path / "a.tar"
    with path.open("wb") as stream:
        for number in range(9):
            record = f"key{number}={'v' * 300_000}\n"
            length = len(record) + 7
            body = f"{length} {record}".encode()
            assert len(body) == length
            info = tarfile.TarInfo("global")
            info.type, info.size = tarfile.XGLTYPE, length
            stream.write(info.tobuf() + body + bytes(-length % 512) + tarfile.TarInfo(f"{number}.png").tobuf())
        stream.write(bytes(1024))
    found = outcome(path)
    assert found == [*((f"{n}.png", None) for n in range(3)), ("a.tar", "bomb")]


def test_skipped_members_are_no_headers(tmp_path):
    """Between two headers lies a member nobody wanted, however long."""
    path = tarred(tmp_path / "a.tar", [(f"{n}.png", bytes(3 << 20)) for n in range(3)])
    assert [member.rejected for member in read_members(path, ArchiveLimits(), lambda _: False)] == [None] * 3


def test_what_is_called_a_tar_and_is_none_is_refused(tmp_path):
    """Name and content both have to say so."""
    (tmp_path / "a.tar").write_bytes(b"nothing of the kind" * 99)
    with pytest.raises(UserError, match="not a folder and not a zip or tar archive"):
        archive_suffix(tmp_path / "a.tar")
