"""DVC's lock, taken as DVC takes it: by flock(), or with `core.hardlink_lock` by a hard link, which a killed process leaves behind.

In the second way a child holds it, which gives it back when we end, however we end: it hears that by its standard input.
"""

import contextlib
import fcntl
import os
import re
import subprocess  # the child that holds the lock
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from artpipe.errors import BusyError, UserError
from artpipe.storage.dvc_config import uses_hardlink_lock
from artpipe.system.plain_text import to_printable

_LOCKS = ("lock", "rwlock.lock")  # of the project; of DVC's book of who reads and writes what
_PID = re.compile(r"\s*\d+\s*")  # all that flock's file has in it; that of a hard link names its claim
_POLL_SECONDS = 0.2
_PATIENCE_SECONDS = 5.0  # before it is said what is waited for
_ORPHAN_SECONDS = 60.0  # how long a lock is waited for that no process of this machine seems to hold
_told: set[str] = set()
_HOLD = """\
import signal, sys
from artpipe.system.processes import handle_signals
from dvc.lock import LockError, make_lock
handle_signals(signal.SIG_IGN)
folder, seconds = sys.argv[1], int(sys.argv[2])
lock = make_lock(folder + "/lock", tmp_dir=folder, hardlink_lock=True)
try:
    lock.lock(seconds)
except LockError:
    sys.exit(75)
try:
    print("held", flush=True)
    sys.stdin.read()
finally:
    lock.unlock()
"""


@contextlib.contextmanager
def hold_dvc_lock(root: Path, *, wait_seconds: float = 10.0, doing: str) -> Iterator[None]:
    """Hold DVC's lock on the project in `root` until the end of the block.

    Raises:
        BusyError: it was still held after `wait_seconds`; the message says by whom, or how to remove one that was left.
        UserError: there is no DVC here, or its files cannot be locked at all.
    """
    folder = _folder(root)
    folder.mkdir(exist_ok=True)
    hold = _by_link if uses_hardlink_lock(root) else _by_flock
    remove_stale_locks(root)
    with hold(folder, wait_seconds, doing):
        yield


def wait_for_dvc_lock(root: Path, *, wait_seconds: float = 600.0, say: Callable[[str], None] | None = None) -> None:
    """Wait until nobody holds DVC's lock, and tell `say` (default: stderr) once what is waited for.

    Raises:
        BusyError: it was still held after `wait_seconds`, or much earlier where no process of this machine seems to hold it.
        UserError: see `hold_dvc_lock`.
    """
    began, told = time.monotonic(), False
    remove_stale_locks(root)
    while path := held_lock(root):
        waited = time.monotonic() - began
        holder, known = _holder(path)
        if waited > (wait_seconds if known else min(wait_seconds, _ORPHAN_SECONDS)):
            raise BusyError(f"{path}: {holder}")
        if waited > _PATIENCE_SECONDS and not told:
            told = True
            (say or _say)(f"waiting for DVC's lock: {holder}")
        time.sleep(_POLL_SECONDS)


def held_lock(root: Path) -> Path | None:
    """Return the file of DVC's lock, or of that of its book, where a process holds it."""
    linked = uses_hardlink_lock(root)
    for path in (_folder(root) / name for name in _LOCKS):
        if path.exists() and (linked or not _is_free(path)):
            return path
    return None


def remove_stale_locks(root: Path) -> None:
    """Remove what flock() left from before `core.hardlink_lock` was set: no lock, but DVC would wait for it for ever."""
    if not uses_hardlink_lock(root):
        return
    for path in (_folder(root) / name for name in _LOCKS):
        with contextlib.suppress(OSError), path.open("r+", encoding="utf-8", errors="replace") as stream:
            if _PID.fullmatch(stream.read(100)) and os.fstat(stream.fileno()).st_nlink == 1:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()


def _folder(root: Path) -> Path:
    if not (root / ".dvc").is_dir():
        raise UserError(f"{root / '.dvc'}: no such folder; run artpipe in the folder of the project")
    return root / ".dvc/tmp"


@contextlib.contextmanager
def _by_flock(folder: Path, wait_seconds: float, doing: str) -> Iterator[None]:
    path, deadline = folder / "lock", time.monotonic() + wait_seconds
    with path.open("a+", encoding="utf-8") as stream:
        while not _flocked(stream.fileno(), path):
            if time.monotonic() >= deadline:
                raise BusyError(f"{path}: {_holder(path)[0]} (wanted for {doing})")
            time.sleep(_POLL_SECONDS)
        stream.truncate(0)
        stream.write(f" {os.getpid()}\n")
        stream.flush()
        yield


@contextlib.contextmanager
def _by_link(folder: Path, wait_seconds: float, doing: str) -> Iterator[None]:
    command = [sys.executable, "-c", _HOLD, str(folder), str(max(1, round(wait_seconds)))]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, start_new_session=True) as child:
        if child.stdout is None or child.stdin is None or child.stderr is None:  # pipes, as asked for
            raise AssertionError
        if child.stdout.readline().strip() != "held":
            words = child.stderr.read().strip().splitlines()
            if child.wait() == BusyError.exit_code:
                raise BusyError(f"{folder / 'lock'}: {_holder(folder / 'lock')[0]} (wanted for {doing})")
            raise UserError(
                f"{folder / 'lock'}: cannot be locked by a hard link: {words[-1] if words else 'no reason given'}"
            )
        try:
            yield
        finally:
            child.stdin.close()
            child.wait()


def _is_free(path: Path) -> bool:
    with contextlib.suppress(FileNotFoundError), path.open("rb") as stream:
        return _flocked(stream.fileno(), path)
    return True


def _flocked(number: int, path: Path) -> bool:
    """Lock an open file, unless somebody else has.

    Raises:
        UserError: this file system locks no files, so DVC cannot work here either.
    """
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        advice = "`dvc config core.hardlink_lock true` makes DVC lock by hard links"
        raise UserError(f"{path}: the file system does not lock files ({error.strerror}); {advice}") from None
    return True


def _holder(path: Path) -> tuple[str, bool]:
    """Return who holds a lock and what to do, and whether that is a process of this machine as far as can be seen."""
    text = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
    if _PID.fullmatch(text):
        command = _command(int(text))
        where = f"({command}) is" if command else "of another machine is"
        return f"process {int(text)} {where} already at something with DVC's cache; try again when it has ended", True
    since = time.strftime("%Y-%m-%d %H:%M", time.localtime(path.stat().st_ctime)) if path.exists() else "a moment ago"
    if at_work := _workers(path.parents[2]):
        return f"held since {since}, perhaps by process {at_work}; try again when it has ended", True
    return (
        f"held since {since}, and no process of this machine works here: if none does on another machine either, one that"
        f" was killed left it: `rm {path}`"
    ), False


def _workers(root: Path) -> str:
    """Return pid and command of a process of this machine that works in the project and may hold its lock."""
    own = {os.getpid(), os.getppid()}
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and int(entry.name) not in own:
                command = _command(int(entry.name))
                within = (entry / "cwd").resolve().is_relative_to(root.resolve())
                if within and re.search(r"\bdvc\b", command) and "artpipe.orchestration." not in command:
                    return f"{entry.name} ({command})"
    return ""


def _command(pid: int) -> str:
    """Return how a process was called, without the interpreter; nothing where it has ended."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return ""
    words = [word for word in words if word]
    if len(words) > 1 and Path(words[0]).name.startswith("python"):
        words = words[1:]
    return to_printable(" ".join([Path(words[0]).name, *words[1:]])[:120]) if words else ""


def _say(sentence: str) -> None:
    """Say it on stderr, once however many wait."""
    if sentence not in _told:
        _told.add(sentence)
        sys.stderr.write(f"artpipe: {sentence}\n")
        sys.stderr.flush()
