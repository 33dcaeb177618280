"""Bring a person's pictures into the project, without doubling their bytes on disk where the file system can share them."""

import contextlib
import errno
import fcntl
import os
import shutil
import stat
from collections.abc import Collection, Iterable
from pathlib import Path

from artpipe.artifacts.paths import STATE
from artpipe.errors import UserError
from artpipe.files import remove, stands_in, write_text, written, written_folder
from artpipe.inputs.archives import ArchiveLimits, members
from artpipe.inputs.hidden import lies_hidden
from artpipe.still import below

DATASETS = Path("datasets")
_FICLONE = 0x40049409  # ioctl of linux/fs.h: share the blocks until one side changes
_ARRIVING = STATE / "arriving"
_SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")


def archive_suffix(path: Path) -> str:
    """Return the suffix of a zip or tar archive (``.tar.gz`` counts as one).

    Raises:
        UserError: the file is neither, or its name does not say so.
    """
    suffix = next((known for known in sorted(_SUFFIXES, key=len, reverse=True) if path.name.endswith(known)), "")
    if not suffix or not _is_archive(path):
        archives = f"not a folder and not a zip or tar archive ({', '.join(_SUFFIXES)})"
        raise UserError(f"{path}: {archives}, and no file of many works such as text or JSON lines")
    return suffix


def _is_archive(path: Path) -> bool:
    with contextlib.closing(members(path, ArchiveLimits(), lambda _: False)) as found:
        try:
            next(found, None)
        except UserError:
            return False
    return True


def copy_archive(source: Path, target: Path) -> int:
    """Copy one file, whole or not at all; nothing stays behind (0)."""
    with written(target) as temporary:
        clone(source, temporary)
    return 0


def copy_folder(source: Path, target: Path) -> int:
    """Copy the regular files of a folder, whole or not at all, and return how many inputs had to stay behind.

    Links and special files stay behind (a clone of the project could not follow them), and names that are not UTF-8,
    which DVC cannot record. Hidden files (``.DS_Store``, ``__MACOSX``) stay behind unmentioned.
    """
    left = 0
    with written_folder(target) as temporary:
        for path in below(source):
            name, mode = path.relative_to(source), path.lstat().st_mode
            if path == source or stat.S_ISDIR(mode) or lies_hidden(name.as_posix()):
                continue
            if not stat.S_ISREG(mode) or not _is_utf8(str(name)):
                left += 1
                continue
            copy = temporary / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            clone(path, copy)
    return left


def arrives(target: Path) -> None:
    """Write down what is on its way in, so that it does not stay half there if this process is killed."""
    write_text(_ARRIVING, str(target))


def arrived() -> None:
    """Say so no more: it is in, or was taken back."""
    _ARRIVING.unlink(missing_ok=True)


def take_back(named: Collection[str] = ()) -> None:
    """Take away what is on its way in, by a process that was killed perhaps; not what is named, which came to its end."""
    target = _ARRIVING.read_text(encoding="utf-8") if _ARRIVING.is_file() else ""
    if target and target not in named and stands_in(Path(target), DATASETS):
        remove(Path(target))
        Path(f"{target}.dvc").unlink(missing_ok=True)
    arrived()


def is_own(path: Path, others: Iterable[str]) -> bool:
    """Return whether a dataset's works stand in ``datasets/``, by no detour, and none of the other datasets reads them."""
    place = path.resolve()
    read = [Path(other).resolve() for other in others]
    return stands_in(path, DATASETS) and not any(place in (one, *one.parents) or one in place.parents for one in read)


def clone(source: Path, target: Path) -> None:
    """Copy a file by shared blocks where the file system has them, by hard link where both lie on one disk, or by bytes."""
    with source.open("rb") as reader, target.open("wb") as writer, contextlib.suppress(OSError):
        fcntl.ioctl(writer, _FICLONE, reader.fileno())
        return
    target.unlink()
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError as error:
        if error.errno not in {errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EACCES, errno.ENOTSUP}:
            raise
        shutil.copyfile(source, target)


def unlink_originals(folder: Path) -> None:
    """Give every file that is still a hard link its own bytes, so that editing an original changes nothing here."""
    for path in [folder] if folder.is_file() else folder.rglob("*"):
        if path.is_file() and path.stat().st_nlink > 1:
            with written(path) as temporary:
                shutil.copyfile(path, temporary)


def _is_utf8(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
