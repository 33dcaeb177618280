"""The early gallery of a real run: there before the first stage, gone when the gallery hangs, and without a trace in DVC."""

import shutil
import signal
import subprocess
import sys
import time

import pytest

from artpipe.orchestration.reporting.preview_folder import FOLDER, is_being_filled
from tests.pipeline.conftest import Project, make_real_project

pytestmark = [pytest.mark.xdist_group("flow"), pytest.mark.timeout(1200)]
PARAMS = """\
format: 2
seed: 1
datasets:
  shapes: {medium: picture, source: folder, path: datasets/shapes, about: {}, ingest: {}, preprocess: {size: 16, validation: 0.2, test: 0.2}}
models:
  ruler: {kind: classifier, dataset: shapes, pretrained: data/shards/shapes, feature_extractor: ruler, steps: 20, batch_size: 16}
evaluation: {metrics: [training, accuracy], samples: 8, reference: 8, exhibits: 4}
gallery: {title: shapes, credentials: false, sections: [wall, rooms, card, verdict, exhibits, plaque]}
"""  # fmt: skip  # without credentials: no signature is twice the same


def wait_for(condition, process: subprocess.Popen[str], seconds: float = 300.0) -> None:
    """Wait until something is so, while the run goes on."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.05)


def start_run(project: Project) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "artpipe", "run"],
        cwd=project.folder,
        env=project.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def contents(project: Project) -> dict[str, bytes]:
    folder = project.folder / "data/gallery"
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.nightly
def test_a_run_opens_its_gallery_at_once_and_leaves_the_same_bytes(tmp_path, prefect_server, artpipe_server):
    """Killed on its way it breaks nothing; run to its end it leads to the gallery, which `dvc repro` alone makes the same."""
    project = make_real_project(tmp_path / "project", PARAMS, count=48, server=artpipe_server)
    project.environment |= prefect_server
    entrance = project.folder / FOLDER / "index.html"
    killed = start_run(project)
    wait_for((project.folder / "data/works/shapes").exists, killed)
    if not entrance.is_file():
        killed.send_signal(signal.SIGKILL)
        pytest.fail(f"no early gallery:\n{killed.communicate()[0]}")
    assert "data-early" in entrance.read_text()
    assert is_being_filled(project.folder)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    done = start_run(project)
    wait_for((project.folder / "data/reports/ruler/report.json").exists, done)
    said = done.communicate(timeout=600)[0]
    assert done.returncode == 0, said
    assert said.index(".state/preview/index.html") < said.index("> ")
    assert not is_being_filled(project.folder)
    assert "../../data/gallery/index.html" in entrance.read_text()
    assert project.stale() == set()
    by_the_flow = contents(project)
    shutil.rmtree(project.folder / "data/gallery")
    shutil.rmtree(project.folder / ".state")
    project.dvc("repro", "gallery")
    assert contents(project) == by_the_flow
