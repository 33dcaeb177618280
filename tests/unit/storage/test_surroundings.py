"""Where a project lies: other owners, no git, caches by links, folders that hide works from DVC, merges left open."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from artpipe.artifacts.run import RunStart
from artpipe.config.safe_yaml import find_conflict_line
from artpipe.errors import ArtpipeError, UserError
from artpipe.storage.dvc_command import extract_dvc_reason, read_dvc_output
from artpipe.storage.dvc_config import is_cache_link
from artpipe.storage.reachable import find_reachable
from artpipe.storage.verify import verify
from artpipe.system import environment
from artpipe.system.git_command import NoRepositoryError, run_git

CONFLICT = "a: 1\n<<<<<<< HEAD\nb: 1\n=======\nb: 2\n>>>>>>> other\n"


def settings(text: str) -> None:
    Path(".dvc/config.local").write_text(text)


def objects(cache: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in (cache / "files/md5").glob("??/*")}


NIGHTLY = pytest.mark.nightly


@pytest.mark.parametrize(
    "kind",
    [
        "symlink",
        "copy",
        *(pytest.param(one, marks=NIGHTLY) for one in ("hardlink", "reflink", "reflink,hardlink,symlink")),
    ],
)
@pytest.mark.parametrize(
    "elsewhere", [pytest.param(False, id="own", marks=NIGHTLY), pytest.param(True, id="another-disk")]
)
@pytest.mark.nightly
def test_caches_by_every_link(studio, pictures, artpipe, kind, elsewhere):
    """Whatever DVC links, works come in, are seen, and go; originals and cache stay what they were."""
    disk = Path("/dev/shm") if elsewhere and os.access("/dev/shm", os.W_OK) else studio.parent  # noqa: S108 (another disk)
    cache = disk / f"artpipe-cache-{os.getpid()}" if elsewhere else studio / ".dvc/cache"
    settings(f"[cache]\n    type = {kind}\n" + (f"    dir = {cache}\n" if elsewhere else ""))
    try:
        originals = {path: path.stat() for path in pictures.rglob("*.png")}
        code, out, err = artpipe("dataset", "add", "--no-plan", pictures, "--name", "mine", "--models", "")
        assert (code, err) == (0, "")
        assert "contact sheet" in out
        held = objects(cache)
        assert len(held) >= 25
        assert artpipe("check")[0] == 0
        from artpipe.config.params import load_params
        from artpipe.sources.folder import candidates

        works = list(candidates(load_params().dataset("mine")))
        assert [work.rejected for work in works] == [None] * 24
        assert {work.data for work in works} == {path.read_bytes() for path in originals}
        for path, before in originals.items():  # no original became an object of the cache
            now = path.stat()
            assert (now.st_ino, now.st_nlink, now.st_mode) == (before.st_ino, before.st_nlink, before.st_mode)
            path.write_bytes(b"edited")
        Path("datasets/mine/circle/000.png").unlink()
        assert objects(cache) == held
        found = verify()
        assert [one.place for one in found.damaged] == []
        assert artpipe("dataset", "remove", "mine", "--yes")[0] == 0
        now_held = objects(cache)  # the list of what was left of it comes to it, for `dataset restore`
        assert held.items() <= now_held.items()
        assert {path.suffix for path in now_held.keys() - held.keys()} == {".dir"}
        assert not Path("datasets/mine").exists()
    finally:
        if elsewhere:
            shutil.rmtree(cache, ignore_errors=True)


@pytest.mark.nightly
def test_only_links_of_dvc_are_works(studio, pictures, artpipe):
    """A link that leads elsewhere is refused as before, also beside those into the cache; a lost one says what is away."""
    cache = studio.parent / "cache"
    settings(f"[cache]\n    type = symlink\n    dir = {cache}\n")
    artpipe("dataset", "add", "--no-plan", pictures, "--name", "mine", "--models", "")
    link, own = Path("datasets/mine/circle/alien.png"), Path("datasets/mine/circle/000.png")
    assert is_cache_link(own)
    for target in (pictures / "circle/000.png", cache / "files/md5" / "..", cache):
        link.unlink(missing_ok=True)
        link.symlink_to(target)
        assert not is_cache_link(link)
        assert "a link out of" in artpipe("check")[2]
    link.unlink()
    cache.rename(studio.parent / "unmounted")
    assert "a link into DVC's cache, where it is no more" in artpipe("check")[2]
    found = verify()
    assert found.damaged[0].what == "24 links into DVC's cache lead to nothing"
    assert str(cache) in found.damaged[0].mend


def test_an_unknown_kind_of_link_is_refused_before_anything_is_copied(studio, pictures, artpipe):
    """DVC would refuse its settings after the copy."""
    settings("[cache]\n    type = junction\n")
    code, out, err = artpipe("dataset", "add", "--no-plan", pictures, "--name", "mine")
    assert (code, out) == (2, "")
    assert "`cache.type` is `junction`, which DVC does not know; copy, hardlink, reflink, symlink" in err


@pytest.mark.parametrize("place", ["datasets/.dvc", "datasets/shapes/.dvc", "datasets/shapes/circle/.dvc", "data/.dvc"])
def test_a_folder_of_dvc_that_hides_works_is_named(studio, artpipe, place):
    """A `.dvc` in the project has DVC look past what is beside it: check and verify say so, and how to mend it."""
    (studio / place / "tmp").mkdir(parents=True)
    (studio / place / "tmp/lock").write_text(" 1\n")
    code, _, err = artpipe("check")
    assert (code, err.count("\n")) == (2, 1)
    assert err.startswith(f"artpipe: {place}: for its sake DVC takes {Path(place).parent} for another project")
    assert f"`rm -r {place}`" in err
    assert [one.place for one in verify().damaged] == [place]
    assert verify(repair=True).whole
    assert artpipe("check")[0] == 0


def test_a_project_of_dvc_is_left_to_whoever_made_it(studio, artpipe):
    """One with settings of its own is named only where it hides a dataset, and never removed."""
    for place in ("vendor/.dvc", "datasets/shapes/.dvc"):
        (studio / place).mkdir(parents=True)
        (studio / place / "config").touch()
    assert "datasets/shapes/.dvc: " in artpipe("check")[2]
    assert not verify(repair=True).whole
    shutil.rmtree(studio / "datasets/shapes/.dvc")
    assert artpipe("check")[0] == 0


def test_without_a_repository_one_line_before_anything_is_copied(studio, pictures, artpipe):
    """A project that was downloaded as a zip names both ways out, and the second works."""
    shutil.rmtree(".git")
    for command in (["check"], ["dataset", "add", "--no-plan", pictures, "--name", "mine", "--models", ""]):
        code, out, err = artpipe(*command)
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert "`git init`, or `dvc config core.no_scm true`" in err
    assert not Path("datasets/mine").exists()
    settings("[core]\n    no_scm = true\n")
    assert artpipe("dataset", "add", "--no-plan", pictures, "--name", "mine", "--models", "")[0] == 0
    assert artpipe("gc")[2].startswith("artpipe: there is no git repository here; without git nobody can say which")


def test_git_dir_alone_is_no_repository_for_dvc(studio, artpipe, monkeypatch):
    """A repository that only GIT_DIR names is none for DVC; the line says what makes it one, and that works."""
    shutil.move(".git", studio.parent / "bare.git")
    monkeypatch.setenv("GIT_DIR", str(studio.parent / "bare.git"))
    assert f'echo "gitdir: {studio.parent / "bare.git"}" > .git' in artpipe("check")[2]
    Path(".git").write_text(f"gitdir: {studio.parent / 'bare.git'}\n")
    assert artpipe("check")[0] == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_repository_of_another_owner_is_named_with_git_s_remedy(studio, monkeypatch):
    """The run record says why it has no commit, gc frees nothing, and git's own remedy mends both."""
    subprocess.run(["git", "commit", "-q", "--allow-empty", "-m", "x"], check=True)
    assert environment.read_commit().hash
    for path in (studio, studio / ".git"):
        os.chown(path, 12345, 12345)
    commit = environment.read_commit()
    remedy = f"git config --global --add safe.directory {studio}"
    assert commit.hash is None
    assert commit.missing == (
        f"git does not trust this repository, whose folder belongs to another user (uid 12345): `{remedy}`"
    )
    with pytest.raises(UserError, match="nothing is freed"):
        find_reachable(Path(), [])
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(studio.parent / "gitconfig"))
    subprocess.run(remedy.split(), check=True)
    assert environment.read_commit().hash


def test_without_git_s_program_everything_that_needs_none_works(studio, artpipe, monkeypatch):
    """A slim container: check and verify work, gc says what is missing, and so does the record of a run."""
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent))
    assert artpipe("check")[0] == 0
    assert verify().whole
    code, _, err = artpipe("gc")
    assert (code, err.count("\n")) == (2, 1)
    assert err.startswith("artpipe: git is not installed")
    assert environment.read_commit().missing.startswith("git is not installed")


@pytest.mark.nightly
def test_no_user_no_commit_and_no_branch_are_no_trouble(studio, pictures, artpipe, monkeypatch):
    """Nothing of artpipe commits: without a user.name, with nothing committed, or on no branch all works."""
    for who in ("AUTHOR", "COMMITTER"):
        for what in ("NAME", "EMAIL"):
            monkeypatch.delenv(f"GIT_{who}_{what}")
    assert artpipe("dataset", "add", "--no-plan", pictures, "--name", "mine", "--models", "")[0] == 0
    assert environment.read_commit().missing == "nothing is committed yet: `git commit`"
    assert artpipe("gc")[0] == 0
    user = ["-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run(["git", *user, "commit", "-q", "--allow-empty", "-m", "x"], check=True)
    subprocess.run(["git", "checkout", "-q", "--detach"], check=True)
    assert environment.read_commit().hash
    assert artpipe("gc")[0] == 0


def test_a_worktree_and_a_submodule_are_repositories(studio, artpipe, monkeypatch):
    """A `.git` that is a file is one: in a worktree all is as in the first one."""
    subprocess.run(["git", "add", "--all"], check=True)
    subprocess.run(["git", "commit", "-q", "-m", "x"], check=True)
    tree = studio.parent / "tree"
    subprocess.run(["git", "worktree", "add", "-q", str(tree)], check=True)
    monkeypatch.chdir(tree)
    assert artpipe("check")[0] == 0
    assert artpipe("gc")[0] == 0
    assert environment.read_commit().hash


def test_history_of_a_shallow_clone_is_not_known(studio, monkeypatch):
    """What earlier commits need cannot be asked where they are not: `--history` refuses, the tips are enough without."""
    for _ in range(2):
        subprocess.run(["git", "commit", "-q", "--allow-empty", "-m", "x"], check=True)
    clone = studio.parent / "clone"
    subprocess.run(["git", "clone", "-q", "--depth", "1", f"file://{studio}", str(clone)], check=True)
    shutil.copy("params.yaml", clone)
    find_reachable(clone, [])
    with pytest.raises(UserError, match="git fetch --unshallow"):
        find_reachable(clone, [], history=True)


def test_git_s_reason_is_kept(studio):
    """What git says went wrong is in the line, its hints are not."""
    with pytest.raises(ArtpipeError, match=r"git cat-file: .*nonsense"):
        run_git(studio, "cat-file", "blob", "nonsense")
    with pytest.raises(NoRepositoryError, match="no git repository"):
        run_git(studio.parent, "status")


def test_dvc_s_reason_is_kept(studio):
    """Behind an exit code stands what DVC said, whatever it adds below."""
    Path("dvc.yaml").write_text("stages: 3\n")
    with pytest.raises(ArtpipeError, match=r"dvc status: '\./dvc\.yaml' validation failed\. expected a dictionary"):
        read_dvc_output(studio, "status")
    support = "\nHaving any troubles? Hit us up at https://dvc.org/support, we are always happy to help!\n"
    assert (
        extract_dvc_reason(f"WARNING: x\nERROR: unexpected error - disk\n{support}", 255) == "unexpected error - disk"
    )
    assert extract_dvc_reason("", 255) == "ended with 255, and gave no reason"


@pytest.mark.parametrize("name", ["dvc.lock", "params.yaml", "dvc.yaml", "champions.json", "datasets/shapes.dvc"])
def test_the_marks_of_a_merge_are_named(studio, artpipe, name):
    """A merge that was left open is one line with file, line and the way out, and the file stays as it is."""
    Path(name).write_text(CONFLICT)
    code, _, err = artpipe("check")
    assert (code, err.count("\n")) == (2, 1)
    assert err.startswith(f"artpipe: {name}:2: the marks of a merge (`<<<<<<<`); ")
    assert ("git checkout --ours" in err) == (name in {"dvc.lock", "datasets/shapes.dvc"})
    if name == "dvc.lock":
        assert [(one.place, one.what) for one in verify(repair=True).damaged] == [
            ("dvc.lock", "line 2: the marks of a merge")
        ]
    assert Path(name).read_text() == CONFLICT


def test_only_marks_at_the_beginning_of_a_line_are_marks():
    """A text that quotes a merge, indented as YAML wants it, is no merge."""
    assert find_conflict_line(CONFLICT.replace("\n", "\r\n")) == 2
    assert find_conflict_line("text: |\n  <<<<<<< HEAD\n") == 0


@pytest.mark.nightly
def test_line_ends_of_windows_are_kept(studio, pictures, artpipe):
    """Whatever is added and removed, every other byte of params.yaml is as it was."""
    before = Path("params.yaml").read_bytes().replace(b"\n", b"\r\n")
    Path("params.yaml").write_bytes(before)
    assert artpipe("dataset", "add", "--no-plan", pictures, "--name", "mine", "--models", "vae")[0] == 0
    added = Path("params.yaml").read_bytes()
    assert added.count(b"\n") == added.count(b"\r\n") > before.count(b"\n")
    assert artpipe("model", "remove", "mine-vae")[0] == 0
    assert artpipe("dataset", "remove", "mine", "--yes")[0] == 0
    assert Path("params.yaml").read_bytes() == before


def test_states_from_before_stay_valid():
    """A stopped training whose run was written before there were reasons for a missing commit goes on as the same run."""
    said = {
        "run_id": "0" * 32, "model": "m", "stage": "train@m", "started": 1.0, "sessions": 1, "host": "h", "platform": "p",
        "versions": {}, "threads": 1, "device": "cpu", "precision": "fp32", "commit": None, "dirty": False,
        "flow_run": None, "kind": "gan", "dataset": "d", "seed": 1, "shards": "0" * 64, "pretrained": None,
    }  # fmt: skip
    old = RunStart(**said)
    written = old.model_dump(mode="json")
    assert written.pop("commit_missing") == ""
    assert RunStart.model_validate(written).check == old.check
    assert RunStart(**said, commit_missing="why").check != old.check
