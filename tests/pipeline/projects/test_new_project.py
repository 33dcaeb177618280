"""`artpipe new`: a project of one's own, made of nothing but what its owner changes."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from artpipe.errors import DiskFullError, UserError
from artpipe.project.dvc_yaml import is_untouched, make_graph_text
from artpipe.project.new_project import STARTERS, create_project

ROOT = Path(__file__).parents[3]
SAME = [
    "flows/gallery.py",
    "dvc.yaml",
    "code.yaml",
    "params.yaml",
    "prefect.yaml",
    ".dvcignore",
    ".dvc/config",
    ".dvc/.gitignore",
]


def files(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and ".git" not in path.relative_to(folder).parts
    }


def test_this_repository_is_such_a_project(tmp_path):
    """What `artpipe new` writes by default is what stands at the top of this repository."""
    create_project(tmp_path / "museum")
    made = files(tmp_path / "museum")
    here = [*SAME, "weights/vgg16.yaml", *(f"datasets/{path.name}" for path in (ROOT / "datasets").glob("*.yaml"))]
    assert {name: made[name] for name in here} == {name: (ROOT / name).read_bytes() for name in here}
    assert [name for name in made if name.endswith(".py")] == ["flows/gallery.py"]


@pytest.mark.parametrize("starter", STARTERS)
@pytest.mark.parametrize(
    "name", ["# ? %", *(pytest.param(each, marks=pytest.mark.nightly) for each in ("plain", "my studio \"é\" 'x'"))]
)
def test_each_starter_is_a_project_that_checks(tmp_path, monkeypatch, artpipe, starter, name):
    """From nothing to `artpipe check`, whatever the folder is called."""
    create_project(tmp_path / name, starter)
    monkeypatch.chdir(tmp_path / name)
    code, out, err = artpipe("check")
    assert (code, err) == (0, "")
    assert "params.yaml is fine" in out


def test_it_is_made_in_the_folder_that_is_named(tmp_path, artpipe):
    """`artpipe -C DIR new NAME` makes DIR/NAME, as `git -C DIR init NAME` does."""
    (tmp_path / "studios").mkdir()
    code, _, err = artpipe("-C", str(tmp_path / "studios"), "new", "own", "--from", "texts")
    assert (code, err) == (0, "")
    assert (tmp_path / "studios/own/params.yaml").is_file()
    assert artpipe("-C", str(tmp_path / "nowhere"), "new", "own")[0] == 2


@pytest.mark.nightly
def test_its_flow_is_what_prefect_deploys(tmp_path):
    """prefect.yaml names a flow of a file in the project itself, which can be imported there and named."""
    create_project(tmp_path / "my studio", "pictures")
    code = (
        "from artpipe.orchestration.deployment.serve_deployments import load_deployments\n"
        "from prefect.flows import load_flow_from_entrypoint\n"
        "for one in load_deployments({}):\n"
        "    flow = load_flow_from_entrypoint(one.entrypoint, use_placeholder_flow=False)\n"
        "    print(one.name, one.flow_name, one.entrypoint, flow.name, flow.fn.__code__.co_filename)\n"
    )
    env = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path / "my studio", env=env, capture_output=True, text=True, check=False
    )
    named = "gallery dataset-to-gallery flows/gallery.py:dataset_to_gallery dataset-to-gallery"
    assert done.stdout == f"{named} {tmp_path}/my studio/flows/gallery.py\n", done.stderr


@pytest.mark.parametrize(
    "command", [["flows/gallery.py"], pytest.param(["-m", "flows.gallery"], marks=pytest.mark.nightly)]
)
def test_its_flow_can_be_run_as_a_file(tmp_path, command):
    """It is `artpipe run`, whose arguments it takes and whose mistakes it tells."""
    create_project(tmp_path / "own", "pictures")
    done = subprocess.run(
        [sys.executable, *command, "mine-gna"], cwd=tmp_path / "own", capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (2, "artpipe: there is no model `mine-gna` in params.yaml\n")


def test_dvc_takes_it_for_a_project(tmp_path):
    """DVC reads the graph of a project without datasets, in a repository of its own."""
    create_project(tmp_path / "own", "pictures")
    done = subprocess.run(
        ["dvc", "stage", "list", "--name-only"], cwd=tmp_path / "own", capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout.split()) == (0, ["gallery"]), done.stderr
    assert (tmp_path / "own/.git").is_dir()


@pytest.mark.nightly
def test_in_another_repository_it_is_a_part_of_that(tmp_path):
    """No second git repository; DVC works in the sub-folder, and nothing is staged."""
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    said = create_project(tmp_path / "art/mine", "pictures")
    assert f"part of the repository {tmp_path}" in said.to_text()
    assert not (tmp_path / "art/mine/.git").exists()
    done = subprocess.run(["dvc", "status"], cwd=tmp_path / "art/mine", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    staged = subprocess.run(
        ["git", "diff", "--cached", "--name-only"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert staged.stdout == ""


def test_without_git_dvc_does_without(tmp_path, monkeypatch):
    """No git program: the project is made all the same, and DVC told so."""
    programs = tmp_path / "bin"
    programs.mkdir()
    monkeypatch.setenv("PATH", str(programs))
    create_project(tmp_path / "own", "texts")
    assert "no_scm = true" in (tmp_path / "own/.dvc/config").read_text()


def test_a_folder_that_holds_something_is_refused(tmp_path, monkeypatch):
    """Nothing is written into it; an empty one is taken, the current one too."""
    (tmp_path / "full").mkdir()
    (tmp_path / "full/letter.txt").write_text("mine")
    with pytest.raises(UserError, match=r"full: not empty \(letter.txt\)"):
        create_project(tmp_path / "full")
    with pytest.raises(UserError, match=r"letter.txt: not a folder"):
        create_project(tmp_path / "full/letter.txt")
    assert files(tmp_path) == {"full/letter.txt": b"mine"}
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    create_project(Path(), "music")
    assert (tmp_path / "empty/params.yaml").is_file()
    with pytest.raises(UserError, match="lies in the project"):
        create_project(Path("inner"))
    assert not (tmp_path / "empty/inner").exists()


def test_an_unknown_starter_is_told_what_there_is(tmp_path):
    """The nearest name, and nothing is written."""
    with pytest.raises(UserError, match=r"--from musem: no such starter, did you mean `museum`"):
        create_project(tmp_path / "x", "musem")
    assert not (tmp_path / "x").exists()


def test_what_fails_half_way_leaves_nothing(tmp_path, monkeypatch):
    """A full disk in mid-writing takes even the new parent folders away."""

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("artpipe.project.new_project._init_git", fail)
    with pytest.raises(DiskFullError, match="No space"):
        create_project(tmp_path / "deep/er")
    assert list(tmp_path.iterdir()) == []


def test_the_graph_knows_whether_it_was_edited():
    """dvc.yaml says by its header whether it is as artpipe wrote it; CRLF is no edit."""
    text = make_graph_text()
    assert is_untouched(text)
    assert is_untouched(text.replace("\n", "\r\n"))
    assert not is_untouched(text.replace("ingest", "Ingest", 1))
    assert not is_untouched(text.partition("\n")[2])
    assert (ROOT / "dvc.yaml").read_text() == text


def test_nothing_of_the_package_is_in_a_project(tmp_path):
    """The starters' links arrive as files."""
    create_project(tmp_path / "museum")
    assert not [path for path in (tmp_path / "museum").rglob("*") if path.is_symlink()]
    shutil.rmtree(tmp_path / "museum")
