"""Nothing half-written: temporary name, fsync, rename, fsync of the folder; locks; hashes."""

import contextlib
import errno
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from artpipe.system.hashing import sha256_bytes

_BLOCK = 1 << 20
_LOST = {errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.ESTALE}  # of a flush: the bytes are not on the disk
_LONGEST_NAME = 120  # bytes before `.tmp.PID`; some encrypting file systems take 143 in all


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
    """Flush to disk where the file system knows how; only what a disk failed at is an error (EINVAL, ENOSYS ... are not)."""
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno in _LOST:
            raise


@contextlib.contextmanager
def written(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it is flushed and takes its name, on failure it is removed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _temporary(path)
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
    with written(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8 to `path` whole or not at all."""
    write_bytes(path, text.encode())


def write_json(path: Path, value: Any) -> None:
    """Write `value` as JSON (two-space indent, the order given, a newline at the end) whole or not at all."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


@contextlib.contextmanager
def written_folder(folder: Path) -> Iterator[Path]:
    """Yield an empty temporary folder that replaces `folder` as a whole on success and vanishes on failure."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary, old = (_temporary(folder, part) for part in ("", ".old"))
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    try:
        yield temporary
        for path in temporary.rglob("*"):
            if path.is_file():
                with path.open("rb") as stream:
                    _flush(stream.fileno())
        if folder.exists():
            _put_aside(folder, old)
        temporary.replace(folder)
    finally:
        for left in (temporary, old):
            shutil.rmtree(left, ignore_errors=True)
    sync_folder(folder.parent)


def _temporary(path: Path, part: str = "") -> Path:
    """Return a name beside `path` that `sweep` knows; a long one is told by its hash, so that no name gets too long."""
    name = path.name
    if len(os.fsencode(name)) > _LONGEST_NAME:
        name = sha256_bytes(os.fsencode(name))[:32]
    return path.with_name(f"{name}{part}.tmp.{os.getpid()}")


def _put_aside(folder: Path, old: Path) -> None:
    """Rename a folder: removed where it is, half of it would stand under its final name meanwhile."""
    try:
        folder.replace(old)
    except OSError as error:
        if error.errno != errno.EXDEV:  # overlayfs renames no folder that its image brought
            raise
        shutil.rmtree(folder)


def stands_in(path: Path, folder: Path) -> bool:
    """Return whether a path leads to something below a folder: by no `..` and no link out of it."""
    return ".." not in path.parts and folder.resolve() in (path.parent.resolve() / path.name).parents


def halves(folder: Path) -> Iterator[Path]:
    """Yield temporaries in `folder` whose writing process is gone."""
    for path in folder.glob("*.tmp.*") if folder.is_dir() else ():
        pid = path.name.rpartition(".")[2]
        if pid.isdigit() and not Path(f"/proc/{pid}").exists():
            yield path


def sweep(folder: Path) -> None:
    """Remove temporaries in `folder` whose writing process is gone."""
    for path in list(halves(folder)):
        with contextlib.suppress(FileNotFoundError):  # another process sweeps too
            remove(path)


def copy_tree(source: Path, target: Path) -> None:
    """Copy a folder of files and folders, which must not be there yet.

    Raises:
        OSError: of the first file that could not be copied; `shutil.copytree` copies on, and tells of a full disk in words only.
    """
    target.mkdir(parents=True)
    for path in sorted(source.iterdir()):
        if path.is_dir():
            copy_tree(path, target / path.name)
        else:
            shutil.copyfile(path, target / path.name)


def remove(path: Path) -> None:
    """Remove a file, a link or a folder with all that is in it; nothing where it is gone already."""
    shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink(missing_ok=True)
