"""Fill a new folder whole or not at all, and say in one line why it could not be."""

import contextlib
import errno
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from artpipe.errors import ArtpipeError, DiskFullError, UserError
from artpipe.system.atomic_files import find_stale_temporaries, remove_path, write_text
from artpipe.system.plain_text import to_printable

_TEMPORARY = ".new.tmp."  # and the process that writes
_MAX_SHOWN = 200  # characters of a path in a message


def require_empty(folder: Path) -> None:
    """Raise unless a folder is empty or not there yet.

    What a killed process left does not count.

    Raises:
        UserError: it holds something, or is no folder.
        OSError: it cannot be looked at.
    """
    shown = to_printable(str(folder))
    if folder.is_dir():
        leftovers = {path.name for path in _find_leftovers(folder)}
        entries = sorted({to_printable(path.name) for path in folder.iterdir()} - leftovers)
        if entries:
            some_names = ", ".join(entries[:3]) + (" ..." if len(entries) > 3 else "")  # noqa: PLR2004
            raise UserError(f"{shown}: not empty ({some_names}); name a folder that is empty or not there yet")
    elif folder.exists() or folder.is_symlink():
        raise UserError(f"{shown}: not a folder; name one that is empty or not there yet")


@contextlib.contextmanager
def fill_folder(folder: Path, last: str) -> Iterator[Path]:
    """Yield a temporary folder, whose entries move to `folder` on success.

    On failure nothing of it stays.

    Args:
        folder: what `require_empty` lets pass.
        last: the entry that moves after all others.
    """
    created = [path for path in (folder, *folder.parents) if not path.exists()]
    temporary = folder / f"{_TEMPORARY}{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for leftover in _find_leftovers(folder):
            remove_path(leftover)
        temporary.mkdir()
        yield temporary
        for path in sorted(temporary.iterdir(), key=lambda path: path.name == last):
            path.replace(folder / path.name)
        temporary.rmdir()
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        for path in created:
            with contextlib.suppress(OSError):
                path.rmdir()
        raise


def write_named_text(path: Path, text: str) -> None:
    """Write `text` to `path`, whose name is in every error."""
    with name_errors(path):
        write_text(path, text)


@contextlib.contextmanager
def name_errors(path: Path) -> Iterator[None]:
    """Give a file's name to errors that have none, such as that of a full disk."""
    try:
        yield
    except OSError as error:
        error.filename = error.filename or str(path)
        raise


@contextlib.contextmanager
def explain_os_errors(folder: Path) -> Iterator[None]:
    """Turn what the system refuses into one line with the file's final name.

    Raises:
        DiskFullError: the disk is full.
        UserError: anything else, such as a folder that may not be written to or a name that is too long.
    """
    try:
        yield
    except OSError as error:
        file = re.sub(rf"/{re.escape(_TEMPORARY)}\d+(?=/|$)|\.tmp\.\d+$", "", str(error.filename or folder))
        file = to_printable(file)
        if len(file) > _MAX_SHOWN:
            file = f"{file[: _MAX_SHOWN // 2]} ... {file[-_MAX_SHOWN // 2 :]}"
        kind: type[ArtpipeError] = DiskFullError if error.errno in {errno.ENOSPC, errno.EDQUOT} else UserError
        raise kind(f"{file}: cannot be made: {error.strerror}; nothing was written") from None


def _find_leftovers(folder: Path) -> list[Path]:
    """Return what processes that were killed left behind.

    A file of another name is somebody's own.
    """
    return [path for path in find_stale_temporaries(folder) if path.name.startswith(_TEMPORARY)]
