"""Import a person's works into the project.

Their bytes are shared on disk where the file system can do so.
"""

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
from artpipe.system.atomic_files import is_inside, remove_path, write_file, write_folder, write_text
from artpipe.system.file_tree import walk_tree
from artpipe.system.plain_text import to_printable
from artpipe.untrusted.archives import archive_reader
from artpipe.untrusted.archives.table_members import detect_table_suffix, require_picture_table
from artpipe.untrusted.hidden_files import has_hidden_part

DATASETS = Path("datasets")
_FICLONE = 0x40049409  # ioctl of linux/fs.h: share the blocks until one side changes
_IMPORT_MARKER = STATE / "arriving"


def archive_suffix(path: Path) -> str:
    """Return the suffix of a zip or tar archive, or of a table, by its content.

    ``.tar.gz`` counts as one.

    Raises:
        UserError: the file is neither; the message says what it is and what to do.
    """
    if suffix := detect_table_suffix(path):
        require_picture_table(path)
        return suffix
    try:
        return archive_reader.detect_archive_suffix(path)
    except UserError as error:
        reason = str(error).removeprefix(f"{path}: ")
        expected = "not a folder and not a zip or tar archive that can be read, and no file of many works"
        raise UserError(f"{path}: {expected} such as text or JSON lines: {reason}") from None


def describe_archive(path: Path, names: str) -> str:
    """Return a line on how an ambiguous archive is read, empty if there is none."""
    try:
        notes = archive_reader.collect_archive_notes(path, archive_reader.ArchiveLimits(names=names))
    except UserError:
        return ""
    other = "; another encoding: `--names`" if any(note.startswith("name read as") for note in notes) else ""
    return to_printable(f"{path.name}: {'; '.join(notes)}{other}") + "\n" if notes else ""


def copy_archive(source: Path, target: Path) -> int:
    """Copy one file, whole or not at all; return 0, since nothing is skipped."""
    with write_file(target) as temporary:
        clone_file(source, temporary)
    return 0


def copy_folder(source: Path, target: Path) -> int:
    """Copy the regular files of a folder, whole or not at all.

    Links and special files are skipped (a clone of the project could not follow them), and names that are not UTF-8, which
    DVC cannot record. Files of systems (``.DS_Store``, ``@eaDir``) are skipped and not counted; of a link into the blobs of
    a Hugging Face Hub cache the blob is copied.

    Returns:
        How many inputs were skipped.
    """
    skipped_count, repository = 0, find_hub_repository(source)
    with write_folder(target) as temporary:
        for path in walk_tree(source):
            name, mode = path.relative_to(source), path.lstat().st_mode
            if path == source or stat.S_ISDIR(mode) or has_hidden_part(name.as_posix()):
                continue
            original = resolve_hub_blob(path, repository) if stat.S_ISLNK(mode) and repository else path
            if original is None or not stat.S_ISREG(original.lstat().st_mode) or not _is_utf8(str(name)):
                skipped_count += 1
                continue
            copy = temporary / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            clone_file(original, copy)
    return skipped_count


def mark_import_started(target: Path) -> None:
    """Note what is being imported, so that a killed process leaves no half of it."""
    write_text(_IMPORT_MARKER, str(target))


def mark_import_finished() -> None:
    """Remove the note: the import is complete, or was undone."""
    _IMPORT_MARKER.unlink(missing_ok=True)


def undo_unfinished_import(kept_paths: Collection[str] = ()) -> None:
    """Remove what was being imported, by a process that was killed perhaps.

    Not what is in `kept_paths`: its import was complete.
    """
    target = _IMPORT_MARKER.read_text(encoding="utf-8") if _IMPORT_MARKER.is_file() else ""
    if target and target not in kept_paths and is_inside(Path(target), DATASETS):
        remove_path(Path(target))
        Path(f"{target}.dvc").unlink(missing_ok=True)
    mark_import_finished()


def is_project_dataset(path: Path, others: Iterable[str]) -> bool:
    """Return whether a dataset's works are in ``datasets/`` and are its alone."""
    resolved = path.resolve()
    other_folders = [Path(other).resolve() for other in others]
    return is_inside(path, DATASETS) and not any(
        resolved in (folder, *folder.parents) or folder in resolved.parents for folder in other_folders
    )


def clone_file(source: Path, target: Path) -> None:
    """Copy a file by shared blocks, else by hard link, else by bytes.

    Shared blocks where the file system has them; a hard link where both are on one disk, but not where DVC links its cache
    into the workspace: it would take the original itself into the cache.
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
    """Replace hard links by copies, so that editing an original changes nothing here."""
    if links_workspace(Path()):
        return  # nothing was linked to an original, and what DVC linked to its cache stays
    for path in [folder] if folder.is_file() else folder.rglob("*"):
        if path.is_file() and path.stat().st_nlink > 1:
            with write_file(path) as temporary:
                shutil.copyfile(path, temporary)


def _is_utf8(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
