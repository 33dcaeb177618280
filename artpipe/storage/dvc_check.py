"""What keeps DVC from working on a project, or has it look past a part of it; asked before anything starts or is copied."""

import contextlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from artpipe.errors import UserError
from artpipe.storage.dvc_config import LINK_TYPES, dvc_setting, link_types
from artpipe.system.git_command import explain_missing_repository
from artpipe.system.plain_text import to_printable

_OWN = {".git", ".state", ".venv", "node_modules", "__pycache__"}  # never looked into: DVC keeps nothing of them
_OUTPUTS = ("data/.dvc", "data/*/.dvc", "data/*/*/.dvc")  # as deep as dvc.yaml names outputs


def require_dvc(root: Path) -> None:
    """Refuse a project in which DVC does not work at all.

    Raises:
        UserError: no `.dvc`, no git repository around it, settings that cannot be read; with the remedy.
    """
    if not (root / ".dvc").is_dir():
        raise UserError(f"{root / '.dvc'}: no such folder; `dvc init` makes it (`dvc init --no-scm` without git)")
    if dvc_setting(root, "core", "no_scm").lower() != "true" and (fault := explain_missing_repository(root)):
        raise UserError(fault)
    if unknown := set(link_types(root)) - LINK_TYPES:
        known = ", ".join(sorted(LINK_TYPES))
        raise UserError(
            f"{root / '.dvc/config'}: `cache.type` is `{to_printable(min(unknown))}`, which DVC does not know; {known}"
        )


def nested_dvc_folders(root: Path, datasets: Iterable[str] = ()) -> Iterator[tuple[Path, str]]:
    """Yield each `.dvc` folder below the root that hides something from DVC, with what it hides and the remedy.

    DVC takes every folder that has one for another project and looks past it: its works are neither noticed nor pushed.
    A project of its own (with settings) is left to whoever made it, unless a dataset lies in it.
    """
    works = [root / path for path in datasets]
    for place in _dvc_folders(root):
        hidden = place.parent
        holds = any(path.is_relative_to(hidden) or hidden.is_relative_to(path) for path in works)
        if not (place / "config").is_file():
            yield place, f"{_hides(hidden, root)}; nothing of it is needed: `rm -r {_name(place, root)}`"
        elif holds:
            yield place, f"{_hides(hidden, root)}; it is a project of its own: move it out, or copy its works"


def require_no_nested_dvc(root: Path, datasets: Iterable[str]) -> None:
    """Refuse a project of which DVC looks past a part.

    Raises:
        UserError: the first folder that makes it do so, with the remedy.
    """
    for place, what in nested_dvc_folders(root, datasets):
        raise UserError(f"{_name(place, root)}: {what}")


def _dvc_folders(root: Path) -> Iterator[Path]:
    open_folders = [root]  # `os.walk` of Python 3.11 ends at its stack's depth
    while open_folders:
        here = open_folders.pop()
        with contextlib.suppress(OSError), os.scandir(here) as entries:
            for entry in entries:
                if not entry.is_dir(follow_symlinks=False):
                    continue
                if entry.name == ".dvc" and here != root:
                    yield here / ".dvc"
                elif entry.name not in _OWN and not (here == root and entry.name in {".dvc", "data"}):
                    open_folders.append(here / entry.name)
    for pattern in _OUTPUTS:
        yield from (path for path in root.glob(pattern) if path.is_dir())


def _hides(folder: Path, root: Path) -> str:
    name = _name(folder, root)
    return f"for its sake DVC takes {name} for another project, so what is in it is neither noticed nor pushed"


def _name(path: Path, root: Path) -> str:
    return to_printable(str(path.relative_to(root)))
