"""Bring a person's pictures into the project, without doubling their bytes on disk where the file system can share them."""

import contextlib
import fcntl
import os
import shutil
import stat
from collections.abc import Collection, Iterable
from pathlib import Path

from artpipe.artifacts.paths import STATE
from artpipe.errors import UserError
from artpipe.layout.input_files import find_hub_repository, resolve_hub_blob
from artpipe.storage.dvc_config import links_workspace
from artpipe.system.atomic_files import remove, stands_in, write_text, written, written_folder
from artpipe.system.file_tree import below
from artpipe.system.plain_text import plain
from artpipe.untrusted.archives import archive_reader
from artpipe.untrusted.hidden_files import has_hidden_part

DATASETS = Path("datasets")
_FICLONE = 0x40049409  # ioctl of linux/fs.h: share the blocks until one side changes
_ARRIVING = STATE / "arriving"


def archive_suffix(path: Path) -> str:
    """Return the suffix of a zip or tar archive by its content (``.tar.gz`` counts as one).

    Raises:
        UserError: the file is neither; the message says what it is and what to do.
    """
    try:
        return archive_reader.detect_archive_suffix(path)
    except UserError as error:
        reason = str(error).removeprefix(f"{path}: ")
        wanted = "not a folder and not a zip or tar archive that can be read, and no file of many works"
        raise UserError(f"{path}: {wanted} such as text or JSON lines: {reason}") from None


def describe_archive(path: Path, names: str) -> str:
    """Return a line on how an archive is read where it leaves that open; what is no archive has none."""
    try:
        notes = archive_reader.collect_archive_notes(path, archive_reader.ArchiveLimits(names=names))
    except UserError:
        return ""
    other = "; another encoding: `--names`" if any(note.startswith("name read as") for note in notes) else ""
    return plain(f"{path.name}: {'; '.join(notes)}{other}") + "\n" if notes else ""


def copy_archive(source: Path, target: Path) -> int:
    """Copy one file, whole or not at all; nothing stays behind (0)."""
    with written(target) as temporary:
        clone(source, temporary)
    return 0


def copy_folder(source: Path, target: Path) -> int:
    """Copy the regular files of a folder, whole or not at all, and return how many inputs had to stay behind.

    Links and special files stay behind (a clone of the project could not follow them), and names that are not UTF-8,
    which DVC cannot record. Leftovers of systems (``.DS_Store``, ``@eaDir``) stay behind; of a link into the blobs of a
    Hugging Face Hub cache the blob is copied.
    """
    left, repository = 0, find_hub_repository(source)
    with written_folder(target) as temporary:
        for path in below(source):
            name, mode = path.relative_to(source), path.lstat().st_mode
            if path == source or stat.S_ISDIR(mode) or has_hidden_part(name.as_posix()):
                continue
            original = resolve_hub_blob(path, repository) if stat.S_ISLNK(mode) and repository else path
            if original is None or not stat.S_ISREG(original.lstat().st_mode) or not _is_utf8(str(name)):
                left += 1
                continue
            copy = temporary / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            clone(original, copy)
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
    """Copy a file by shared blocks where the file system has them, by hard link where both lie on one disk, or by bytes.

    By no hard link where DVC links its cache into the workspace: it would take the original itself into the cache.
    """
    with source.open("rb") as reader, target.open("wb") as writer, contextlib.suppress(OSError):
        fcntl.ioctl(writer, _FICLONE, reader.fileno())
        return
    target.unlink()
    if links_workspace(Path()):
        shutil.copyfile(source, target)
        return
    try:
        os.link(source, target, follow_symlinks=False)
    except (OSError, NotImplementedError):  # every file system without links has a number of its own for it
        shutil.copyfile(source, target)


def unlink_originals(folder: Path) -> None:
    """Give every file that is still a hard link its own bytes, so that editing an original changes nothing here."""
    if links_workspace(Path()):
        return  # nothing was linked to an original, and what DVC linked to its cache stays
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
