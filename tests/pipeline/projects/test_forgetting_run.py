"""Forgetting on a project that was trained: after the next run and gc, no byte of the work is left, and it stays out."""

import contextlib
import io
import json
import re
import sqlite3
import zipfile
from pathlib import Path

import pytest
from safetensors import safe_open

from artpipe.system.hashing import sha256_bytes, sha256_file
from tests.conftest import draw_shapes
from tests.pipeline.conftest import Project, make_real_project
from tests.support.byte_search import find_bytes

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(3600)]
PARAMS = """\
format: 2
seed: 1
datasets:
  shapes: {medium: picture, source: folder, path: datasets/shapes, about: {}, ingest: {}, preprocess: {size: 16, validation: 0.2, test: 0.2}}
  packed: {medium: picture, source: package, path: datasets/packed.yaml, about: {}, ingest: {}, preprocess: {size: 16}}
  apart: {medium: picture, source: package, path: datasets/apart.yaml, about: {}, ingest: {}, preprocess: {size: 16}}
models:
  ruler: {kind: classifier, dataset: shapes, pretrained: data/shards/shapes, feature_extractor: ruler, steps: 5, batch_size: 8}
  gan: {kind: gan, dataset: shapes, pretrained: data/checkpoints/ruler, feature_extractor: ruler, steps: 5, batch_size: 8, evaluate_every_steps: 5}
evaluation: {metrics: [training, memorisation], samples: 32, reference: 32, exhibits: 4}
gallery: {title: shapes, sections: [rooms, card, exhibits, plaque, neighbours, dataset_card, quarantine]}
"""


def name_works(pictures: Path) -> None:
    """Give every picture a file name, a title and a creator of its own."""
    rows = []
    for number, path in enumerate(sorted(pictures.rglob("*.png"))):
        named = path.rename(path.with_name(f"zorblax-{number:03d}-end.png"))
        rows.append(
            f"{named.relative_to(pictures).as_posix()},Evening {number:03d} of Zorblax,Maker {number:03d} Vandersloot\n"
        )
    (pictures / "metadata.csv").write_text("file_name,title,creator\n" + "".join(rows))


def pin_package(folder: Path, name: str, pictures: list[Path]) -> bytes:
    """Write a pin card, and put its package where ingest finds it: what is downloaded stands there."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for number, path in enumerate(pictures):
            archive.write(path, f"{number:03d}.png")
    sha256 = sha256_bytes(buffer.getvalue())
    pin = f"package: {{url: 'https://example.org/{name}.zip', sha256: {sha256}}}\nworks: {{format: pictures, members: '*.png'}}\n"
    (folder / f"datasets/{name}.yaml").write_text(f"about: {{title: {name}}}\n{pin}")
    put_package(folder, buffer.getvalue())
    return buffer.getvalue()


def put_package(folder: Path, data: bytes) -> Path:
    path = folder / ".state/downloads" / sha256_bytes(data)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def find_needles(project: Project, digest: str) -> dict[str, bytes]:
    """Return what a work is known by: bytes, pixels in the tensors, its small picture, name, title and creator."""
    path = next(path for path in project.folder.glob("datasets/shapes/*/*.png") if sha256_file(path) == digest)
    number = path.stem.split("-")[1]
    needles = {"bytes": path.read_bytes()[50:], "name": path.stem.encode()}
    needles |= {"title": f"Evening {number} of Zorblax".encode(), "creator": f"Maker {number} Vandersloot".encode()}
    for file in (project.folder / "data/shards/shapes").glob("*.safetensors"):
        with safe_open(file, framework="np") as tensors:
            for row, image in zip(tensors.get_tensor("digests"), tensors.get_tensor("images"), strict=True):
                if row.tobytes().hex() == digest:
                    needles["pixels"] = image.tobytes()[:200]
    thumbnail = next(project.folder.glob(f"data/reports/*/works/{digest[:16]}.png"))
    return needles | {"thumbnail": thumbnail.read_bytes()[41:]}


def find_model_needles(project: Project) -> dict[str, bytes]:
    """Return what a model that learned from the work is known by: its contact sheet on Prefect's pages, and weights."""
    with contextlib.closing(sqlite3.connect(project.folder / ".state/prefect/prefect.db")) as database:
        ((sheet,),) = database.execute("select data from artifact where key = 'works-gan'")
    weights = (project.folder / "data/checkpoints/gan/best.safetensors").read_bytes()
    return {"sheet": sheet.encode()[60:120], "weights": weights[len(weights) // 2 :][:200]}


def test_no_byte_of_a_forgotten_work_is_left(tmp_path):
    """Folder and package, DVC's cache, MLflow, Prefect, state and gallery; only its datasets run again, and it cannot come back."""
    project = make_real_project(tmp_path / "project", PARAMS, count=24, change=name_works)
    for name in ("ARTPIPE_TRACKING", "ARTPIPE_CHECKED", *filter(re.compile("PREFECT_").match, [*project.environment])):
        project.environment.pop(name)
    pictures = sorted(project.folder.glob("datasets/shapes/*/*.png"))
    package = pin_package(project.folder, "packed", pictures[:20])
    pin_package(project.folder, "apart", sorted(draw_shapes(tmp_path / "apart", count=12, side=60).rglob("*.png")))
    project.run("artpipe", "run")  # with a Prefect server for this run, whose database is the project's
    made = sha256_file(project.folder / "data/works/apart/works.json")
    project.commit()
    report = json.loads((project.folder / "data/reports/gan/report.json").read_text())
    shown = [near["digest"] for exhibit in report["exhibits"] for near in exhibit["neighbours"]]
    known = {sha256_file(path) for path in pictures[:20]}
    digest = next(one for one in shown if one in known)
    needles = find_needles(project, digest) | find_model_needles(project)
    assert {name for name, _ in find_bytes(project.folder, needles)} == set(needles)
    said = project.run("artpipe", "forget", digest, "--exact", "--yes").stdout
    assert "1 work is forgotten" in said
    assert find_bytes(project.folder, needles) == []
    assert {stage for stage in project.stale() if stage.endswith("@apart")} == set()
    download = put_package(project.folder, package)  # fetched anew
    project.dvc("repro")
    assert not download.exists()
    project.commit()
    project.run("artpipe", "gc", "--yes")
    project.run("artpipe", "sync")
    assert find_bytes(project.folder, needles) == []
    records = {
        name: json.loads((project.folder / f"data/record/{name}/report.json").read_text())
        for name in ("shapes", "packed", "apart")
    }
    assert [records[name]["quarantined"].get("withdrawn", 0) for name in records] == [0, 1, 0]
    assert "One work was withdrawn" in (project.folder / "data/gallery/datasets/packed/index.html").read_text()
    assert sha256_file(project.folder / "data/works/apart/works.json") == made
    assert project.stale() == set()
