"""Walk file trees, and notice when they change while they are read.

What is being copied in is not read yet; what changed while it was read is read again.
"""

import contextlib
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from artpipe.errors import BusyError


def tree_fingerprint(path: Path) -> str:
    """Return a hash of all names, sizes and modification times below a path.

    Empty where the path does not exist.
    """
    digest = hashlib.sha256()
    for child in walk_tree(path):
        try:
            status = child.lstat()
        except OSError:
            continue  # gone since its folder was read
        digest.update(f"{child}\0{status.st_size}\0{status.st_mtime_ns}\0".encode(errors="surrogateescape"))
    return digest.hexdigest() if path.exists() else ""


@contextlib.contextmanager
def require_unchanged(path: Path) -> Iterator[None]:
    """Raise at the end of the body if anything below a path has changed meanwhile.

    DVC records what is there after a stage: a file that came too late would count as read.

    Raises:
        BusyError: something changed; the same command works as soon as nothing changes any more.
    """
    before = tree_fingerprint(path)
    yield
    if tree_fingerprint(path) != before:
        raise BusyError(f"{path}: changed while it was read; run again when it holds still")


def total_bytes(path: Path) -> int:
    """Return the bytes of all files at or below a path."""
    return sum(file.stat().st_size for file in walk_tree(path) if file.is_file())


def walk_tree(path: Path) -> Iterator[Path]:
    """Yield a path and all below it, links as themselves, at any depth.

    `os.walk` of Python 3.11 is limited by the depth of its stack.
    """
    yield path
    folders = [str(path)]
    while folders:
        with contextlib.suppress(OSError), os.scandir(folders.pop()) as entries:
            for item in sorted(entries, key=lambda entry: entry.name):
                yield Path(item.path)
                if item.is_dir(follow_symlinks=False):
                    folders.append(item.path)
