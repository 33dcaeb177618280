"""`artpipe upgrade` of a project of `format: 1` with results: it gets today's names, and nothing runs again for them."""

import json
import os
import re
import shutil
from pathlib import Path

import pytest

from artpipe.config.format_migration import migrate_lock
from artpipe.config.params import read_yaml
from artpipe.project.dvc_yaml import make_graph_text
from artpipe.system.hashing import sha256_bytes
from tests.pipeline.conftest import Project, make_real_project

pytestmark = [pytest.mark.xdist_group("upgrade"), pytest.mark.timeout(1200)]
PARAMS = """\
# What it is about
format: 2  # written by artpipe
seed: 1
datasets:
  shapes: {medium: picture, source: folder, path: datasets/shapes, about: {}, ingest: {}, preprocess: {size: 16}}
models:
  ruler:
    kind: classifier
    dataset: shapes
    pretrained: data/shards/shapes   # nothing
    feature_extractor: ruler
    steps: 20
    noise_std: .25  # less than usual
  gan:  # paints
    {kind: gan, dataset: shapes, pretrained: data/checkpoints/ruler, "feature_extractor": ruler,
     steps: 10, batch_size: 8, latent_dim: 0x8, learning_rate: 1e-3, generator_width: 8, discriminator_width: 8}
evaluation: {metrics: [kid], samples: 32, reference: 32, exhibits: 4, verdicts: {extractor_skill: 0.3}}  # few
gallery: {title: shapes, sections: [wall, rooms, card, exhibits, hyperparameters]}
"""
SLOW_METRIC = """\
from pathlib import Path

from artpipe.contracts.metric import Measurement, Metric


def measure(evidence):
    file = Path("code.yaml")
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(line.replace(": '", ": '0") if " slow: " in line else line for line in lines))
    return Measurement()


METRIC = Metric(applies=lambda evidence: True, measure=measure)
"""
OLD_NAMES = {
    "format: 2": "format: 1",
    "pretrained": "uses",
    "feature_extractor": "ruler",
    "noise_std": "noise",
    "latent_dim": "noise",
    "learning_rate: 1e-3": "rate: 1e-3",  # the classifier's is called so in both
    "learning_rate: 0.001": "rate: 0.001",
    "exhibits: 4": "hang: 4",
    "extractor_skill": "ruler_skill",
}


def as_of_format_1(text: str) -> str:
    for today, old in OLD_NAMES.items():
        text = re.sub(rf"\b{re.escape(today)}\b", old, text)
    return text


def old_graph() -> str:
    """`dvc.yaml` as a version with the old names generated it."""
    body = as_of_format_1(make_graph_text().partition("\n")[2])
    return f"# Written by artpipe 0.0.9; sha256 of what follows: {sha256_bytes(body.encode())}\n{body}"


@pytest.fixture(scope="module")
def made(tmp_path_factory, artpipe_server) -> Project:
    """A real and tiny project that `dvc repro` has made."""
    project = make_real_project(tmp_path_factory.mktemp("made") / "project", PARAMS, count=48, server=artpipe_server)
    project.run("artpipe", "upgrade")
    project.dvc("repro", "--quiet")
    assert project.stale() == set()
    return project


def copy_project(made: Project, folder: Path) -> Project:
    """Copy a project that has a server."""
    shutil.copytree(made.folder, folder, symlinks=True)
    (folder.parent / "bin").symlink_to(made.folder.parent / "bin")
    return Project(folder)


@pytest.fixture
def old(made, tmp_path) -> Project:
    """The same as of `format: 1`."""
    project = copy_project(made, tmp_path / "project")
    for name in ("params.yaml", "dvc.lock"):
        path = project.folder / name
        path.write_text(as_of_format_1(path.read_text()))
    (project.folder / "dvc.yaml").write_text(old_graph())
    return project


def files(project: Project) -> dict[str, bytes]:
    return {name: (project.folder / name).read_bytes() for name in ("params.yaml", "dvc.lock", "dvc.yaml", "code.yaml")}


def test_nothing_is_stale_for_a_name(made, old):
    """Every comment and every number stands where it stood, DVC calls nothing stale, and the project checks and runs."""
    told = old.run("artpipe", "upgrade").stdout
    assert files(old) == files(made)
    assert old.stale() == set()
    assert "rate -> learning_rate  (models.gan)" in told
    assert told.endswith("code.yaml is up to date: no code changed that decides a result\n")
    assert old.run("artpipe", "check").stdout.startswith("params.yaml is fine")
    assert "format" not in old.run("artpipe", "upgrade").stdout


def test_a_plan_writes_nothing(old):
    """It says the same, and that nothing was written."""
    before = files(old)
    told = old.run("artpipe", "upgrade", "--plan").stdout
    assert files(old) == before
    assert told.splitlines()[0] == "params.yaml: format 1 -> 2; names change, comments and numbers stay as they are"
    assert {"  hang -> exhibits  (evaluation)", "dvc.yaml: written anew"} < set(told.splitlines())
    assert told.endswith("nothing was written; `artpipe upgrade` writes it\n")


@pytest.mark.parametrize("command", ["check", "plan", "run", "train gan", "model add more --kind vae --dataset shapes"])
def test_any_other_command_says_what_to_do(old, command):
    """One line, and nothing is changed."""
    before = files(old)
    done = old.run("artpipe", *command.split(), check=False)
    assert (done.returncode, done.stdout) == (2, "")
    advice = "of `format: 1`, with older names; `artpipe upgrade` renames them, --plan says which"
    assert done.stderr == f"artpipe: params.yaml: {advice}\n"
    assert files(old) == before


def test_an_upgrade_that_was_stopped_is_made_up_for(made, old):
    """params.yaml is written last: with the others of today already, the same command ends the same."""
    for name in ("dvc.yaml", "dvc.lock"):
        shutil.copy(made.folder / name, old.folder / name)
    old.run("artpipe", "upgrade")
    assert files(old) == files(made)


def test_a_graph_changed_by_hand_keeps_its_changes(old):
    """Only what its templates name is renamed."""
    old.edit("dvc.yaml", "desc: build the gallery", "desc: mine")
    assert "dvc.yaml was changed by hand: only these names change in it" in old.run("artpipe", "upgrade").stdout
    graph = (old.folder / "dvc.yaml").read_text()
    assert "desc: mine" in graph
    assert "${item.pretrained}" in graph
    assert "${item.uses}" not in graph
    assert old.stale() == set()


def test_what_is_stale_for_another_reason_stays_stale(old):
    """A number that was turned before the upgrade is turned after it."""
    old.edit("params.yaml", "rate: 1e-3", "rate: 2e-3")
    old.run("artpipe", "upgrade")
    assert "train@gan" in old.stale()
    assert "train@ruler" not in old.stale()
    assert migrate_lock((old.folder / "dvc.lock").read_text()) == (old.folder / "dvc.lock").read_text()


@pytest.mark.nightly
def test_a_result_accepted_under_newer_code_says_so_on_its_label(made, tmp_path):
    """`--keep` runs nothing; the plaques of that model say it until it is made anew."""
    project = copy_project(made, tmp_path / "project")
    project.edit("params.yaml", "hyperparameters]", "hyperparameters, plaque]")
    project.run("artpipe", "upgrade")  # a section more
    project.edit_code("train")
    project.dvc("commit", "--force", "--quiet", "train")
    told = project.run("artpipe", "upgrade", "--keep", "train@gan").stdout
    assert "train@ruler  (" in told
    assert "train@gan" not in told
    assert {name for name in project.stale() if name.startswith("train@")} == {"train@ruler"}
    project.run("artpipe", "gallery")
    labels = {path.parent.name: "Made by earlier code" in path.read_text() for path in work_pages(project)}
    assert {name for name, is_labelled in labels.items() if is_labelled} == {n for n in labels if n.startswith("gan-")}
    project.dvc("repro", "--quiet", "--force", "--single-item", "train@gan")
    project.run("artpipe", "gallery")
    assert not any("Made by earlier code" in path.read_text() for path in work_pages(project))


def copied(made, tmp_path) -> Project:
    """A copy of the finished project."""
    return copy_project(made, tmp_path / "copy")


def test_keeping_accepts_code_and_nothing_else(made, tmp_path):
    """A number that was turned too still makes the stage stale; a stage without a result is refused, nothing written."""
    project = copied(made, tmp_path)
    project.edit_code("train")
    project.dvc("commit", "--force", "--quiet", "train")
    project.edit("params.yaml", "steps: 10", "steps: 11")
    project.run("artpipe", "upgrade", "--keep", "train@gan")
    lock = read_yaml(project.folder / "dvc.lock")["stages"]
    assert lock["train@gan"]["params"]["params.yaml"]["models.gan"]["steps"] == 10
    assert "train@gan" in project.stale()
    project.run("artpipe", "model", "add", "more", "--kind", "vae", "--dataset", "shapes")
    before = files(project)
    done = project.run("artpipe", "upgrade", "--keep", "train@more", check=False)
    assert (done.returncode, done.stderr) == (
        2,
        "artpipe: --keep train@more: it has no result to keep; it did not run yet\n",
    )
    assert files(project) == before


def test_a_graph_without_code_is_shown_and_refused(made, tmp_path):
    """A dvc.yaml whose trainings depend on no code takes old results for new ones; removed, it is written anew."""
    project = copied(made, tmp_path)
    project.edit("dvc.yaml", '        - code.yaml: [code.train, "code.models.${item.kind}"]\n', "")
    for command in ("check", "upgrade"):
        done = project.run("artpipe", command, check=False)
        assert done.returncode == 2
        assert "dvc.yaml: changed by hand, and `{'code.yaml': ['code.train'" in done.stderr
    assert '+        - code.yaml: [code.train, "code.models.${item.kind}"]' in done.stdout
    (project.folder / "dvc.yaml").unlink()
    project.run("artpipe", "upgrade")
    assert files(project) == files(made)


@pytest.mark.parametrize(
    "text", ["", "code: [1, 2]\n", "code: {7: x}\n", "code: {gallery: {accepted: [a]}}\n", "code:\n\t- x\n"]
)
def test_a_broken_record_of_code_is_written_anew(made, tmp_path, text):
    """Every other command says so in one line; nothing is stale afterwards."""
    project = copied(made, tmp_path)
    (project.folder / "code.yaml").write_text(text)
    done = project.run("artpipe", "check", check=False)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "code.yaml" in done.stderr
    told = project.run("artpipe", "upgrade").stdout
    assert told.endswith("code.yaml is written; nothing runs again for it\n"), told
    assert project.stale() == set()


def test_beside_a_stage_that_runs_nothing_is_written(made, tmp_path):
    """Its result is that of the code it began with: who upgrades meanwhile is told to wait; a plan is made all the same."""
    project = copied(made, tmp_path)
    project.edit_code("train")
    writer = {"pid": os.getpid(), "cmd": "dvc repro train@gan"}
    (project.folder / ".dvc/tmp").mkdir(exist_ok=True)
    (project.folder / ".dvc/tmp/rwlock").write_text(json.dumps({"write": {"/p/data/runs/gan": writer}}))
    before = files(project)
    done = project.run("artpipe", "upgrade", check=False)
    assert (done.returncode, done.stderr.count("\n")) == (75, 1)
    assert re.search(r"a run is at work since .* \(train@gan\); try again", done.stderr)
    assert files(project) == before
    assert "changed: code.train" in project.run("artpipe", "upgrade", "--plan").stdout


def test_code_that_changes_while_a_stage_runs_is_not_recorded_for_it(made, tmp_path):
    """Its result is that of the code before; DVC would record what stands in code.yaml at the end."""
    project = copied(made, tmp_path)
    folder = project.folder / "plugins/metrics"
    folder.mkdir(parents=True)
    (folder / "slow.py").write_text(SLOW_METRIC)
    project.edit("params.yaml", "metrics: [kid]", "metrics: [kid, slow]")
    project.run("artpipe", "check")  # records the new metric
    done = project.dvc("repro", "--single-item", "evaluate@gan", check=False)
    assert done.returncode != 0
    assert "code.yaml: changed while evaluate@gan ran" in done.stderr + done.stdout
    assert "evaluate@gan" in project.stale()


def work_pages(project):
    """The pages of the works that hang."""
    return sorted(project.folder.glob("data/gallery/works/*/index.html"))
