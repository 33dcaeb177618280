"""Find paths that DVC cannot track, before it touches them.

DVC waits for ever on a pipe, fails on a broken link, and reads everything in a folder.
"""

import os
import stat
from pathlib import Path

from artpipe.errors import UserError
from artpipe.storage.dvc_config import is_cache_link, is_lost_cache_link
from artpipe.system.file_tree import walk_tree
from artpipe.system.plain_text import to_printable

_MAX_DEPTH = 100  # folders in folders; from some hundreds on DVC does not come to an end
_TOO_DEEP = f"more than {_MAX_DEPTH} folders deep, which DVC does not come to the end of; move it further up"
_MAX_HOLE_BYTES = 1 << 30  # bytes of a file that are on no disk and would be read all the same
_OWN_FOLDERS = ("data", ".state", ".dvc", ".git")
_IMPORTABLE = ("data/samples", ".state/hub")  # output of `artpipe sample`, and what `hub_download` fetched
_SPECIAL = {
    stat.S_IFIFO: "a pipe (FIFO)",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def require_trackable(path: Path) -> None:
    """Raise if DVC cannot track a file, or anything in a folder.

    It could not record it, would wait on it for ever, or would copy it in from outside.

    Raises:
        UserError: the first such thing, what it is and what to do.
    """
    for child in walk_tree(path):
        if fault := _find_fault(child, path):
            raise UserError(f"{to_printable(str(child))}: {fault}")


def require_outside_project(source: Path, root: Path = Path()) -> None:
    """Raise if a folder contains the project, or is one of the project's own.

    Samples that were painted may be imported again, and what was fetched to be imported.

    Raises:
        UserError: what it is and what to name instead.
    """
    project, resolved, name = root.resolve(), source.resolve(), to_printable(str(source))
    if project.is_relative_to(resolved) or (project / "datasets").is_relative_to(resolved):
        raise UserError(f"{name}: this project lies in that folder; name the folder that has the works only")
    own_folder = next((own_name for own_name in _OWN_FOLDERS if resolved.is_relative_to(project / own_name)), None)
    if own_folder and not any(resolved.is_relative_to(project / folder) for folder in _IMPORTABLE):
        raise UserError(
            f"{name}: `{own_folder}` is the project's own; copy what you want of it to a folder of its own first"
        )


def require_shallow(path: Path) -> None:
    """Raise if a folder is nested too deep for DVC, or has an unreadable folder in it.

    Raises:
        UserError: the first of them.
    """
    for child in walk_tree(path):
        if _is_deep(child, path):
            raise UserError(f"{to_printable(str(child))}: {_TOO_DEEP}")
        if child.is_dir() and not child.is_symlink() and not os.access(child, os.R_OK | os.X_OK):
            raise UserError(f"{to_printable(str(child))}: no permission to read this folder; `chmod u+rX` gives it")


def _is_deep(path: Path, root: Path) -> bool:
    return len(path.parts) - len(root.parts) > _MAX_DEPTH


def _find_fault(path: Path, root: Path) -> str:
    """Return what is wrong with one entry and how to mend it, empty if nothing."""
    if _is_deep(path, root):
        return _TOO_DEEP
    try:
        path.name.encode()
        entry = path.lstat()
        return _find_link_fault(path, root) if stat.S_ISLNK(entry.st_mode) else _find_read_fault(path, entry, root)
    except UnicodeEncodeError:
        return "its name is not UTF-8, which DVC cannot record; rename it"
    except OSError as error:
        return f"cannot be looked at ({error.strerror}); move it out of {root}"


def _find_read_fault(path: Path, entry: os.stat_result, root: Path) -> str:
    kind = stat.S_IFMT(entry.st_mode)
    if kind in _SPECIAL:
        return f"{_SPECIAL[kind]}, which DVC cannot read as a file; move it out of {root}"
    if not os.access(path, os.R_OK | (os.X_OK if kind == stat.S_IFDIR else 0)):
        return "no permission to read it, and DVC reads all of the folder; `chmod u+rX` gives it, or move it out"
    if kind == stat.S_IFREG and entry.st_size - entry.st_blocks * 512 > _MAX_HOLE_BYTES:
        size = f"{entry.st_size / 2**30:,.1f} GiB"
        return f"a file of {size} that is all but empty on disk, and DVC would read all of it; move it out of {root}"
    return ""


def _find_link_fault(path: Path, root: Path) -> str:
    """Return what is wrong with a link: DVC reads what it points at, wherever it is."""
    if path == root:
        return ""  # whether a dataset's own path may be one is checked elsewhere
    if is_cache_link(path):
        missing_object = (
            "a link into DVC's cache, where it is no more: is the cache's disk there? `dvc pull` fetches it otherwise"
        )
        return missing_object if is_lost_cache_link(path) else ""
    target = Path(os.path.realpath(path))
    if not target.exists():
        return "a link to nothing, on which DVC fails; remove it"
    if not target.is_relative_to(os.path.realpath(root)):
        return f"a link out of {root}, and DVC would copy what it points at into its cache; copy it in or remove it"
    return ""
