"""Bring a person's pictures into the project, without doubling their bytes on disk where the file system can share them."""

import contextlib
import errno
import fcntl
import os
import shutil
import stat
from pathlib import Path

from artpipe.errors import UserError
from artpipe.files import written, written_folder
from artpipe.inputs.archives import ArchiveLimits, members
from artpipe.inputs.hidden import is_hidden

_FICLONE = 0x40049409  # ioctl of linux/fs.h: share the blocks until one side changes
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
        for folder, folders, names in os.walk(source):
            folders[:] = sorted(one for one in folders if not is_hidden(one))
            for name in sorted(one for one in names if not is_hidden(one)):
                path = Path(folder) / name
                if not stat.S_ISREG(path.lstat().st_mode) or not _is_utf8(str(path.relative_to(source))):
                    left += 1
                    continue
                copy = temporary / path.relative_to(source)
                copy.parent.mkdir(parents=True, exist_ok=True)
                clone(path, copy)
    return left


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
