"""Change or remove files of a folder of works, those inside its archives too."""

import stat
from functools import partial
from pathlib import Path

from artpipe.layout.input_files import FolderFiles, walk_files
from artpipe.storage.dvc_config import is_cache_link
from artpipe.system.atomic_files import write_bytes
from artpipe.untrusted.archives.archive_editing import Change, edit_archive
from artpipe.untrusted.archives.archive_reader import ArchiveLimits


def edit_folder(path: Path, limits: ArchiveLimits, change: Change) -> int:
    """Replace or remove the folder's files as `change` says; return how many.

    Files larger than the limits are left alone: they are no works.

    Raises:
        UserError: see `edit_archive`.
    """
    inputs, changed = FolderFiles(path, limits), 0
    for file in list(walk_files(path)):
        name, mode = file.relative_to(path).as_posix(), file.lstat().st_mode
        if not stat.S_ISREG(mode) and not is_cache_link(file):
            continue
        if inputs.is_shard(file):
            changed += edit_archive(file, limits, partial(_change_member, change, name))
        elif file.stat().st_size <= limits.megabytes * 2**20:
            data = file.read_bytes()
            result = change(name, data)
            changed += result != data
            if result is None:
                file.unlink()
            elif result != data:
                write_bytes(file, result)
    _remove_empty_folders(path)
    return changed


def _change_member(change: Change, archive: str, member: str, data: bytes) -> bytes | None:
    return change(f"{archive}/{member}", data)


def _remove_empty_folders(path: Path) -> None:
    """Remove folders that are left empty: their names may tell of what was in them."""
    for folder in sorted(
        (child for child in path.rglob("*") if child.is_dir() and not child.is_symlink()), reverse=True
    ):
        if not any(folder.iterdir()):
            folder.rmdir()
