"""Ingest: a planted hostile dataset, and what becomes of every case; what is not its works' business leaves them alone."""

import io
import os
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from artpipe.artifacts import paths
from artpipe.artifacts.tombstones import Tombstone, save_tombstones
from artpipe.artifacts.works import Record, Works
from artpipe.errors import UserError
from artpipe.ingest import ingest_dataset
from artpipe.language.sentences import read_sentence
from artpipe.modalities.picture.pixel_hash import hash_pixels
from artpipe.system.hashing import sha256_bytes, sha256_file

PARAMS = """
format: 2
seed: 1
datasets:
  mine: {{medium: picture, source: {source}, path: {path}, about: {about}, ingest: {ingest}, preprocess: {preprocess}}}
models: {{}}
evaluation: {{metrics: []}}
gallery: {{sections: []}}
"""


def project(source="folder", path="datasets/mine", about="{}", ingest="{}", preprocess="{}"):
    text = PARAMS.format(source=source, path=path, about=about, ingest=ingest, preprocess=preprocess)
    Path("params.yaml").write_text(text)


def noise(seed, side=24, kind="PNG"):
    buffer = io.BytesIO()
    image = Image.fromarray(np.random.default_rng(seed).integers(0, 256, (side, side, 3), np.uint8))
    image.save(buffer, kind)
    return buffer.getvalue()


def bomb_header():
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    project()
    folder = tmp_path / "datasets" / "mine"
    folder.mkdir(parents=True)
    return folder


def plant(root):
    """Return the expected outcome by name: a reason, or None for what is kept."""
    (root / "cats").mkdir()
    (root / "dogs" / "small").mkdir(parents=True)
    (root / "x.png").mkdir()
    (root / "x.png" / "inside.jpg").write_bytes(noise(20, kind="JPEG"))
    expected = {"x.png/inside.jpg": None}
    files = {
        "root.png": (noise(1), None),
        "cats/one.png": (noise(2), None),
        "cats/two.jpg": (noise(3, kind="JPEG"), None),
        "dogs/small/three.webp": (noise(4, kind="WEBP"), None),
        "dogs/four.gif": (noise(5, kind="GIF"), None),
        "dogs/five.bmp": (noise(6, kind="BMP"), None),
        "dogs/six.tiff": (noise(7, kind="TIFF"), None),
        "dogs/line\nbreak.png": (noise(8), None),
        "dogs/<script>alert(1)<⁄script>.png": (noise(9), None),
        "dogs/猫🐈.png": (noise(10), None),
        "dogs/" + "n" * 251 + ".png": (noise(11), None),
        "cats/no-ending": (noise(12), None),
        "cats/polyglot.png": (noise(13) + b"PK\x03\x04", None),
        "dogs/again.png": (noise(2), "exact duplicate"),
        "cut.png": (noise(14)[:200], "truncated"),
        "empty.png": (b"", "empty file"),
        "text.jpg": (b"I am no picture", "not an image"),
        "document.pdf": (b"%PDF-1.4 ...", "unsupported format"),
        "bomb.png": (bomb_header(), "too large"),
        "wide.png": (noise(15, side=160), "too large"),
    }
    for name, (data, reason) in files.items():
        (root / name).write_bytes(data)
        expected[name] = reason
    (root / "inward.png").symlink_to(root / "root.png")
    (root / "outward.png").symlink_to("/etc/passwd")
    (root / "folder-link").symlink_to("/etc")
    (root / "dangling.png").symlink_to(root / "nothing.png")
    os.mkfifo(root / "pipe.png")
    return expected | {
        "inward.png": "symlink",
        "outward.png": "outside the root",
        "folder-link": "outside the root",
        "dangling.png": "symlink",
        "pipe.png": "special file",
    }


def test_every_planted_case_is_kept_or_quarantined_for_its_reason(root, capsys):
    """Nothing is lost, nothing is called by a wrong reason, and the report's numbers are those of the tables."""
    project(ingest="{max_megapixels: 0.02}")
    expected = plant(root)
    odd = os.fsdecode(b"dogs/\xff\xfe.png")
    (root / odd).write_bytes(noise(16))
    ingest_dataset("mine")
    record = Record.open(paths.record("mine"))
    refused = {row.name: row.reason for row in record.quarantined()}
    kept = {row.name: row for row in record.rows()}
    assert refused == {name: reason for name, reason in expected.items() if reason}
    assert set(kept) == {name for name, reason in expected.items() if not reason} | {"dogs/\\xff\\xfe.png"}
    assert record.card.inputs == len(expected) + 1
    assert record.card.quarantined["exact duplicate"] == 1
    assert f"{record.card.kept} of {record.card.inputs}" in capsys.readouterr().out


def test_originals_are_kept_byte_for_byte_with_their_labels(root):
    """A work's bytes come back from the tar shard; its label is its first folder, none at the root."""
    expected = plant(root)
    ingest_dataset("mine")
    works, record = Works.open(paths.works("mine")), Record.open(paths.record("mine"))
    names = {row.sha256: row.name for row in record.rows()}
    for work, data in works.originals():
        name = names[work.sha256]
        assert data == (root / name).read_bytes()
        assert work.label == (name.split("/")[0] if "/" in name else None)
        assert expected[name] is None or name == "wide.png"
    assert works.card.labels == {"cats": 4, "dogs": 8, "x.png": 1}


def test_tar_shards_are_tar_files(root):
    """Any tar reader finds the works in them, by SHA-256."""
    import tarfile

    for number in range(9):
        (root / f"{number}.png").write_bytes(noise(number))
    ingest_dataset("mine")
    with tarfile.open(paths.works("mine") / "works-00000.tar") as archive:
        for member in archive:
            assert sha256_bytes(archive.extractfile(member).read()) == member.name
            assert (member.mtime, member.uid, member.mode) == (0, 0, 0o644)


def fill(root, count=12):
    for number in range(count):
        (root / f"{number:02d}.png").write_bytes(noise(number))


def hashes(folder):
    return {path.name: sha256_file(path) for path in folder.iterdir()}


@pytest.mark.nightly
def test_a_corrected_licence_leaves_the_works_as_they_are(root):
    """The entry's licence and a row of metadata change the record, and not one byte of the works."""
    fill(root)
    ingest_dataset("mine")
    before, record = hashes(paths.works("mine")), hashes(paths.record("mine"))
    project(about="{licence: CC0-1.0, creator: somebody}")
    (root / "metadata.csv").write_text("file_name,title,licence\n03.png,Third,MIT\n")
    ingest_dataset("mine")
    assert hashes(paths.works("mine")) == before
    assert hashes(paths.record("mine")) != record
    rows = {row.name: row for row in Record.open(paths.record("mine")).rows()}
    assert (rows["03.png"].licence, rows["03.png"].title) == ("MIT", "Third")
    assert (rows["04.png"].licence, rows["04.png"].creator, rows["04.png"].origin) == ("CC0-1.0", "somebody", "unknown")


def test_ingest_twice_gives_the_same_bytes(root):
    """Both outputs, tables and shards, are a function of the inputs."""
    fill(root)
    ingest_dataset("mine")
    first = hashes(paths.works("mine")), hashes(paths.record("mine"))
    ingest_dataset("mine")
    assert (hashes(paths.works("mine")), hashes(paths.record("mine"))) == first


@pytest.mark.nightly
def test_near_duplicates_are_kept_unless_asked_for(root):
    """A re-encoded copy is near; with the switch it is quarantined and its twin named."""
    smooth = Image.fromarray(np.random.default_rng(0).integers(0, 256, (9, 9, 3), np.uint8)).resize(
        (200, 200), Image.Resampling.BICUBIC
    )
    fill(root)
    smooth.save(root / "a.png")
    smooth.save(root / "b.jpg", quality=70)
    ingest_dataset("mine")
    assert Record.open(paths.record("mine")).card.kept == 14
    project(ingest="{near_duplicates: quarantine}")
    ingest_dataset("mine")
    (row,) = Record.open(paths.record("mine")).quarantined()
    assert (row.name, row.reason) == ("b.jpg", "near duplicate")
    assert read_sentence(row.detail).startswith("of a.png")


def test_max_works_stops_early(root):
    """The first so many are kept."""
    fill(root, 20)
    project(ingest="{max_works: 9}")
    ingest_dataset("mine")
    assert [row.name for row in Record.open(paths.record("mine")).rows()] == [
        f"{number:02d}.png" for number in range(9)
    ]


def test_metadata_that_names_no_file_is_said(root):
    """A row without its file is quarantined as missing."""
    fill(root)
    (root / "metadata.jsonl").write_text(
        '{"file_name": "gone.png", "title": "Gone"}\n{"file_name": "00.png", "label": "first"}\n'
    )
    ingest_dataset("mine")
    record = Record.open(paths.record("mine"))
    assert [(row.name, row.reason) for row in record.quarantined()] == [("gone.png", "missing")]
    assert record.card.labels == {"first": 1}


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "no picture files in it"),
        ({"a.txt": b"text", "b.jpg": b"text"}, "no picture files in it .*; 2 other files"),
        ({"a.png": noise(1)}, "1 picture in it, a dataset needs at least 8"),
        ({f"{n}.png": noise(1) for n in range(9)}, "1 work in dataset `mine` .*8 exact duplicate"),
    ],
)
def test_too_little_is_one_line_and_leaves_nothing(root, files, message):
    """Empty, text only, one picture, nine times the same picture: UserError, and no output half-written."""
    for name, data in files.items():
        (root / name).write_bytes(data)
    with pytest.raises(UserError, match=message) as caught:
        ingest_dataset("mine")
    assert "\n" not in str(caught.value)
    assert not paths.works("mine").exists()
    assert not paths.record("mine").exists()
    assert [path for path in Path("data").rglob("*") if path.is_file()] == []


def test_hidden_files_of_a_folder_are_passed_over(root):
    """What a file manager left is neither kept nor quarantined, and makes no class."""
    for n in range(8):
        (root / f"{n}.png").write_bytes(noise(n))
    for name in (".DS_Store", ".git/a.png", "__MACOSX/._0.png", "cats/.thumbnails/0.png"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(noise(20))
    ingest_dataset("mine")
    card = Record.open(paths.record("mine")).card
    assert (card.inputs, card.kept, card.labels) == (8, 8, {})


def test_a_withdrawn_work_stays_out_under_any_name_and_form(root):
    """Its bytes, a renamed copy and another encoding of the picture are left out, and the record has none of their names."""
    for seed in range(10):
        (root / f"{seed}.png").write_bytes(noise(seed))
    (root / "zorblax.png").write_bytes(noise(99))
    (root / "renamed copy of zorblax.png").write_bytes(noise(99))
    with Image.open(io.BytesIO(noise(99))) as image:
        image.save(root / "zorblax.bmp")
    save_tombstones([])
    ingest_dataset("mine")
    work = next(row for row in Works.open(paths.works("mine")).rows() if row.sha256 == sha256_bytes(noise(99)))
    save_tombstones([Tombstone(sha256=work.sha256, date="2026-11-29", near=work.phash)])
    ingest_dataset("mine")
    record = Record.open(paths.record("mine"))
    assert (record.card.kept, record.card.quarantined) == (10, {"withdrawn": 3})
    rows = list(record.quarantined())
    assert {(row.name, row.reason, read_sentence(row.detail)) for row in rows} == {
        (work.sha256[:16], "withdrawn", "Withdrawn on 2026-11-29.")
    }
    assert not any("zorblax" in str(row) for row in (*rows, *record.rows()))
    with Image.open(io.BytesIO(noise(99))) as image:
        pixels = hash_pixels(image)
    save_tombstones([Tombstone(sha256="0" * 64, date="2026-11-29", pixels=pixels)])
    ingest_dataset("mine")
    assert Record.open(paths.record("mine")).card.quarantined == {"withdrawn": 3}
    save_tombstones([Tombstone(sha256=work.sha256, date="2026-11-29")])  # only the very bytes
    ingest_dataset("mine")
    assert Record.open(paths.record("mine")).card.quarantined == {"withdrawn": 2}


@pytest.mark.nightly
def test_tombstones_of_others_change_no_byte_of_a_dataset(root):
    """A dataset that holds none of the withdrawn works has the same works and the same record."""
    for seed in range(9):
        (root / f"{seed}.png").write_bytes(noise(seed))
    ingest_dataset("mine")
    before = [sha256_file(path) for path in sorted(Path("data").rglob("*")) if path.is_file()]
    save_tombstones([Tombstone(sha256="a" * 64, date="2026-11-29", near="5" * 16)])
    ingest_dataset("mine")
    assert [sha256_file(path) for path in sorted(Path("data").rglob("*")) if path.is_file()] == before


def test_what_was_fetched_of_a_withdrawn_work_does_not_stay(tmp_path, monkeypatch):
    """The package with a withdrawn work in it is not kept in .state once it was read; another one is."""
    monkeypatch.chdir(tmp_path)
    project(source="package", path="datasets/mine.yaml")
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        for seed in range(9):
            archive.writestr(f"pictures/{seed}.png", noise(seed))
    sha256, download = sha256_bytes(package.getvalue()), tmp_path / ".state/downloads"
    card = f"package: {{url: 'https://example.org/x.zip', sha256: {sha256}}}\nworks: {{format: pictures, members: '*.png'}}\n"
    for path in (tmp_path / "datasets", download):
        path.mkdir(parents=True)
    (tmp_path / "datasets/mine.yaml").write_text(f"about: {{title: t}}\n{card}")
    (download / sha256).write_bytes(package.getvalue())
    ingest_dataset("mine")
    assert (download / sha256).exists()
    save_tombstones([Tombstone(sha256=sha256_bytes(noise(3)), date="2026-11-29")])
    ingest_dataset("mine")
    assert not (download / sha256).exists()
    assert Record.open(paths.record("mine")).card.quarantined == {"withdrawn": 1}
