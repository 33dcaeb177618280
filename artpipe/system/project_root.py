"""The root of the project: found upwards from the current folder, as git and DVC find theirs, and entered once at the border."""

import contextlib
import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from artpipe.errors import UserError
from artpipe.system.plain_text import plain

_PARAMS, _GRAPH, _DVC = "params.yaml", "dvc.yaml", ".dvc"
_FIRST_LINES = 100  # of params.yaml, comments too, among which its format stands
_typed_in: list[Path] = []  # the folders in which the commands being run were typed, the innermost last


def find_root(start: Path | None = None) -> Path:
    """Return the nearest folder, from `start` (default: the current one) upwards, that has params.yaml and dvc.yaml or .dvc.

    Nothing is written and no other program is asked.

    Raises:
        UserError: there is none, or the one above belongs to a stranger; the message says where it was looked for.
    """
    folder = _current_folder() if start is None else _existing(start)
    for candidate in (folder, *folder.parents):
        if is_root(candidate):
            _refuse_stranger(candidate, folder)
            return candidate
    if _has_own_params(folder):
        return folder  # what it lacks is said by the command that needs it
    raise UserError(_no_project(folder))


def nearest_root() -> Path | None:
    """Return the root of the project around the current folder, or None where there is none that may be entered."""
    try:
        return find_root()
    except UserError:
        return None


def is_root(folder: Path) -> bool:
    """Return whether a folder is the root of a project; one that may not be looked into is none."""
    try:
        return (folder / _PARAMS).is_file() and ((folder / _GRAPH).is_file() or (folder / _DVC).is_dir())
    except OSError:
        return False


def _has_own_params(folder: Path) -> bool:
    """Return whether a folder has a params.yaml of artpipe, which begins with its format, and not another tool's."""
    try:
        with (folder / _PARAMS).open(encoding="utf-8", errors="replace") as lines:
            return any(line.startswith("format:") for line in islice(lines, _FIRST_LINES))
    except OSError:
        return False


@contextlib.contextmanager
def entered_project(start: Path | None = None) -> Iterator[Path]:
    """Work in the root of the project until the end of the block; `typed_path` knows where the command was typed.

    Raises:
        UserError: see `find_root`; the working folder is as it was.
    """
    typed, root = _current_folder(), find_root(start)
    _typed_in.append(typed)
    try:
        if root == typed:
            yield root
        else:
            with contextlib.chdir(root):
                yield root
    finally:
        _typed_in.pop()


def typed_path(path: Path) -> Path:
    """Return what a path of the command line means in the root: relative to it where it lies below, absolute elsewhere."""
    with contextlib.suppress(RuntimeError):  # nobody knows of a home: then it is a name like any other
        path = path.expanduser()
    root = Path.cwd()
    typed = _typed_in[-1] if _typed_in else root
    if path.is_absolute() or typed == root:
        return path
    parts = list(path.parts)
    while parts and parts[0] == "..":  # of a folder without links, as the current one is named
        typed, parts = typed.parent, parts[1:]
    place = typed.joinpath(*parts)
    return place.relative_to(root) if place.is_relative_to(root) else place


def _current_folder() -> Path:
    try:
        return Path.cwd()
    except FileNotFoundError:
        raise UserError("the current folder has been removed; `cd` into the project") from None


def _existing(start: Path) -> Path:
    folder = start.expanduser()
    if not folder.is_dir():
        what = "not a folder" if folder.exists() else "no such folder"
        raise UserError(f"-C {plain(str(start))}: {what}; name the folder of a project, or one in it")
    return folder.resolve()


def _refuse_stranger(root: Path, folder: Path) -> None:
    """Refuse a project above that somebody else could have put there (such as in /tmp): it names commands, which would run as us."""
    owner = root.stat().st_uid
    if root != folder and owner not in {0, os.geteuid(), folder.stat().st_uid}:
        raise UserError(
            f"{plain(str(root))}: a project, found above {plain(str(folder))}, of another user (uid {owner}), whose commands"
            f" would run as you; if that is right: `artpipe -C {plain(str(root))} ...`"
        )


def _no_project(folder: Path) -> str:
    """Return what to say where no folder upwards is a project: the nearest that is half of one, else what was looked for."""
    for candidate in (folder, *folder.parents):
        with contextlib.suppress(OSError):
            has_params, has_graph = ((candidate / name).is_file() for name in (_PARAMS, _GRAPH))
            if has_params or has_graph:
                lacking, has = (_GRAPH, _PARAMS) if has_params else (_PARAMS, _GRAPH)
                place = lacking if candidate == Path.cwd() else plain(str(candidate / lacking))
                return f"{place}: no such file; run artpipe in the folder that has {_named(has, lacking)}"
    return (
        f"no project here: looked for {_PARAMS} beside {_GRAPH} or {_DVC}, from {plain(str(folder))} up to {folder.anchor};"
        " `cd` into the project or name it: `artpipe -C DIR ...`"
    )


def _named(has: str, lacking: str) -> str:
    return lacking if lacking == _PARAMS else f"it and {has}"
