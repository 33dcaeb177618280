"""DVC's lock is taken as DVC takes it, in both of its ways, waited for with a reason, and never left behind."""

import os
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import pytest

from artpipe.errors import BusyError, UserError
from artpipe.storage import dvc_lock
from artpipe.storage.dvc_config import dvc_setting, link_types, uses_hardlink_lock
from artpipe.storage.dvc_lock import hold_dvc_lock, wait_for_dvc_lock

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from dvc.lock import LockError, make_lock

_HOLD = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # the background of a shell ignores it
from pathlib import Path
from artpipe.storage.dvc_lock import hold_dvc_lock
with hold_dvc_lock(Path(), doing="a test"):
    print("held", flush=True)
    time.sleep(100)
"""


@pytest.fixture(params=[False, True], ids=["flock", "hardlink"])
def linked(request, tmp_path, monkeypatch) -> bool:
    """A folder with DVC's settings, made the working directory; whether it locks by hard links."""
    (tmp_path / ".dvc/tmp").mkdir(parents=True)
    (tmp_path / ".dvc/config").write_text(f"[core]\n    hardlink_lock = {str(request.param).lower()}\n")
    monkeypatch.chdir(tmp_path)
    return request.param


def dvcs_own(linked: bool):
    """DVC's lock on the working directory, as DVC makes it."""
    folder = Path(".dvc/tmp").absolute()
    return make_lock(str(folder / "lock"), tmp_dir=str(folder), hardlink_lock=linked)


def take(linked: bool) -> None:
    """Take DVC's lock as DVC does, in one try of its own, and give it back."""
    lock = dvcs_own(linked)
    lock.lock()
    lock.unlock()


def test_dvc_s_lock_and_ours_are_one(linked):
    """While we hold the lock DVC cannot take it, and the other way round; afterwards anybody can."""
    with hold_dvc_lock(Path(), doing="a test"), pytest.raises(LockError):
        take(linked)
    take(linked)
    lock = dvcs_own(linked)
    lock.lock()
    with pytest.raises(BusyError, match=r"\.dvc/tmp/lock: .*wanted for a test"):
        hold_dvc_lock(Path(), wait_seconds=1, doing="a test").__enter__()
    lock.unlock()
    with hold_dvc_lock(Path(), doing="a test"):
        pass


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_killed_holder_leaves_no_lock(linked, number):
    """However the process that holds it ends, DVC takes the lock at once."""
    holder = subprocess.Popen([sys.executable, "-c", _HOLD], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert holder.stdout.readline() == b"held\n"
    holder.send_signal(number)
    holder.wait()
    holder.stdout.close()
    deadline = time.monotonic() + 30
    while linked and Path(".dvc/tmp/lock").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    take(linked)
    assert list(Path(".dvc/tmp").glob("*.lock")) == []


def test_a_wait_says_for_whom_and_ends(linked, monkeypatch):
    """What is waited for is said once, and after a bounded time the line has the way out."""
    monkeypatch.setattr(dvc_lock, "_NOTICE_SECONDS", 0.1)
    lock, lines = dvcs_own(linked), []
    lock.lock()
    with pytest.raises(BusyError) as error:
        wait_for_dvc_lock(Path(), wait_seconds=0.7, say=lines.append)
    assert len(lines) == 1
    assert lines[0].startswith("waiting for DVC's lock: ")
    holder = "`rm .dvc/tmp/lock`" if linked else f"process {os.getpid()} "
    assert holder in str(error.value)
    lock.unlock()
    wait_for_dvc_lock(Path(), wait_seconds=0.7, say=lines.append)
    assert len(lines) == 1


def test_what_the_other_way_left_is_no_lock(linked):
    """The file that flock() leaves would block DVC for ever once it locks by hard links: it is removed, unless it is held."""
    if not linked:
        pytest.skip("of hard links only")
    for name in ("lock", "rwlock.lock"):
        Path(".dvc/tmp", name).write_text(" 4711\n")
    with pytest.raises(LockError):
        take(linked)
    wait_for_dvc_lock(Path(), wait_seconds=0)
    take(linked)
    old = dvcs_own(False)
    old.lock()
    with pytest.raises(BusyError, match=f"process {os.getpid()}"):
        wait_for_dvc_lock(Path(), wait_seconds=0.3, say=lambda _: None)
    old.unlock()


def test_nothing_is_locked_where_there_is_no_dvc(tmp_path):
    """In a folder without `.dvc` no lock is written: it would make DVC take that folder for a project."""
    with pytest.raises(UserError, match="no such folder"):
        hold_dvc_lock(tmp_path, doing="a test").__enter__()
    assert list(tmp_path.iterdir()) == []


def test_settings_are_read_as_dvc_reads_them(tmp_path, monkeypatch):
    """One's own settings come before the project's, then those of the user and of the system; DVC writes them itself."""
    project, user = tmp_path / "project", tmp_path / "user"
    monkeypatch.setenv("DVC_GLOBAL_CONFIG_DIR", str(user))
    monkeypatch.setenv("DVC_SYSTEM_CONFIG_DIR", str(tmp_path / "system"))
    for folder in (project / ".dvc", user, tmp_path / "system"):
        folder.mkdir(parents=True)
    assert not uses_hardlink_lock(project)
    assert link_types(project) == ["reflink", "copy"]
    (user / "config").write_text('[core]\n    hardlink_lock = True  # NFS\n[cache]\n    type = "hardlink,copy"\n')
    (project / ".dvc/config").write_text("['remote \"a b\"']\n    url = x\n")
    assert uses_hardlink_lock(project)
    assert link_types(project) == ["hardlink", "copy"]
    (project / ".dvc/config").write_text("[core]\nhardlink_lock = true\n")
    (project / ".dvc/config.local").write_text("[core]\nhardlink_lock = false\n")
    assert not uses_hardlink_lock(project)
    (project / ".dvc/config").write_text("<<<<<<< HEAD\n")
    with pytest.raises(UserError, match=r"\.dvc/config: DVC's settings cannot be read"):
        dvc_setting(project, "cache", "dir")
