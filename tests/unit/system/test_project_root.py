"""The project is found from wherever a command is typed in it, and nothing is written where there is none."""

import os
import subprocess
import time
from pathlib import Path

import pytest

from artpipe.errors import UserError
from artpipe.system.project_root import enter_project, find_root, resolve_typed_path

COMMANDS = ["run", "serve", "serve --only server", "serve --only gallery", "ui", "watch", "deploy", "notify http://x"]


def files_of(folder: Path) -> list[str]:
    """Everything below a folder, DVC's own folders too."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def run(*command: str, cwd: Path, **more: str) -> subprocess.CompletedProcess[str]:
    env = {key: value for key, value in os.environ.items() if not key.startswith("PREFECT")} | more
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("below", [".", "datasets", "datasets/shapes/circle"])
def test_every_folder_of_a_project_belongs_to_it(studio, artpipe, monkeypatch, below):
    """A command does in a folder below what it does in the root, and leaves nothing there."""
    monkeypatch.chdir(studio / below)
    before = files_of(studio / "datasets")
    assert artpipe("check") == (0, "params.yaml is fine: 1 dataset, 1 model\n", "")
    assert files_of(studio / "datasets") == before
    assert Path.cwd() == studio / below


def test_a_project_can_be_named(studio, artpipe, monkeypatch, tmp_path):
    """`-C DIR` works in the project of that folder, wherever it is typed."""
    monkeypatch.chdir(tmp_path)
    for named in ("studio", "studio/datasets", str(studio)):
        assert artpipe("-C", named, "check")[0] == 0
    assert artpipe("-C", "nowhere", "check") == (
        2,
        "",
        "artpipe: -C nowhere: no such folder; name the folder of a project, or one in it\n",
    )


@pytest.mark.parametrize(
    ("typed_in", "typed", "options"),
    [
        ("studio/datasets", "../../elsewhere/shapes", []),
        pytest.param("studio", "../elsewhere/shapes", [], marks=pytest.mark.nightly),
        pytest.param("elsewhere", "./shapes", ["-C", "../studio"], marks=pytest.mark.nightly),
        ("elsewhere", "~/elsewhere/shapes", ["-C", "../studio/datasets"]),
    ],
)
def test_paths_mean_what_they_mean_where_they_were_typed(
    studio, pictures, artpipe, monkeypatch, typed_in, typed, options
):
    """A relative path is looked for in the folder of whoever types it, whatever the project's root is."""
    monkeypatch.setenv("HOME", str(studio.parent))
    monkeypatch.chdir(studio.parent / typed_in)
    before = files_of(pictures.parent)
    code, _, err = artpipe(*options, "dataset", "add", "--no-plan", typed, "--name", "mine", "--models", "")
    assert (code, err) == (0, "")
    assert len(list((studio / "datasets/mine").rglob("*.png"))) == 24
    assert files_of(pictures.parent) == before


def test_without_a_project_one_line_and_nothing_written(tmp_path):
    """Where no folder upwards is a project every command says so within a second of its own start, and writes nothing."""
    began = time.monotonic()
    done = run("artpipe", "gc", cwd=tmp_path)
    assert time.monotonic() - began < 10  # 0.4 s alone
    assert done.returncode == 2
    assert done.stderr == (
        "artpipe: no project here: looked for params.yaml beside dvc.yaml or .dvc, "
        f"from {tmp_path} up to /; `cd` into the project or name it: `artpipe -C DIR ...`\n"
    )
    for command in COMMANDS:
        done = run("artpipe", *command.split(), cwd=tmp_path)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
        assert "no project here" in done.stderr
    assert files_of(tmp_path) == []


def test_a_folder_of_dvc_alone_is_no_project(studio, monkeypatch):
    """A `.dvc` that was left in datasets/ is passed over, and the project above is found."""
    (studio / "datasets/.dvc/tmp").mkdir(parents=True)
    monkeypatch.chdir(studio / "datasets/shapes")
    assert find_root() == studio


def test_half_a_project_is_named(studio, monkeypatch):
    """The file that is missing beside the other one is what the line says."""
    (studio / "dvc.yaml").unlink()
    (studio / ".dvc").rename(studio.parent / "away")
    monkeypatch.chdir(studio / "datasets")
    with pytest.raises(
        UserError, match=r"studio/dvc\.yaml: no such file; run artpipe in the folder that has it and params"
    ):
        find_root()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_stranger_s_project_above_runs_nothing(studio, monkeypatch):
    """A project that another user planted further up names commands of theirs: it is refused unless it is named or stood in."""
    own = studio / "own"
    own.mkdir()
    os.chown(studio, 12345, 12345)
    monkeypatch.chdir(own)
    with pytest.raises(UserError, match="of another user \\(uid 12345\\), whose commands would run as you"):
        find_root()
    assert find_root(studio) == studio
    os.chown(own, 12345, 12345)
    assert find_root() == studio


def test_the_current_folder_may_be_gone(tmp_path, monkeypatch):
    """A folder that somebody removed meanwhile is one line."""
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(UserError, match="the current folder has been removed"):
        find_root()


def test_a_path_is_relative_where_it_lies_in_the_project(studio, monkeypatch):
    """What lies below the root is named by its place in the project, all else whole."""
    monkeypatch.chdir(studio / "datasets")
    with enter_project():
        assert resolve_typed_path(Path("shapes")) == Path("datasets/shapes")
        assert resolve_typed_path(Path("../weights")) == Path("weights")
        assert resolve_typed_path(Path("../../x")) == studio.parent / "x"
        assert resolve_typed_path(Path("/x")) == Path("/x")
