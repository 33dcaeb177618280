"""OS locks on file systems that have one kind of them, or none (NFS without a lock daemon, FUSE, some shares)."""

import contextlib
import errno
import fcntl
import hashlib
import os
import struct
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from artpipe.errors import BusyError, UserError
from artpipe.system.plain_text import plain

_OFD_SETLK = getattr(fcntl, "F_OFD_SETLK", None)  # of Linux
_TOLD: set[str] = set()  # file systems of which this process has said that they have no locks


def take_lock(stream: IO[Any], path: Path) -> IO[Any] | None:
    """Lock a file that is open for writing, without waiting; return what else has to stay open with it.

    flock first, then the lock of an open file (fcntl, which NFS and some FUSE systems have alone); where the file
    system has neither, a file that stands for it in this machine's temporary folder. The kernel frees all of them when
    the holder dies.

    Raises:
        BlockingIOError: somebody holds it.
        UserError: no lock can be had, here or there.
    """
    first = _try_lock(stream)
    if first is None:
        return None
    folder = Path(tempfile.gettempdir()) / f"artpipe-locks-{os.getuid()}"
    name = hashlib.sha256(os.fsencode(path.resolve())).hexdigest()[:32]
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        if folder.stat().st_uid != os.getuid() or folder.is_symlink():
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(folder))
        instead = (folder / f"{name}.lock").open("a+")
    except OSError as error:
        raise _no_locks(path, first, error) from None
    try:
        second = _try_lock(instead)
    except BlockingIOError:
        instead.close()
        raise
    if second is not None:
        instead.close()
        raise _no_locks(path, first, second)
    _tell_once(path, first)
    return instead


def _try_lock(stream: IO[Any]) -> OSError | None:
    """Lock a file in one of two ways; return why neither is to be had.

    Raises:
        BlockingIOError: somebody holds it.
    """
    reason = None
    for way in (_flock, _lock_open_file):
        try:
            way(stream)
        except BlockingIOError:
            raise
        except OSError as error:  # whatever its number: every file system has its own
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


def has_links(folder: Path) -> bool:
    """Return whether files in a folder can have a second name."""
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


def flock_fails(folder: Path) -> OSError | None:
    """Return why files in a folder cannot be locked as DVC does; None where they can, or nothing can be written there."""
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


def filesystem_of(path: Path) -> str:
    """Return the kind of file system a path is on, such as `nfs4`; nothing where the kernel does not say."""
    place, kind = os.path.realpath(path), ""
    with contextlib.suppress(OSError):
        longest = -1
        for line in Path("/proc/self/mounts").read_text(encoding="utf-8", errors="surrogateescape").splitlines():
            _, mount, name, *_ = line.split(" ")
            mount = mount.replace("\\040", " ").replace("\\011", "\t").replace("\\012", "\n").replace("\\134", "\\")
            if (place == mount or place.startswith(f"{mount.rstrip('/')}/")) and len(mount) >= longest:
                longest, kind = len(mount), name
    return kind


def _no_locks(path: Path, here: OSError, there: OSError) -> UserError:
    temporary = tempfile.gettempdir()
    reasons = f"no locks on this file system ({_named(path, here)}), nor in {temporary} ({there.strerror})"
    return UserError(f"{plain(str(path))}: {reasons}; set TMPDIR to a folder on a disk of this machine")


def _tell_once(path: Path, reason: OSError) -> None:
    kind = filesystem_of(path)
    if kind in _TOLD:
        return
    _TOLD.add(kind)
    advice = f"locked in {tempfile.gettempdir()}, for this machine only: let no other one work here at the same time"
    sys.stderr.write(f"artpipe: no locks on this file system ({_named(path, reason)}); {advice}\n")


def _named(path: Path, reason: OSError) -> str:
    return ": ".join(filter(None, (filesystem_of(path), reason.strerror)))


@contextlib.contextmanager
def locked(path: Path, *, wait_seconds: float = 10.0, doing: str = "this") -> Iterator[None]:
    """Hold an OS lock on `path`; the kernel frees it when the holder dies, however it dies.

    Raises:
        BusyError: the lock was still held after `wait_seconds`; the message names the holder's pid.
        UserError: neither this file system nor that of the temporary folder has locks.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as stream, contextlib.ExitStack() as stack:
        deadline = time.monotonic() + wait_seconds
        while True:
            try:
                if instead := take_lock(stream, path):
                    stack.enter_context(instead)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    stream.seek(0)
                    holder = stream.read().strip() or "unknown"
                    message = f"{path}: process {holder} is already at {doing}; try again when it has ended"
                    raise BusyError(message) from None
                time.sleep(0.05)
        stream.seek(0)
        stream.truncate()
        stream.write(str(os.getpid()))
        stream.flush()
        yield


def held(path: Path) -> bool:
    """Return whether a process holds the lock on `path`."""
    try:
        with locked(path, wait_seconds=0.0):
            return False
    except BusyError:
        return True
