"""Whether files hold still: what is being copied in is not read yet, and what changed while it was read is read again."""

import contextlib
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from artpipe.errors import BusyError


def signature(path: Path) -> str:
    """Return a hash of all names, sizes and times of change at a path; empty where nothing is."""
    digest = hashlib.sha256()
    for found in below(path):
        try:
            entry = found.lstat()
        except OSError:
            continue  # gone since its folder was read
        digest.update(f"{found}\0{entry.st_size}\0{entry.st_mtime_ns}\0".encode(errors="surrogateescape"))
    return digest.hexdigest() if path.exists() else ""


@contextlib.contextmanager
def unchanged(path: Path) -> Iterator[None]:
    """Read a path: DVC records what is there after a stage, and would take for read what came too late.

    Raises:
        BusyError: something changed there meanwhile; the same command works as soon as it holds still.
    """
    before = signature(path)
    yield
    if signature(path) != before:
        raise BusyError(f"{path}: changed while it was read; run again when it holds still")


def weight(path: Path) -> int:
    """Return the bytes of all files at a path."""
    return sum(one.stat().st_size for one in below(path) if one.is_file())


def below(path: Path) -> Iterator[Path]:
    """Yield a path and all below it, links as themselves, however deep (`os.walk` of Python 3.11 ends at its stack's depth)."""
    yield path
    folders = [str(path)]
    while folders:
        with contextlib.suppress(OSError), os.scandir(folders.pop()) as found:
            for one in sorted(found, key=lambda entry: entry.name):
                yield Path(one.path)
                if one.is_dir(follow_symlinks=False):
                    folders.append(one.path)
