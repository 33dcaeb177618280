"""A lock is one lock, on every file system: with flock, with fcntl's alone, with neither."""

import errno
import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from artpipe.errors import UserError
from artpipe.project import import_files
from artpipe.storage import dvc_command
from artpipe.system import atomic_files, locks

NUMBERS = [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL, errno.EPERM, errno.ENOTTY, errno.EIO]
OTHER = """
import errno, fcntl, os, sys
from pathlib import Path
from artpipe.system import locks
from artpipe.errors import BusyError
{refusing}
try:
    with locks.hold_lock(Path(sys.argv[1]), wait_seconds=0.0): print("free")
except BusyError as error: print("busy", error)
"""
REFUSING = """
real = {name: getattr(fcntl, name) for name in ("flock", "fcntl")}
def refused(name):
    def lock(stream, *more):
        if Path(stream.name).is_relative_to(sys.argv[2]):
            raise OSError(errno.ENOLCK, "No locks available")
        return real[name](stream, *more)
    return lock
for name in sys.argv[3:]: setattr(fcntl, name, refused(name))
"""


def refuse(monkeypatch, below, number, *names):
    """Let files below a folder have no locks of some kinds."""
    for name in names:
        real = getattr(fcntl, name)

        def lock(stream, *more, real=real):
            if Path(stream.name).is_relative_to(below):
                raise OSError(number, os.strerror(number))
            return real(stream, *more)

        monkeypatch.setattr(fcntl, name, lock)


def other(lock, below, *names):
    """Return what another process meets that has the same file systems."""
    command = [sys.executable, "-c", OTHER.format(refusing=REFUSING), str(lock), str(below), *names]
    return subprocess.run(command, capture_output=True, text=True, check=True)


@pytest.mark.parametrize("names", [("flock",), ("flock", "fcntl")], ids=str)
def test_a_second_process_is_kept_out(tmp_path, monkeypatch, names):
    """Whatever the file system lacks, the holder is named, and its end frees the lock."""
    refuse(monkeypatch, tmp_path, errno.ENOLCK, *names)
    lock = tmp_path / "state/lock"
    with locks.hold_lock(lock):
        assert f"busy {lock}: process {os.getpid()} is already" in other(lock, tmp_path, *names).stdout
        assert locks.is_locked(lock)
    assert other(lock, tmp_path, *names).stdout == "free\n"
    assert not locks.is_locked(lock)


@pytest.mark.parametrize("number", NUMBERS, ids=errno.errorcode.get)
def test_no_lock_at_all_is_one_line(tmp_path, monkeypatch, number):
    """Where no place has locks the file, both places and what to do are named."""
    refuse(monkeypatch, Path("/"), number, "flock", "fcntl")
    with (
        pytest.raises(UserError, match=r"lock: no locks on this file system .*; set TMPDIR"),
        locks.hold_lock(tmp_path / "lock"),
    ):
        pass


def test_the_lack_is_said_once(tmp_path, monkeypatch, capsys):
    """That only this machine keeps others out is said in one line of each process."""
    monkeypatch.setattr(locks, "_WARNED", set())
    refuse(monkeypatch, tmp_path, errno.ENOLCK, "flock", "fcntl")
    for name in "ab":
        with locks.hold_lock(tmp_path / name):
            pass
    assert capsys.readouterr().err.count("for this machine only") == 1


@pytest.mark.parametrize("number", [*NUMBERS, errno.EXDEV, errno.EMLINK], ids=errno.errorcode.get)
def test_a_file_is_copied_where_no_links_are(tmp_path, monkeypatch, number):
    """Whatever number the file system says it with."""

    def refused(*_, **__):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "link", refused)
    monkeypatch.setattr(fcntl, "ioctl", refused)
    (tmp_path / "a").write_text("works")
    import_files.clone_file(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "b").read_text() == "works"
    assert (tmp_path / "b").stat().st_nlink == 1


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EBADF, errno.EACCES])
def test_a_flush_the_file_system_has_not_is_no_error(tmp_path, monkeypatch, number):
    """A disk that failed at it is one."""

    def refused(_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", refused)
    atomic_files.write_text(tmp_path / "x", "whole")
    assert (tmp_path / "x").read_text() == "whole"
    number = errno.EIO
    with pytest.raises(OSError, match="Input/output"):
        atomic_files.write_text(tmp_path / "x", "half")
    assert (tmp_path / "x").read_text() == "whole"


def test_the_longest_names_are_written(tmp_path):
    """A name of 255 bytes leaves no room for a suffix."""
    name = "ä" * 127 + "x"
    atomic_files.write_text(tmp_path / name, "1")
    with atomic_files.write_folder(tmp_path / ("d" * 255)) as folder:
        (folder / "a").write_text("1")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["d" * 255, name]


def test_a_folder_that_cannot_be_renamed_is_replaced(tmp_path, monkeypatch):
    """overlayfs says EXDEV of folders that the image brought."""
    target, replace = tmp_path / "x", Path.replace
    with atomic_files.write_folder(target) as folder:
        (folder / "a").write_text("1")

    def crossing(path, to):
        if path == target:
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        return replace(path, to)

    monkeypatch.setattr(Path, "replace", crossing)
    with atomic_files.write_folder(target) as folder:
        (folder / "b").write_text("2")
    assert [str(path.relative_to(tmp_path)) for path in sorted(tmp_path.rglob("*"))] == ["x", "x/b"]


@pytest.mark.nightly
def test_dvc_that_could_not_lock_is_not_asked(tmp_path, monkeypatch):
    """It would wait for ever; the file system and DVC's own remedy are named, and with that remedy it is asked."""
    monkeypatch.chdir(tmp_path)
    subprocess.run(dvc_command.dvc_command("init", "--no-scm", "-q"), check=True)
    refuse(monkeypatch, tmp_path, errno.ENOLCK, "flock")
    with pytest.raises(UserError, match=r"no flock on this file system .*core.hardlink_lock true"):
        dvc_command.require_lockable(tmp_path)
    monkeypatch.setattr(dvc_command, "supports_hardlinks", lambda _: False)
    with pytest.raises(UserError, match=r"nor hard links: let `.dvc/tmp`"):
        dvc_command.require_lockable(tmp_path)
    subprocess.run(dvc_command.dvc_command("config", "--local", "core.hardlink_lock", "true"), check=True)
    dvc_command.require_lockable(tmp_path)
