"""What git says of the place of a new project: a repository, none, or one it cannot read."""

import os
import subprocess

import pytest

from artpipe.errors import UserError
from artpipe.project.git_repository import find_repository, init_repository


def git(*arguments):
    subprocess.run(["git", *arguments], check=True, capture_output=True)


def test_the_repository_around_a_folder_is_found(tmp_path):
    """Also around one that is not there yet."""
    assert find_repository(tmp_path / "a/b") is None
    git("init", tmp_path)
    assert find_repository(tmp_path / "a/b") == tmp_path


def test_a_worktree_and_a_submodule_are_repositories(tmp_path):
    """Their `.git` is a file."""
    main = tmp_path / "main"
    git("init", main)
    git("-C", main, "commit", "--allow-empty", "-m", "first")
    git("-C", main, "worktree", "add", tmp_path / "tree")
    git("init", tmp_path / "outer")
    git("-C", tmp_path / "outer", "-c", "protocol.file.allow=always", "submodule", "add", main, "part")
    assert find_repository(tmp_path / "tree/new") == tmp_path / "tree"
    assert find_repository(tmp_path / "outer/part/new") == tmp_path / "outer/part"


def test_variables_of_a_hook_are_not_followed(tmp_path, monkeypatch):
    """In a hook GIT_DIR names the repository of the hook, wherever git is run."""
    git("init", tmp_path / "hooked")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "hooked/.git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "hooked/.git/index"))
    (tmp_path / "new").mkdir()
    assert find_repository(tmp_path / "new") is None
    assert init_repository(tmp_path / "new")
    assert (tmp_path / "new/.git").is_dir()


def test_a_broken_configuration_is_no_missing_repository(tmp_path, monkeypatch):
    """Git's own reason, in one line, whether there is a repository or not."""
    (tmp_path / "config").write_text("[broken\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "config"))
    with pytest.raises(UserError, match=r"^[^\n]*: bad config line 1 in file [^\n]*/config$"):
        find_repository(tmp_path / "new")
    with pytest.raises(UserError, match="git init: bad config line 1"):
        init_repository(tmp_path)


def test_a_repository_of_another_user_is_refused(tmp_path, monkeypatch):
    """Git does not read it; its remedy is passed on, and settings in the environment count."""
    git("init", tmp_path)
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    with pytest.raises(UserError, match=r"dubious ownership.*: `git config --global --add safe.directory"):
        find_repository(tmp_path / "new")
    for name, value in {"COUNT": "1", "KEY_0": "safe.directory", "VALUE_0": str(tmp_path)}.items():
        monkeypatch.setenv(f"GIT_CONFIG_{name}", value)
    assert find_repository(tmp_path / "new") == tmp_path


@pytest.mark.parametrize("inside", [".", "objects", "new/deep"])
@pytest.mark.parametrize("bare", [True, False])
def test_a_folder_of_git_itself_is_refused(tmp_path, inside, bare):
    """A bare repository has no place for files, and `.git` is git's own."""
    git("init", *(["--bare"] if bare else []), tmp_path / "outer")
    own = tmp_path / "outer" if bare else tmp_path / "outer/.git"
    with pytest.raises(UserError, match=f"lies in {own}, where git keeps a repository"):
        find_repository(own / inside)


def test_a_gitdir_that_leads_nowhere_is_refused(tmp_path):
    """A worktree whose repository was removed is not the same as none."""
    (tmp_path / ".git").write_text("gitdir: /nowhere\n")
    with pytest.raises(UserError, match="not a git repository: /nowhere"):
        find_repository(tmp_path / "new")


def test_without_git_there_is_none(tmp_path, monkeypatch):
    """No program, no repository, no error."""
    git("init", tmp_path)
    monkeypatch.setenv("PATH", os.devnull)
    assert find_repository(tmp_path) is None
    assert init_repository(tmp_path) is False


def test_an_ignored_folder_is_refused(tmp_path):
    """DVC tracks nothing that git ignores; a folder of a like name beside it is fine."""
    git("init", tmp_path)
    (tmp_path / ".gitignore").write_text("/scratch/\n")
    with pytest.raises(UserError, match="scratch: git ignores it"):
        find_repository(tmp_path / "scratch")
    with pytest.raises(UserError, match="deep/er: git ignores it"):
        find_repository(tmp_path / "scratch/deep/er")
    assert find_repository(tmp_path / "scratch-2") == tmp_path
    assert find_repository(tmp_path) == tmp_path
