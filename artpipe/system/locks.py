"""File locks on any file system: with both kinds of locks, one kind, or none.

None have NFS without a lock daemon, some FUSE systems and some network shares.
"""

import contextlib
import errno
import fcntl
import hashlib
import math
import os
import struct
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from artpipe.errors import BusyError, UserError
from artpipe.system.plain_text import to_printable

_OFD_SETLK = getattr(fcntl, "F_OFD_SETLK", None)  # of Linux
_WARNED: set[str] = set()  # types of file systems whose lack of locks was reported


def take_lock(stream: IO[Any], path: Path) -> IO[Any] | None:
    """Lock a file that is open for writing, without waiting.

    flock is tried first, then a lock of the open file description (fcntl, the only one on NFS and some FUSE systems);
    where the file system has neither, a substitute file in this machine's temporary folder is locked. The kernel frees
    all of them when the holder dies.

    Returns:
        The stream of the substitute, which has to stay open as long; None where there is none.

    Raises:
        BlockingIOError: another process holds it.
        UserError: neither file system has locks.
    """
    own_error = _try_lock(stream)
    if own_error is None:
        return None
    folder = Path(tempfile.gettempdir()) / f"artpipe-locks-{os.getuid()}"
    name = hashlib.sha256(os.fsencode(path.resolve())).hexdigest()[:32]
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        if folder.stat().st_uid != os.getuid() or folder.is_symlink():
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(folder))
        substitute = (folder / f"{name}.lock").open("a+")
    except OSError as error:
        raise _make_no_locks_error(path, own_error, error) from None
    try:
        substitute_error = _try_lock(substitute)
    except BlockingIOError:
        substitute.close()
        raise
    if substitute_error is not None:
        substitute.close()
        raise _make_no_locks_error(path, own_error, substitute_error)
    _warn_once(path, own_error)
    return substitute


def _try_lock(stream: IO[Any]) -> OSError | None:
    """Lock a file in one of two ways; return why neither works, if so.

    Raises:
        BlockingIOError: another process holds it.
    """
    reason = None
    for lock in (_flock, _lock_open_file):
        try:
            lock(stream)
        except BlockingIOError:
            raise
        except OSError as error:  # any errno: every file system has its own
            reason = reason or error
        else:
            return None
    return reason


def _flock(stream: IO[Any]) -> None:
    fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _lock_open_file(stream: IO[Any]) -> None:
    if _OFD_SETLK is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    try:
        fcntl.fcntl(stream, _OFD_SETLK, struct.pack("hhqqi", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
    except OSError as error:
        if error.errno != errno.EACCES:  # POSIX leaves the choice between EACCES and EAGAIN
            raise
        raise BlockingIOError(*error.args) from None


def supports_hardlinks(folder: Path) -> bool:
    """Return whether files in a folder can have hard links."""
    probe = folder / f"link-probe.tmp.{os.getpid()}"
    second = probe.with_name(f"second-{probe.name}")
    try:
        probe.touch()
        os.link(probe, second)
    except OSError:
        return False
    finally:
        probe.unlink(missing_ok=True)
        second.unlink(missing_ok=True)
    return True


def find_flock_error(folder: Path) -> OSError | None:
    """Return why files in a folder cannot be locked as DVC does it.

    None where they can, or where nothing can be written there.
    """
    probe = folder / f"lock-probe.tmp.{os.getpid()}"
    try:
        stream = probe.open("a+")
    except OSError:
        return None
    try:
        _flock(stream)
    except OSError as error:
        return error
    finally:
        stream.close()
        probe.unlink(missing_ok=True)
    return None


def filesystem_type(path: Path) -> str:
    """Return the type of file system a path is on, such as `nfs4`.

    Empty where the kernel does not say.
    """
    real_path, kind = os.path.realpath(path), ""
    with contextlib.suppress(OSError):
        longest_mount = -1
        for line in Path("/proc/self/mounts").read_text(encoding="utf-8", errors="surrogateescape").splitlines():
            _, mount, name, *_ = line.split(" ")
            mount = mount.replace("\\040", " ").replace("\\011", "\t").replace("\\012", "\n").replace("\\134", "\\")
            if (real_path == mount or real_path.startswith(f"{mount.rstrip('/')}/")) and len(mount) >= longest_mount:
                longest_mount, kind = len(mount), name
    return kind


def _make_no_locks_error(path: Path, own_error: OSError, substitute_error: OSError) -> UserError:
    temporary_folder = tempfile.gettempdir()
    reasons = f"no locks on this file system ({_describe_filesystem(path, own_error)}), nor in {temporary_folder} ({substitute_error.strerror})"
    return UserError(f"{to_printable(str(path))}: {reasons}; set TMPDIR to a folder on a disk of this machine")


def _warn_once(path: Path, reason: OSError) -> None:
    kind = filesystem_type(path)
    if kind in _WARNED:
        return
    _WARNED.add(kind)
    advice = f"locked in {tempfile.gettempdir()}, for this machine only: let no other one work here at the same time"
    sys.stderr.write(f"artpipe: no locks on this file system ({_describe_filesystem(path, reason)}); {advice}\n")


def _describe_filesystem(path: Path, reason: OSError) -> str:
    return ": ".join(filter(None, (filesystem_type(path), reason.strerror)))


@contextlib.contextmanager
def hold_lock(
    path: Path, *, wait_seconds: float = 10.0, notice_seconds: float = math.inf, doing: str = "this"
) -> Iterator[None]:
    """Hold a lock on `path` while the body runs.

    The kernel frees it when the holder dies, however it dies.

    Args:
        path: the lock file; it is created, and holds the holder's pid.
        wait_seconds: for a lock that another process holds.
        notice_seconds: of waiting before a line on stderr says for whom.
        doing: what the holder does, for the message.

    Raises:
        BusyError: the lock was still held after `wait_seconds`; the message names the holder's pid.
        UserError: neither this file system nor that of the temporary folder has locks.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as stream, contextlib.ExitStack() as stack:
        start = time.monotonic()
        while True:
            try:
                if substitute := take_lock(stream, path):
                    stack.enter_context(substitute)
                break
            except BlockingIOError:
                waited = time.monotonic() - start
                if waited >= wait_seconds:
                    message = f"{path}: {_describe_holder(stream, doing)}; try again when it has ended"
                    raise BusyError(message) from None
                if waited >= notice_seconds:
                    notice_seconds = math.inf
                    sys.stderr.write(f"artpipe: waiting up to {wait_seconds:g} s: {_describe_holder(stream, doing)}\n")
                time.sleep(0.05)
        stream.seek(0)
        stream.truncate()
        stream.write(str(os.getpid()))
        stream.flush()
        yield


def _describe_holder(stream: IO[str], doing: str) -> str:
    stream.seek(0)
    return f"process {stream.read().strip() or 'unknown'} is already at {doing}"


def is_locked(path: Path) -> bool:
    """Return whether a process holds the lock on `path`."""
    try:
        with hold_lock(path, wait_seconds=0.0):
            return False
    except BusyError:
        return True
