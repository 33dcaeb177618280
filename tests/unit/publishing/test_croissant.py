"""A dataset's Croissant, judged and read by mlcroissant."""

import io
import json
import shutil
import subprocess
import sys

import pytest
from PIL import Image

from artpipe.artifacts import paths
from artpipe.artifacts.works import Record, Works
from artpipe.publishing.write_card import write_card
from artpipe.system.hashing import sha256_file

READER = """\
import io, json, sys
import mlcroissant
dataset = mlcroissant.Dataset(sys.argv[1])
issues = dataset.metadata.ctx.issues
def plain(value):
    if hasattr(value, "convert"):
        return value.convert("RGB").tobytes().hex()
    return value.decode() if isinstance(value, bytes) else value
records = {
    records.uuid: [{key: plain(value) for key, value in row.items()} for row in dataset.records(records.uuid)]
    for records in dataset.metadata.record_sets
}
json.dump({"errors": sorted(issues.errors), "warnings": sorted(issues.warnings), "records": records}, sys.stdout)
"""


@pytest.fixture(scope="module")
def read(published, tmp_path_factory):
    """A project, the JSON-LD written beside it, and what mlcroissant reads from it, in a process and a cache of its own."""
    root, folder = published, tmp_path_factory.mktemp("cache")
    write_card("shapes", root / "out", croissant=True, root=root)
    done = subprocess.run(
        [sys.executable, "-c", READER, str(root / "out/croissant.json")],
        capture_output=True, text=True, check=False, env={"CROISSANT_CACHE": str(folder), "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return root, json.loads((root / "out/croissant.json").read_text()), json.loads(done.stdout)


def test_mlcroissant_finds_no_fault(read):
    """It only misses the day of publication, which nobody knows yet."""
    _, _, found = read
    assert found["errors"] == []
    assert [line for line in found["warnings"] if "datePublished" not in line] == []


def test_it_reads_every_work_as_it_is(read):
    """Picture, label and split under the SHA-256 of the original."""
    root, _, found = read
    records = {row["works/sha256"]: row for row in found["records"]["works"]}
    works = list(Works.open(root / paths.works("shapes")).originals())
    assert len(records) == len(works) == 24
    for work, data in works:
        row = records[work.sha256]
        picture = Image.open(io.BytesIO(data)).convert("RGB")
        assert (row["works/work"], row["works/label"], row["works/width"]) == (
            picture.tobytes().hex(),
            work.label,
            work.width,
        )


def test_it_reads_what_is_known_of_every_work(read):
    """Title, caption, creator and licence, hostile or not."""
    root, _, found = read
    expected = {row.sha256: row for row in Record.open(root / paths.record("shapes")).rows()}
    for row in found["records"]["record"]:
        known = expected[row["record/sha256"]]
        for name in ("title", "caption", "creator", "licence", "origin"):
            assert (row[f"record/{name}"] or "") == (getattr(known, name) or "")


def test_the_files_are_those_that_are_there(read):
    """Every file of the distribution lies where it is said to, with its SHA-256."""
    root, content, _ = read
    files = [one for one in content["distribution"] if one["@type"] == "cr:FileObject"]
    assert {"works.parquet", "works-00000.tar", "record.parquet", "train-00000.safetensors"} <= {
        one["name"] for one in files
    }
    for one in files:
        assert sha256_file(root / "out" / one["contentUrl"]) == one["sha256"]


def test_licences_creators_and_labels_are_said(read):
    """Licences as addresses where they are well known, and in their own words elsewhere."""
    _, content, found = read
    assert "https://creativecommons.org/licenses/by-sa/4.0/" in content["license"]
    assert {"yes", "unknown"} <= set(content["license"])
    assert content["url"] == "https://example.org/a?b=c"
    assert content["citeAs"].startswith("@misc{shapes,")
    assert [row["labels/name"] for row in found["records"]["labels"]] == ["circle", "square"]
    assert len(content["creator"]) == 1


def test_without_works_it_is_one_line(read, tmp_path, monkeypatch, artpipe):
    """The record alone has no files to describe."""
    root, _, _ = read
    shutil.copytree(root / paths.record("shapes"), tmp_path / paths.record("shapes"))
    for name in ("params.yaml", "dvc.yaml"):
        (tmp_path / name).write_text("format: 2\n")
    monkeypatch.chdir(tmp_path)
    line = "data/works/shapes/works.json: no such file; `dvc pull` brings it, `artpipe run ingest@shapes` makes it"
    assert artpipe("card", "shapes", "--croissant") == (2, "", f"artpipe: {line}\n")
