"""What folders, tables and sidecars say of works reaches the works and their record; leftovers never come in."""

import io
import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from artpipe.artifacts import paths
from artpipe.artifacts.shards import ShardSet
from artpipe.artifacts.works import Record, Works
from artpipe.ingest import ingest_dataset
from artpipe.preprocess import preprocess_dataset
from tests.conftest import ROOT, load_module

places = load_module(ROOT / "tests" / "support" / "layout_trees.py")
PARAMS = """
format: 2
seed: 1
datasets:
  mine: {{medium: picture, source: {source}, path: {path}, about: {{}}, ingest: {ingest}, preprocess: {{size: 16}}}}
models: {{}}
evaluation: {{metrics: []}}
gallery: {{sections: []}}
"""


def noise(seed: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (16, 16, 3), np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def ingested(files: dict[str, bytes], form: str = "folder", ingest: str = "{}") -> dict[str, dict]:
    """Ingest files in one form and return what is known of each work, by its name."""
    path = Path("datasets/mine") if form == "folder" else Path(f"datasets/mine.{form}")
    if form == "folder":
        for name, data in files.items():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_bytes(data)
    else:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(places.pack_archive(files, form))
    source = "folder" if form == "folder" else "archive"
    Path("params.yaml").write_text(PARAMS.format(source=source, path=path, ingest=ingest))
    ingest_dataset("mine")
    rows = {row.sha256: row for row in Record.open(paths.record("mine")).rows()}
    works = Works.open(paths.works("mine")).rows()
    return {rows[work.sha256].name: work._asdict() | rows[work.sha256]._asdict() for work in works}


@pytest.fixture(autouse=True)
def _project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def numbered(pattern: str, count: int, first: int = 0) -> dict[str, bytes]:
    return {pattern.format(number): noise(number) for number in range(first, first + count)}


@pytest.mark.parametrize("form", ["folder", "zip", "tar"])
@pytest.mark.nightly
def test_captions_are_kept_in_the_record(form):
    """Of a text beside a picture, of a JSON, of a folder of captions; boxes are none; the list is no work."""
    files = numbered("images/{}.png", 12) | {"images/0.txt": b"a grey\nsquare\n", "images/1.caption": "été".encode()}
    files |= {
        "images/2.json": b'{"prompt": "third", "creator": "Me"}',
        "images/3.png.json": b'{"description": "fourth", "title": "3.png"}',
    }
    files |= {
        "captions/4.txt": b"fifth",
        "labels/5.txt": b"0 0.5 0.5 0.1 0.1\n",
        "images/6.txt": b"\xff\xfa",
        "tags.txt": b"square\n",
    }
    found = ingested(files, form)
    captions = {name: row["caption"] for name, row in found.items() if row["caption"]}
    texts = ["a grey square", "été", "third", "fourth", "fifth"]
    assert captions == {f"images/{number}.png": text for number, text in enumerate(texts)}
    assert (found["images/2.png"]["creator"], found["images/3.png"]["title"]) == ("Me", None)
    assert Record.open(paths.record("mine")).card.quarantined == {}


@pytest.mark.parametrize("form", ["folder", "zip", "tar"])
def test_official_splits_stay_splits(form):
    """Those of folders; validation too, up to the tensors."""
    files = numbered("p/train/a/{}.png", 8) | numbered("p/train/b/{}.png", 8, 8)
    files |= numbered("p/val/a/{}.png", 3, 16) | numbered("p/val/b/{}.png", 2, 20) | numbered("p/Test/a/{}.png", 4, 30)
    found = ingested(files, form)
    assert {row["split"] for name, row in found.items() if name.startswith("p/val")} == {"validation"}
    card = Works.open(paths.works("mine")).card
    assert (card.splits, card.labels) == ({"test": 4, "train": 16, "validation": 5}, {"a": 15, "b": 10})
    preprocess_dataset("mine")
    assert ShardSet.open(paths.shards("mine")).card.counts == {"train": 16, "validation": 5, "test": 4}


@pytest.mark.parametrize(
    ("ingest", "labels", "splits"),
    [
        ("{}", {"a": 12, "b": 8}, {"test": 4, "train": 16}),
        ("{classes: none}", {}, {"test": 4, "train": 16}),
        ("{splits: ignore}", {"a": 12, "b": 8}, {}),
        ("{classes: metadata}", {"told": 1}, {"test": 4, "train": 16}),
    ],
)
@pytest.mark.nightly
def test_what_is_said_goes_before_what_is_seen(ingest, labels, splits):
    """Classes and splits as the entry has them."""
    files = numbered("train/a/{}.png", 8) | numbered("train/b/{}.png", 8, 8) | numbered("test/a/{}.png", 4, 16)
    if "metadata" in ingest:
        files["train/a/metadata.csv"] = b"file_name,label\n0.png,told\n"
    ingested(files, ingest=ingest)
    card = Works.open(paths.works("mine")).card
    assert (card.labels, card.splits) == (labels, splits)


def test_metadata_of_each_folder_name_their_own_files():
    """As imagefolder has it: `file_name` is relative to the table; what is not there is said with its folder."""
    files = numbered("train/{}.png", 9) | numbered("test/{}.png", 3, 9)
    files["train/metadata.jsonl"] = (
        b'{"file_name": "0.png", "label": "x", "text": "nought"}\n{"file_name": "gone.png"}\n'
    )
    files["test/metadata.csv"] = b"file_name,label,split\n9.png,y,validation\n"
    found = ingested(files)
    assert [(found[name]["label"], found[name]["caption"]) for name in ("train/0.png", "test/9.png")] == [
        ("x", "nought"),
        ("y", None),
    ]
    assert found["test/9.png"]["split"] == "validation"
    assert [row.name for row in Record.open(paths.record("mine")).quarantined()] == ["train/gone.png"]


def test_a_folder_of_tars_is_read_shard_by_shard():
    """Works, captions and classes of webdataset, with a table beside."""
    shards = {}
    for shard in range(2):
        members: dict[str, bytes] = {}
        for number in range(6):
            key = f"{shard * 10_000 + number:09d}"
            members |= {
                f"{key}.png": noise(shard * 10 + number),
                f"{key}.txt": f"number {key}".encode(),
                f"{key}.cls": b"%d" % (number % 2),
            }
        shards[f"{shard:05d}.tar"] = places.pack_archive(members, "tar")
    found = ingested(shards | {"00000.parquet": b"PAR1", "00000_stats.json": b"{}"})
    assert len(found) == 12
    row = found["00001.tar/000010003.png"]
    assert (row["caption"], row["label"]) == ("number 000010003", "1")


@pytest.mark.parametrize("form", ["folder", "tar"])
def test_stylegan_labels_are_classes(form):
    """The numbered folders are none."""
    files = numbered("00000/img{:08d}.png", 8) | numbered("00001/img{:08d}.png", 4, 8)
    labels = [[name, number % 3] for number, name in enumerate(files)]
    ingested(files | {"dataset.json": json.dumps({"labels": labels}).encode()}, form)
    assert Works.open(paths.works("mine")).card.labels == {"0": 4, "1": 4, "2": 4}


def test_leftovers_are_no_works():
    """Thumbnails of a NAS and of systems are neither kept nor quarantined."""
    files = numbered("cat/{}.png", 9) | {
        "cat/@eaDir/0.png/SYNOPHOTO_THUMB_SM.png": noise(50),
        "#recycle/1.png": noise(51),
    }
    files |= {
        "cat/Thumbs.db": b"x",
        "DESKTOP.INI": b"x",
        "~$notes.docx": b"x",
        "README.md": b"words",
        "2.png.crdownload": noise(52),
    }
    assert len(ingested(files)) == 9
    assert Record.open(paths.record("mine")).card.inputs == 9


def hub(folder: Path, count: int = 12) -> Path:
    """Make a repository as the Hub's cache has it and return its snapshot."""
    snapshot = folder / "datasets--some--shapes" / "snapshots" / ("ab" * 20)
    blobs = folder / "datasets--some--shapes" / "blobs"
    blobs.mkdir(parents=True)
    for number in range(count):
        (blobs / f"{number:040x}").write_bytes(noise(number))
        link = snapshot / ("cat", "dog")[number % 2] / f"{number}.png"
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(os.path.relpath(blobs / f"{number:040x}", link.parent))
    return snapshot


@pytest.mark.parametrize("given", ["snapshot", "repository"])
@pytest.mark.nightly
def test_a_hub_cache_comes_in_as_files(studio, tmp_path, artpipe, given):
    """What the links point at is copied; a link out of the repository's blobs stays behind, whatever it names."""
    (tmp_path / "secret.png").write_bytes(noise(99))
    snapshot = hub(tmp_path / "hub")
    (snapshot / "cat" / "evil.png").symlink_to(tmp_path / "secret.png")
    path = snapshot if given == "snapshot" else snapshot.parents[1]
    code, out, err = artpipe("dataset", "add", "--no-plan", path, "--name", "mine", "--models", "")
    assert (code, err) == (0, "")
    assert "12 pictures; 2 classes (cat 6, dog 6)" in out
    assert "layout: Hugging Face Hub cache" in out
    copied = sorted(Path("datasets/mine").rglob("*.png"))
    assert len(copied) == 12
    assert not any(file.is_symlink() for file in copied)


def test_add_says_what_it_understood_and_writes_what_was_said(studio, pictures, artpipe):
    """The sentence stands before the copying; the options are in the entry."""
    (pictures / "circle" / "Thumbs.db").write_bytes(b"x")
    line = ["dataset", "add", "--no-plan", pictures, "--name", "mine", "--models", "", "--classes", "none"]
    code, out, _ = artpipe(*line)
    assert code == 0
    assert out.index("understood as 24 pictures; 1 leftover passed over (Thumbs.db)") < out.index("copying")
    assert "--classes folders" in out
    assert "ingest: {classes: none}" in Path("params.yaml").read_text().replace(
        "\n      classes: none", " {classes: none}"
    )
    assert not list(Path("datasets/mine").rglob("Thumbs.db"))


def test_inspect_works_outside_of_a_project(tmp_path, pictures, artpipe):
    """It needs no params.yaml, writes nothing, and has a form for programs."""
    before = sorted(tmp_path.rglob("*"))
    code, out, _ = artpipe("dataset", "inspect", pictures, "--json")
    assert code == 0
    assert (json.loads(out)["medium"], json.loads(out)["classes"]) == ("picture", {"circle": 12, "square": 12})
    assert sorted(tmp_path.rglob("*")) == before
    code, _, err = artpipe("dataset", "inspect", pictures, "--classes", "folder")
    assert (code, err.count("\n")) == (2, 1)
