"""A machine without a user's name, a home or a temporary folder: what tools want of one stands below `.state`."""

import getpass
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from artpipe.errors import UserError
from artpipe.system import home_folders

ENTRY = [sys.executable, "-m", "artpipe"]


@pytest.fixture
def bare(tmp_path, monkeypatch):
    """A project, and a user of whom the machine knows nothing."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dvc.yaml").touch()
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, "x")  # so that it is restored
        monkeypatch.delenv(name)
    for name in ("XDG_CONFIG_HOME", "MPLCONFIGDIR", "DVC_SITE_CACHE_DIR", "TMPDIR", "HOME"):
        monkeypatch.setenv(name, os.environ.get(name, ""))
    monkeypatch.setattr(tempfile, "tempdir", None)

    def unknown(_):
        raise KeyError

    monkeypatch.setattr(home_folders.pwd, "getpwuid", unknown)
    return tmp_path


def test_a_home_that_is_not_there(bare, monkeypatch):
    """Name, home and caches are provided; Path.home and getpass answer."""
    monkeypatch.setenv("HOME", "/nonexistent")
    monkeypatch.delenv("DVC_SITE_CACHE_DIR")
    home_folders.provide_home()
    assert getpass.getuser() == f"uid-{os.getuid()}"
    assert Path.home() == bare / ".state/home"
    assert Path(os.environ["XDG_CACHE_HOME"]).is_dir()
    assert not Path("/nonexistent").exists()


def test_a_home_that_is_read_only_stays(bare, monkeypatch):
    """Git's settings and keys are read there; caches go elsewhere, and what the person set stays."""
    monkeypatch.setenv("HOME", str(bare / "mine"))
    monkeypatch.setenv("XDG_DATA_HOME", "/set")
    (bare / "mine").mkdir()
    monkeypatch.setattr(home_folders, "_is_writable", lambda folder: folder != bare / "mine")
    places = home_folders.find_missing_folders(bare / ".state")
    assert "HOME" not in places
    assert {"XDG_CACHE_HOME", "XDG_STATE_HOME", "MPLCONFIGDIR"} <= set(places)
    assert "XDG_DATA_HOME" not in places


def test_an_ordinary_user_gets_nothing(bare, monkeypatch):
    """Nothing is set or made where nothing is missing."""
    monkeypatch.setenv("HOME", str(bare))
    monkeypatch.delenv("DVC_SITE_CACHE_DIR")
    monkeypatch.delenv("TMPDIR")
    assert home_folders.find_missing_folders(bare / ".state") == {}


def test_outside_a_project_nothing_is_made(bare, monkeypatch):
    """A command in the wrong folder leaves no `.state` there."""
    monkeypatch.setenv("HOME", "/nonexistent")
    (bare / "dvc.yaml").unlink()
    home_folders.provide_home()
    assert list(bare.iterdir()) == []


def test_without_a_temporary_folder_one_is_provided(bare, monkeypatch):
    """A read-only container has no /tmp; Python would take the project's own folder."""
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(bare))
    assert home_folders.find_missing_folders(bare / ".state")["TMPDIR"] == bare / ".state/tmp"


def test_a_folder_that_is_not_utf8_is_refused(tmp_path):
    """In one line, and nothing is written in it or beside it."""
    folder = tmp_path / os.fsdecode(b"latin\xe4")
    folder.mkdir()
    (folder / "dvc.yaml").touch()
    done = subprocess.run([*ENTRY, "check"], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "its path is not UTF-8" in done.stderr
    assert "latin\\udce4" in done.stderr
    assert done.stderr.count("\n") == 1
    assert [len(list(place.iterdir())) for place in (tmp_path, folder)] == [1, 1]


@pytest.mark.parametrize("name", ["set {x}", "half }"])
def test_a_folder_with_braces_is_refused(tmp_path, name):
    """DVC would end with an AttributeError of its own."""
    (tmp_path / name).mkdir()
    done = subprocess.run([*ENTRY, "check"], cwd=tmp_path / name, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "its path has `{` or `}` in it" in done.stderr


def test_a_folder_that_is_gone_is_one_line(tmp_path, monkeypatch):
    """As after another branch was checked out."""
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with pytest.raises(UserError, match="there no more"):
        home_folders.require_nameable_folder()
