"""What is no folder of works, found before DVC touches it: it waits for ever on a pipe, dies on a link to nowhere, and may not read what it keeps."""

import os
import stat
from pathlib import Path

from artpipe.errors import UserError
from artpipe.storage.dvc_config import is_cache_link, is_lost_cache_link
from artpipe.system.file_tree import walk_tree
from artpipe.system.plain_text import to_printable

_DEEPEST = 100  # folders in folders; from some hundreds on DVC does not come to an end
_TOO_DEEP = f"more than {_DEEPEST} folders deep, which DVC does not come to the end of; move it further up"
_NOTHING = 1 << 30  # bytes of a file that are on no disk and would be read all the same
_OWN, _PAINTED = ("data", ".state", ".dvc", ".git"), "data/samples"  # where `artpipe sample` paints
_SPECIAL = {
    stat.S_IFIFO: "a pipe (FIFO)",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def require_trackable(path: Path) -> None:
    """Refuse a file, or a folder with anything in it, that DVC cannot record, would wait on for ever, or would copy in from outside.

    Raises:
        UserError: the first such thing, what it is and what to do.
    """
    for found in walk_tree(path):
        if why := _fault(found, path):
            raise UserError(f"{to_printable(str(found))}: {why}")


def require_foreign(source: Path, root: Path = Path()) -> None:
    """Refuse a folder that this project lies in, or what the project keeps or has made; what was painted may come back in.

    Raises:
        UserError: what it is and what to name instead.
    """
    here, place, name = root.resolve(), source.resolve(), to_printable(str(source))
    if here.is_relative_to(place) or (here / "datasets").is_relative_to(place):
        raise UserError(f"{name}: this project lies in that folder; name the folder that has the works only")
    own = next((one for one in _OWN if place.is_relative_to(here / one)), None)
    if own and not place.is_relative_to(here / _PAINTED):
        raise UserError(f"{name}: `{own}` is the project's own; copy what you want of it to a folder of its own first")


def require_shallow(path: Path) -> None:
    """Refuse a folder with more folders in one another than DVC comes to the end of, or with one that may not be read.

    Raises:
        UserError: the first of them.
    """
    for found in walk_tree(path):
        if _is_deep(found, path):
            raise UserError(f"{to_printable(str(found))}: {_TOO_DEEP}")
        if found.is_dir() and not found.is_symlink() and not os.access(found, os.R_OK | os.X_OK):
            raise UserError(f"{to_printable(str(found))}: no permission to read this folder; `chmod u+rX` gives it")


def _is_deep(path: Path, root: Path) -> bool:
    return len(path.parts) - len(root.parts) > _DEEPEST


def _fault(path: Path, root: Path) -> str:
    """Return what is wrong with one entry and how to mend it, nothing where all is well."""
    if _is_deep(path, root):
        return _TOO_DEEP
    try:
        path.name.encode()
        entry = path.lstat()
        return _leads_astray(path, root) if stat.S_ISLNK(entry.st_mode) else _unreadable(path, entry, root)
    except UnicodeEncodeError:
        return "its name is not UTF-8, which DVC cannot record; rename it"
    except OSError as error:
        return f"cannot be looked at ({error.strerror}); move it out of {root}"


def _unreadable(path: Path, entry: os.stat_result, root: Path) -> str:
    kind = stat.S_IFMT(entry.st_mode)
    if kind in _SPECIAL:
        return f"{_SPECIAL[kind]}, which DVC cannot read as a file; move it out of {root}"
    if not os.access(path, os.R_OK | (os.X_OK if kind == stat.S_IFDIR else 0)):
        return "no permission to read it, and DVC reads all of the folder; `chmod u+rX` gives it, or move it out"
    if kind == stat.S_IFREG and entry.st_size - entry.st_blocks * 512 > _NOTHING:
        size = f"{entry.st_size / 2**30:,.1f} GiB"
        return f"a file of {size} that is all but empty on disk, and DVC would read all of it; move it out of {root}"
    return ""


def _leads_astray(path: Path, root: Path) -> str:
    """Return what is wrong with a link: DVC reads what it points at, wherever that is."""
    if path == root:
        return ""  # whether a dataset's own path may be one is said by others
    if is_cache_link(path):
        lost = (
            "a link into DVC's cache, where it is no more: is the cache's disk there? `dvc pull` fetches it otherwise"
        )
        return lost if is_lost_cache_link(path) else ""
    target = Path(os.path.realpath(path))
    if not target.exists():
        return "a link to nothing, on which DVC fails; remove it"
    if not target.is_relative_to(os.path.realpath(root)):
        return f"a link out of {root}, and DVC would copy what it points at into its cache; copy it in or remove it"
    return ""
