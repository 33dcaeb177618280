"""Find the root of the project, upwards from the current folder, and enter it.

As git and DVC find theirs; it is entered once, where a command begins.
"""

import contextlib
import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from artpipe.errors import UserError
from artpipe.system.plain_text import to_printable

_PARAMS, _GRAPH, _DVC = "params.yaml", "dvc.yaml", ".dvc"
_MAX_HEAD_LINES = 100  # of params.yaml, comments included, with its format among them
_start_folders: list[Path] = []  # the folders in which the commands being run were typed, the innermost last


def find_root(start: Path | None = None) -> Path:
    """Return the nearest folder upwards that is the root of a project.

    It has params.yaml, and dvc.yaml or .dvc. Nothing is written and no program is run.

    Args:
        start: where to begin; None: the current folder.

    Raises:
        UserError: there is none, or the one above belongs to another user; the message says where it was looked for.
    """
    folder = _current_folder() if start is None else require_folder(start)
    for candidate in (folder, *folder.parents):
        if is_root(candidate):
            _refuse_foreign_project(candidate, folder)
            return candidate
    if _has_own_params(folder):
        return folder  # the command that needs what is missing reports it
    raise UserError(_explain_no_project(folder))


def find_root_or_none() -> Path | None:
    """Return the root of the project around the current folder, if there is one."""
    try:
        return find_root()
    except UserError:
        return None


def is_root(folder: Path) -> bool:
    """Return whether a folder is the root of a project; False if it is unreadable."""
    try:
        return (folder / _PARAMS).is_file() and ((folder / _GRAPH).is_file() or (folder / _DVC).is_dir())
    except OSError:
        return False


def _has_own_params(folder: Path) -> bool:
    """Return whether a folder's params.yaml is artpipe's: it begins with its format."""
    try:
        with (folder / _PARAMS).open(encoding="utf-8", errors="replace") as lines:
            return any(line.startswith("format:") for line in islice(lines, _MAX_HEAD_LINES))
    except OSError:
        return False


@contextlib.contextmanager
def enter_project(start: Path | None = None) -> Iterator[Path]:
    """Work in the root of the project while the body runs.

    `resolve_typed_path` knows in which folder the command was typed.

    Raises:
        UserError: see `find_root`; the working folder is as it was.
    """
    start_folder, root = _current_folder(), find_root(start)
    _start_folders.append(start_folder)
    try:
        if root == start_folder:
            yield root
        else:
            with contextlib.chdir(root):
                yield root
    finally:
        _start_folders.pop()


def resolve_typed_path(path: Path) -> Path:
    """Return a path of the command line as seen from the root of the project.

    Relative to the root where it lies below it, absolute elsewhere.
    """
    with contextlib.suppress(RuntimeError):  # no home is known: `~` is a name like any other
        path = path.expanduser()
    root = Path.cwd()
    start_folder = _start_folders[-1] if _start_folders else root
    if path.is_absolute() or start_folder == root:
        return path
    parts = list(path.parts)
    while parts and parts[0] == "..":  # of a folder without links, as the current one is named
        start_folder, parts = start_folder.parent, parts[1:]
    target = start_folder.joinpath(*parts)
    return target.relative_to(root) if target.is_relative_to(root) else target


def is_file(path: Path) -> bool:
    """Return whether there is such a file; what can be no path is none."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def require_typed_path(path: Path) -> Path:
    """Return `resolve_typed_path` of what has to be there.

    Raises:
        UserError: it is not; named as it was typed, and where it was looked for.
    """
    resolved = resolve_typed_path(path)
    if not resolved.exists():
        full_path = Path(os.path.abspath(resolved))  # noqa: PTH100 - links stay as they are named
        place = "" if path.is_absolute() else f"; looked for {to_printable(str(full_path))}"
        raise UserError(f"{to_printable(str(path))}: no such file or folder{place}")
    return resolved


def _current_folder() -> Path:
    try:
        return Path.cwd()
    except FileNotFoundError:
        raise UserError("the current folder has been removed; `cd` into the project") from None


def require_folder(start: Path) -> Path:
    """Return the folder that `-C` names.

    Raises:
        UserError: there is none.
    """
    folder = start.expanduser()
    if not folder.is_dir():
        problem = "not a folder" if folder.exists() else "no such folder"
        raise UserError(f"-C {to_printable(str(start))}: {problem}; name the folder of a project, or one in it")
    return folder.resolve()


def _refuse_foreign_project(root: Path, folder: Path) -> None:
    """Raise if another user could have put the project there (such as in /tmp).

    It names commands, which would run as us.
    """
    owner = root.stat().st_uid
    if root != folder and owner not in {0, os.geteuid(), folder.stat().st_uid}:
        raise UserError(
            f"{to_printable(str(root))}: a project, found above {to_printable(str(folder))}, of another user (uid {owner}), whose commands"
            f" would run as you; if that is right: `artpipe -C {to_printable(str(root))} ...`"
        )


def _explain_no_project(folder: Path) -> str:
    """Return the message where no folder upwards is a project.

    It names the nearest folder that has one of the two files, else what was looked for.
    """
    for candidate in (folder, *folder.parents):
        with contextlib.suppress(OSError):
            has_params, has_graph = ((candidate / name).is_file() for name in (_PARAMS, _GRAPH))
            if has_params or has_graph:
                missing, present = (_GRAPH, _PARAMS) if has_params else (_PARAMS, _GRAPH)
                file = missing if candidate == Path.cwd() else to_printable(str(candidate / missing))
                return f"{file}: no such file; run artpipe in the folder that has {_describe_files(present, missing)}, or in one below it"
    return (
        f"no project here: looked for {_PARAMS} beside {_GRAPH} or {_DVC}, from {to_printable(str(folder))} up to {folder.anchor};"
        " `cd` into the project or name it: `artpipe -C DIR ...`"
    )


def _describe_files(present: str, missing: str) -> str:
    return missing if missing == _PARAMS else f"it and {present}"
