"""`artpipe new` under attack: one line, exit 2, and nothing written."""

import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

NEW = ["new", "--from", "texts"]


def list_tree(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("caf\udce9", "its path is not UTF-8"),
        ("a{b}", "its path has `{` or `}` in it"),
        ("x" * 300, "File name too long"),
        ("d/" * 2100, "File name too long"),
        ("f" * 200 + ("/" + "d" * 200) * 19, "File name too long"),  # it is made, its files are not
        ("file/x", "Not a directory"),
        ("file", "not a folder"),
        ("loop/x", "Too many levels of symbolic links"),
        ("", "DIR is empty"),
        ("/proc/x", "/proc/x: cannot be made"),
        ("new\nline\n/../file", "not a folder"),
    ],
)
def test_a_place_that_cannot_be_is_one_line(tmp_path, monkeypatch, artpipe, name, expected):
    """Whatever the system or DVC refuses is said in one line."""
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "new\nline\n").mkdir()
    monkeypatch.chdir(tmp_path)
    before = list_tree(tmp_path)
    code, out, err = artpipe(*NEW, name)
    assert (code, out, err.count("\n")) == (2, "", 1), err
    assert expected in err
    assert list_tree(tmp_path) == before


@pytest.mark.parametrize("problem", [PermissionError(13, "Permission denied"), OSError(30, "Read-only file system")])
def test_a_folder_that_may_not_be_written_is_one_line(tmp_path, monkeypatch, artpipe, problem):
    """Rights and read-only file systems, for root too."""

    def fail(self, *_, **__):
        problem.filename = str(self)
        raise problem

    monkeypatch.setattr("pathlib.Path.mkdir", fail)
    code, _, err = artpipe(*NEW, tmp_path / "new")
    assert (code, err) == (2, f"artpipe: {tmp_path}/new: cannot be made: {problem.strerror}; nothing was written\n")


def test_a_full_disk_is_named_by_the_file(tmp_path, monkeypatch, artpipe):
    """The exit code says that the same command may work later."""

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", fail)
    code, _, err = artpipe(*NEW, tmp_path / "new")
    assert code == 75
    assert err.startswith(f"artpipe: {tmp_path}/new/.dvc/plots/curves.json: cannot be made: No space left on device")
    assert list_tree(tmp_path) == []


def test_a_user_without_home_is_a_name(tmp_path, monkeypatch, artpipe):
    """`~nobody-here/x` is a folder of that name, as the shell leaves it."""
    monkeypatch.chdir(tmp_path)
    assert artpipe(*NEW, "~no-such-user/x")[0] == 0
    assert (tmp_path / "~no-such-user/x/params.yaml").is_file()


def test_a_project_beside_the_current_one(tmp_path, monkeypatch, artpipe):
    """`..` leads out of the project one stands in; a link into one leads in."""
    monkeypatch.chdir(tmp_path)
    assert artpipe(*NEW, "one")[0] == 0
    (tmp_path / "link").symlink_to("one/datasets")
    code, _, err = artpipe(*NEW, "link/inner")
    assert (code, err.partition(";")[0]) == (
        2,
        f"artpipe: {tmp_path}/one/datasets/inner: lies in the project {tmp_path}/one",
    )
    monkeypatch.chdir(tmp_path / "one")
    assert artpipe(*NEW, "../two")[0] == 0


@pytest.mark.parametrize("name", ["new\nline", r"a\1b\g<x>", "-dash", "it's", "\x1b[31m7", "#", "~x"])
def test_the_printed_command_enters_it(tmp_path, monkeypatch, artpipe, name):
    """The hint is what a shell reads, its heading one line, and the project is fine."""
    monkeypatch.chdir(tmp_path)
    code, out, _ = artpipe(*NEW, "--", name)
    assert (code, ": a project for artpipe" in out.splitlines()[0]) == (0, True), out
    cd_command = re.search(r"\bcd .+?(?= && |$)", out, re.MULTILINE)[0]
    entered = subprocess.run(["bash", "-c", f"{cd_command} && pwd -P"], capture_output=True, check=True)
    assert os.fsdecode(entered.stdout) == f"{tmp_path}/{name}\n"
    assert (tmp_path / name / "README.md").read_text().startswith("# ")
    assert (tmp_path / name / "README.md").read_text().splitlines()[1] == ""
    monkeypatch.chdir(tmp_path / name)
    assert artpipe("check")[0] == 0


def test_the_same_command_again_after_sigkill(tmp_path, artpipe):
    """What a killed one left does not stand in the way."""
    folder = tmp_path / "new"
    process = subprocess.Popen(["artpipe", *NEW, str(folder)], stdout=subprocess.DEVNULL)
    while process.poll() is None and not list(Path(folder).glob(".new.tmp.*")):
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert artpipe(*NEW, folder)[0] == 0
    assert not list(folder.glob(".new.tmp.*"))


@pytest.mark.nightly
def test_nothing_of_a_user_is_needed(tmp_path):
    """No home, no name, no settings of git: a project is made, with a repository."""
    env = {"PATH": os.environ["PATH"], "GIT_CONFIG_NOSYSTEM": "1"}
    done = subprocess.run(["artpipe", *NEW, "own"], cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "own/.git").is_dir()
