"""Write files and folders whole or not at all.

By a temporary name, fsync, rename, and fsync of the folder.
"""

import contextlib
import errno
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from artpipe.errors import UserError
from artpipe.system.hashing import sha256_bytes

_BLOCK_BYTES = 1 << 20
_DISK_ERRORS = {errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.ESTALE}  # of a flush: the bytes are not on the disk
_MAX_NAME_BYTES = 120  # bytes before `.tmp.PID`; some encrypting file systems take 143 in all


def sync_folder(folder: Path) -> None:
    """Flush a folder's entries to disk, so that a rename survives a power cut."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:  # a share that opens no folders
        return
    try:
        _flush(handle)
    finally:
        os.close(handle)


def _flush(handle: int) -> None:
    """Flush to disk, where the file system can.

    Only a failure of the disk is an error; EINVAL, ENOSYS and the like are not.
    """
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno in _DISK_ERRORS:
            raise


@contextlib.contextmanager
def write_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`, and rename it to `path` on success.

    On failure it is removed.

    Raises:
        UserError: a device or the like stands there, which a rename would replace.
    """
    if path.exists() and not path.is_file() and not path.is_dir():
        raise UserError(f"{path}: a device, pipe or socket, found where a file is to be written; choose another place")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _temporary_path(path)
    try:
        yield temporary
        with temporary.open("rb") as stream:
            _flush(stream.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)


def write_bytes(path: Path, data: bytes) -> None:
    """Write `data` to `path` whole or not at all."""
    with write_file(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8 to `path` whole or not at all."""
    write_bytes(path, text.encode())


def write_json(path: Path, value: Any) -> None:
    """Write `value` as JSON whole or not at all.

    With an indent of two spaces, the keys in the order given, a newline at the end.
    """
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


@contextlib.contextmanager
def write_folder(folder: Path) -> Iterator[Path]:
    """Yield an empty temporary folder, which replaces `folder` on success.

    On failure it is removed.

    Raises:
        UserError: something else than a folder stands there.
    """
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder}: a file of that name, found where a folder is to be written; choose another place")
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary, old = (_temporary_path(folder, part) for part in ("", ".old"))
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    try:
        yield temporary
        for path in temporary.rglob("*"):
            if path.is_file():
                with path.open("rb") as stream:
                    _flush(stream.fileno())
        if folder.exists():
            _move_aside(folder, old)
        temporary.replace(folder)
    finally:
        for leftover in (temporary, old):
            shutil.rmtree(leftover, ignore_errors=True)
    sync_folder(folder.parent)


def _temporary_path(path: Path, part: str = "") -> Path:
    """Return a name beside `path` that `find_stale_temporaries` recognises.

    A long name is replaced by its hash, so that no name gets too long.
    """
    name = path.name
    if len(os.fsencode(name)) > _MAX_NAME_BYTES:
        name = sha256_bytes(os.fsencode(name))[:32]
    return path.with_name(f"{name}{part}.tmp.{os.getpid()}")


def _move_aside(folder: Path, old: Path) -> None:
    """Rename a folder before it is removed.

    Removed in place, half of it would stand under its final name meanwhile.
    """
    try:
        folder.replace(old)
    except OSError as error:
        if error.errno != errno.EXDEV:  # overlayfs renames no folder that its image brought
            raise
        shutil.rmtree(folder)


def is_inside(path: Path, folder: Path) -> bool:
    """Return whether a path is below a folder, without `..` or a link out of it."""
    return ".." not in path.parts and folder.resolve() in (path.parent.resolve() / path.name).parents


def find_stale_temporaries(folder: Path) -> Iterator[Path]:
    """Yield temporaries in `folder` whose writing process is gone."""
    for path in folder.glob("*.tmp.*") if folder.is_dir() else ():
        writer_pid = path.name.rpartition(".")[2]
        if writer_pid.isdigit() and not Path(f"/proc/{writer_pid}").exists():
            yield path


def remove_stale_temporaries(folder: Path) -> None:
    """Remove temporaries in `folder` whose writing process is gone."""
    for path in list(find_stale_temporaries(folder)):
        with contextlib.suppress(FileNotFoundError):  # another process sweeps too
            remove_path(path)


def copy_tree(source: Path, target: Path) -> None:
    """Copy a folder of files and folders to `target`, which must not exist yet.

    Raises:
        OSError: of the first file that could not be copied; `shutil.copytree` goes on after it, and reports a full disk
            in words only.
    """
    target.mkdir(parents=True)
    for path in sorted(source.iterdir()):
        if path.is_dir():
            copy_tree(path, target / path.name)
        else:
            shutil.copyfile(path, target / path.name)


def remove_path(path: Path) -> None:
    """Remove a file, a link or a folder with its contents, if it is there."""
    shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink(missing_ok=True)
