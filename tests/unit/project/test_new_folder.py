"""A new folder is filled whole or not at all, and the reason is one line."""

import errno
import subprocess

import pytest

from artpipe.errors import DiskFullError, UserError
from artpipe.project.new_folder import explain_os_errors, fill_folder, require_empty, write_named_text


@pytest.fixture
def dead_pid():
    """Return the id of a process that has ended."""
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid


def test_leftovers_of_a_killed_process_are_removed(tmp_path, dead_pid):
    """What SIGKILL left is no content, and goes when the same command runs again."""
    (tmp_path / f".new.tmp.{dead_pid}/plugins").mkdir(parents=True)
    require_empty(tmp_path)
    with fill_folder(tmp_path, "last") as temporary:
        (temporary / "first").touch()
    assert [path.name for path in tmp_path.iterdir()] == ["first"]


def test_files_of_other_names_stay(tmp_path, dead_pid):
    """Only our own leftovers are removed; a person's file of such a name is content."""
    (tmp_path / f"thesis.tmp.{dead_pid}").write_text("mine")
    with pytest.raises(UserError, match=rf"not empty \(thesis.tmp.{dead_pid}\)"):
        require_empty(tmp_path)


def test_a_living_process_keeps_its_folder(tmp_path):
    """Two that make the same project do not take each other's files."""
    (tmp_path / ".new.tmp.1").mkdir()
    with pytest.raises(UserError, match="not empty"):
        require_empty(tmp_path)


def test_failure_removes_the_new_parents(tmp_path):
    """Nothing stays, however deep."""
    with pytest.raises(FileExistsError), fill_folder(tmp_path / "a/b", "last") as temporary:
        temporary.mkdir()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("number", "kind"), [(errno.ENOSPC, DiskFullError), (errno.EDQUOT, DiskFullError), (errno.EACCES, UserError)]
)
def test_a_refusal_names_the_file_by_its_final_name(tmp_path, monkeypatch, number, kind):
    """A write that fails names no file by itself; the temporary names mean nothing to a person."""

    def fail(*_):
        raise OSError(number, "refused")

    monkeypatch.setattr("pathlib.Path.write_bytes", fail)
    with pytest.raises(kind, match=rf"^{tmp_path}/new/flows/gallery.py: cannot be made: refused"):  # noqa: SIM117
        with explain_os_errors(tmp_path / "new"), fill_folder(tmp_path / "new", "last") as temporary:
            write_named_text(temporary / "flows/gallery.py", "")
    assert list(tmp_path.iterdir()) == []


def test_a_long_path_is_shortened(tmp_path):
    """The line that says that a name is too long is not as long itself."""
    with pytest.raises(UserError, match="File name too long") as caught, explain_os_errors(tmp_path):
        (tmp_path / ("x" * 3000)).mkdir()
    assert len(str(caught.value)) < 300
