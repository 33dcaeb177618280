"""The graph in practice: dvc.yaml as it is, stages that are stand-ins, DVC as a person runs it."""

import os
import signal
import subprocess
import time

import pytest

from tests.pipeline.conftest import PARAMS, Project

pytestmark = [pytest.mark.xdist_group("dvc"), pytest.mark.timeout(1200)]  # they share a project


def test_second_repro_runs_nothing(project):
    """`dvc repro` twice, by the command: the second runs no stage, and DVC calls nothing stale."""
    project.dvc("repro")
    assert project.calls() == []
    assert project.stale() == set()


def test_one_parameter_of_one_model(project):
    """A VAE's beta makes that VAE, its evaluation and the gallery stale; changing it back trains nothing."""
    project.edit("params.yaml", "beta: 1.0", "beta: 2.0")
    assert project.stale() == {"train@vae", "gallery"}  # the gallery shows parameters
    assert project.repro() == ["train@vae", "evaluate@vae", "gallery"]
    project.edit("params.yaml", "beta: 2.0", "beta: 1.0")
    assert "train@vae" not in project.repro()


def test_a_size_that_changes_alone_is_heeded(project):
    """DVC's cache of runs overlooks parameters called `size`; `dvc repro` makes the shards anew all the same."""
    project.repro()
    project.edit("params.yaml", "size: 28", "size: 20")
    assert "preprocess@digits" in project.repro()
    project.edit("params.yaml", "size: 20", "size: 28")
    assert "preprocess@digits" in project.repro()


@pytest.mark.nightly
def test_a_champion_reaches_the_gallery_alone(project):
    """Another champion re-renders the gallery and trains nothing; without the file DVC says which one is missing."""
    (project.folder / "champions.json").write_text('{"format": 1, "champions": {"digits": {}}}')
    assert project.repro() == ["gallery"]


@pytest.mark.nightly
def test_template_reaches_the_gallery_alone(project):
    """A changed template re-renders the gallery and nothing else."""
    project.edit_code("gallery", "themes", "museum")
    assert project.repro() == ["gallery"]


def test_corrected_licence_retrains_nothing(project):
    """A licence runs ingest and the gallery; works stay the same, so nothing is preprocessed or trained."""
    project.edit("params.yaml", "path: datasets/emoji, about: {}", "path: datasets/emoji, about: {licence: CC0}")
    assert project.repro() == ["ingest@emoji", "gallery"]


def test_changed_code_makes_its_own_stages_stale(project):
    """A model's code concerns its kind; the engine every training; a source its datasets; a metric the evaluations."""
    project.edit_code("models", "vae")
    assert project.stale() == {"train@vae", "evaluate@vae"}
    project.edit_code("sources", "folder")
    assert project.stale() == {"train@vae", "evaluate@vae", "ingest@emoji"}
    project.edit_code("evaluate", "metrics", "kid")
    evaluations = {f"evaluate@{name}" for name in ("ruler", "gan", "vae", "second")}
    assert project.stale() == {"train@vae", "ingest@emoji"} | evaluations
    project.edit_code("train")
    every = {f"{stage}@{name}" for stage in ("train", "evaluate") for name in ("ruler", "gan", "vae", "second")}
    assert project.stale() == every | {"ingest@emoji"}
    project.edit_code("modalities", "music")
    assert project.stale() == every | {"ingest@emoji"}


@pytest.mark.nightly
def test_dropped_picture_is_noticed(project):
    """A picture dropped into `datasets/emoji` runs that dataset's stages and the gallery; taken out, nothing trains."""
    (project.folder / "datasets/emoji/c.png").write_text("c")
    ran = project.repro()
    assert ran == ["ingest@emoji", "preprocess@emoji", "train@second", "evaluate@second", "gallery"]
    (project.folder / "datasets/emoji/c.png").unlink()
    assert not any(stage.startswith("train") for stage in project.repro())
    assert project.stale() == set()


@pytest.mark.nightly
def test_removed_model_leaves_no_room(project):
    """A removed entry runs the gallery alone, its room is gone, and the leftovers make nothing stale."""
    line = next(line for line in (project.folder / "params.yaml").read_text().splitlines() if line.startswith("  vae"))
    project.edit("params.yaml", f"{line}\n", "")
    assert project.repro() == ["gallery"]
    assert "vae" not in (project.folder / "data/gallery/index.html").read_text().split()
    assert project.repro() == []


@pytest.mark.nightly
def test_killed_repro_goes_on(project):
    """kill -9 of dvc and its stage during a training: the next repro runs that training and what follows."""
    project.edit("params.yaml", "title: v1", "title: v1, stub: {sleep: 5}")
    child = subprocess.Popen(
        ["dvc", "repro", "-q"], cwd=project.folder, env=project.environment, start_new_session=True
    )
    time.sleep(2.5)
    os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    project.edit("params.yaml", "{sleep: 5}", "{sleep: 0}")
    assert project.repro() == ["train@vae", "evaluate@vae", "gallery"]


@pytest.mark.nightly
def test_colleague_pulls_and_runs_nothing(project, tmp_path):
    """A second clone after `dvc pull` runs nothing; with an entry removed there, its room goes."""
    project.dvc("remote", "add", "-q", "-d", "store", str(tmp_path / "store"))
    project.commit()
    project.dvc("push", "-q", "--run-cache")
    project.run("git", "clone", "-q", str(project.folder), str(tmp_path / "clone"))
    clone = Project(tmp_path / "clone")
    clone.dvc("pull", "-q", "--run-cache")
    assert clone.repro() == []
    clone.edit("params.yaml", "beta: 1.0", "beta: 3.0")
    clone.repro()
    clone.edit("params.yaml", "beta: 3.0", "beta: 1.0")
    assert "train@vae" not in clone.repro()
    clone.edit("params.yaml", PARAMS.splitlines(keepends=True)[8], "")
    assert clone.repro() == ["gallery"]
    assert "vae" not in (clone.folder / "data/gallery/index.html").read_text().split()
    assert clone.stale() == set()


@pytest.mark.nightly
def test_weights_are_a_stage_and_may_be_none(project):
    """Without `weights`, with an empty mapping and with an entry the graph stands; who uses an entry follows it."""
    project.edit("params.yaml", "models:\n", "weights: {}\nmodels:\n")
    assert project.stale() == set()
    (project.folder / "eye.yaml").write_text("one")
    project.edit("params.yaml", "weights: {}\n", "weights:\n  eye: {path: eye.yaml}\n")
    assert project.repro() == ["weights@eye"]
    project.edit("params.yaml", "pretrained: data/shards/emoji", "pretrained: data/weights/eye")
    assert {"train@second", "evaluate@second", "gallery"} == set(project.repro())
    (project.folder / "eye.yaml").write_text("two")
    assert project.stale() == {"weights@eye"}
    assert set(project.repro()) >= {"weights@eye", "train@second"}
