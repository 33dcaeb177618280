"""DVC's lock, taken as DVC takes it: by flock, or by a hard link.

By a hard link with `core.hardlink_lock`; a killed process would leave it behind. So a child process holds it, which
releases it when this process ends, however it ends: it notices by its standard input.
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

_LOCK_NAMES = ("lock", "rwlock.lock")  # of the project; of DVC's record of readers and writers
_PID = re.compile(r"\s*\d+\s*")  # the whole content of flock's file; that of a hard link has another
_POLL_SECONDS = 0.2
_NOTICE_SECONDS = 5.0  # of waiting before it is reported
_ORPHAN_SECONDS = 60.0  # how long a lock is waited for that no process of this machine seems to hold
_printed: set[str] = set()
_HOLD_CODE = """\
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
    """Hold DVC's lock on the project in `root` while the body runs.

    Raises:
        BusyError: it was still held after `wait_seconds`; the message says by whom, or how to remove one that was left.
        UserError: there is no DVC here, or its files cannot be locked at all.
    """
    folder = _lock_folder(root)
    folder.mkdir(exist_ok=True)
    hold = _hold_by_hardlink if uses_hardlink_lock(root) else _hold_by_flock
    remove_stale_locks(root)
    with hold(folder, wait_seconds, doing):
        yield


def wait_for_dvc_lock(root: Path, *, wait_seconds: float = 600.0, say: Callable[[str], None] | None = None) -> None:
    """Wait until nobody holds DVC's lock; tell `say` (default: stderr) about it once.

    Raises:
        BusyError: it was still held after `wait_seconds`, or much earlier where no process of this machine seems to hold it.
        UserError: see `hold_dvc_lock`.
    """
    start, notified = time.monotonic(), False
    remove_stale_locks(root)
    while path := find_held_lock(root):
        waited = time.monotonic() - start
        holder, is_known = _describe_holder(path)
        if waited > (wait_seconds if is_known else min(wait_seconds, _ORPHAN_SECONDS)):
            raise BusyError(f"{path}: {holder}")
        if waited > _NOTICE_SECONDS and not notified:
            notified = True
            (say or print_once)(f"waiting for DVC's lock: {holder}")
        time.sleep(_POLL_SECONDS)


def find_held_lock(root: Path) -> Path | None:
    """Return the lock file of DVC, or of its `rwlock`, that a process holds, if any."""
    uses_hardlinks = uses_hardlink_lock(root)
    for path in (_lock_folder(root) / name for name in _LOCK_NAMES):
        if path.exists() and (uses_hardlinks or not _is_free(path)):
            return path
    return None


def remove_stale_locks(root: Path) -> None:
    """Remove lock files that flock left before `core.hardlink_lock` was set.

    They lock nothing, but DVC would wait for them for ever.
    """
    if not uses_hardlink_lock(root):
        return
    for path in (_lock_folder(root) / name for name in _LOCK_NAMES):
        with contextlib.suppress(OSError), path.open("r+", encoding="utf-8", errors="replace") as stream:
            if _PID.fullmatch(stream.read(100)) and os.fstat(stream.fileno()).st_nlink == 1:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()


def _lock_folder(root: Path) -> Path:
    if not (root / ".dvc").is_dir():
        raise UserError(
            f"{root / '.dvc'}: no such folder; run artpipe in the folder of the project, or in one below it"
        )
    return root / ".dvc/tmp"


@contextlib.contextmanager
def _hold_by_flock(folder: Path, wait_seconds: float, doing: str) -> Iterator[None]:
    path, deadline = folder / "lock", time.monotonic() + wait_seconds
    with path.open("a+", encoding="utf-8") as stream:
        while not _try_flock(stream.fileno(), path):
            if time.monotonic() >= deadline:
                raise BusyError(f"{path}: {_describe_holder(path)[0]} (wanted for {doing})")
            time.sleep(_POLL_SECONDS)
        stream.truncate(0)
        stream.write(f" {os.getpid()}\n")
        stream.flush()
        yield


@contextlib.contextmanager
def _hold_by_hardlink(folder: Path, wait_seconds: float, doing: str) -> Iterator[None]:
    command = [sys.executable, "-c", _HOLD_CODE, str(folder), str(max(1, round(wait_seconds)))]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, start_new_session=True) as child:
        if child.stdout is None or child.stdin is None or child.stderr is None:  # pipes, as asked for
            raise AssertionError
        if child.stdout.readline().strip() != "held":
            error_lines = child.stderr.read().strip().splitlines()
            if child.wait() == BusyError.exit_code:
                raise BusyError(f"{folder / 'lock'}: {_describe_holder(folder / 'lock')[0]} (wanted for {doing})")
            raise UserError(
                f"{folder / 'lock'}: cannot be locked by a hard link: {error_lines[-1] if error_lines else 'no reason given'}"
            )
        try:
            yield
        finally:
            child.stdin.close()
            child.wait()


def _is_free(path: Path) -> bool:
    with contextlib.suppress(FileNotFoundError), path.open("rb") as stream:
        return _try_flock(stream.fileno(), path)
    return True


def _try_flock(number: int, path: Path) -> bool:
    """Lock an open file, and return whether that was possible.

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


def _describe_holder(path: Path) -> tuple[str, bool]:
    """Return who holds a lock and what to do, and whether the holder is known.

    Known is a process of this machine, as far as can be seen.
    """
    text = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
    if _PID.fullmatch(text):
        command = _read_command(int(text))
        owner = f"({command}) is" if command else "of another machine is"
        return f"process {int(text)} {owner} already at something with DVC's cache; try again when it has ended", True
    since = time.strftime("%Y-%m-%d %H:%M", time.localtime(path.stat().st_ctime)) if path.exists() else "a moment ago"
    if process := _find_dvc_process(path.parents[2]):
        return f"held since {since}, perhaps by process {process}; try again when it has ended", True
    return (
        f"held since {since}, and no process of this machine works here: if none does on another machine either, one that"
        f" was killed left it: `rm {path}`"
    ), False


def _find_dvc_process(root: Path) -> str:
    """Return pid and command of a dvc process here that may hold a lock."""
    own_pids = {os.getpid(), os.getppid()}
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and int(entry.name) not in own_pids:
                command = _read_command(int(entry.name))
                is_inside = (entry / "cwd").resolve().is_relative_to(root.resolve())
                if is_inside and re.search(r"\bdvc\b", command) and "artpipe.orchestration." not in command:
                    return f"{entry.name} ({command})"
    return ""


def _read_command(pid: int) -> str:
    """Return a process's command line without the interpreter, empty if it has ended."""
    try:
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return ""
    arguments = [word for word in arguments if word]
    if len(arguments) > 1 and Path(arguments[0]).name.startswith("python"):
        arguments = arguments[1:]
    return to_printable(" ".join([Path(arguments[0]).name, *arguments[1:]])[:120]) if arguments else ""


def print_once(sentence: str) -> None:
    """Print a sentence on stderr, once however many wait."""
    if sentence not in _printed:
        _printed.add(sentence)
        sys.stderr.write(f"artpipe: {sentence}\n")
        sys.stderr.flush()
