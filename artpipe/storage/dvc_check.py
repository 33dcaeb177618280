"""Check what keeps DVC from working on a project, or makes it skip a part of it."""

import contextlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from artpipe.errors import UserError
from artpipe.storage.dvc_config import LINK_TYPES, dvc_setting, link_types
from artpipe.system.git_command import explain_missing_repository
from artpipe.system.plain_text import to_printable

_SKIPPED_FOLDERS = {
    ".git",
    ".state",
    ".venv",
    "node_modules",
    "__pycache__",
}  # never looked into: DVC keeps nothing of them
_OUTPUT_PATTERNS = ("data/.dvc", "data/*/.dvc", "data/*/*/.dvc")  # as deep as dvc.yaml names outputs


def require_dvc(root: Path) -> None:
    """Raise if DVC cannot work on a project at all.

    Raises:
        UserError: no `.dvc`, no git repository around it, settings that cannot be read; with the remedy.
    """
    if not (root / ".dvc").is_dir():
        raise UserError(f"{root / '.dvc'}: no such folder; `dvc init` makes it (`dvc init --no-scm` without git)")
    if dvc_setting(root, "core", "no_scm").lower() != "true" and (fault := explain_missing_repository(root)):
        raise UserError(fault)
    if unknown := set(link_types(root)) - LINK_TYPES:
        known_types = ", ".join(sorted(LINK_TYPES))
        raise UserError(
            f"{root / '.dvc/config'}: `cache.type` is `{to_printable(min(unknown))}`, which DVC does not know; {known_types}"
        )


def find_nested_dvc_folders(root: Path, datasets: Iterable[str] = ()) -> Iterator[tuple[Path, str]]:
    """Yield each nested `.dvc` folder that hides files from DVC, explained.

    DVC takes every folder with a `.dvc` for another project and skips it: its works are neither noticed nor pushed. A
    project of its own (with settings) is left to whoever made it, unless a dataset is in it.

    Args:
        root: the project.
        datasets: their paths.

    Yields:
        The `.dvc` folder, and what it hides with the remedy.
    """
    works = [root / path for path in datasets]
    for dvc_folder in _find_dvc_folders(root):
        hidden = dvc_folder.parent
        holds_dataset = any(path.is_relative_to(hidden) or hidden.is_relative_to(path) for path in works)
        if not (dvc_folder / "config").is_file():
            yield (
                dvc_folder,
                f"{_explain_hidden(hidden, root)}; nothing of it is needed: `rm -r {_display_name(dvc_folder, root)}`",
            )
        elif holds_dataset:
            yield (
                dvc_folder,
                f"{_explain_hidden(hidden, root)}; it is a project of its own: move it out, or copy its works",
            )


def require_no_nested_dvc(root: Path, datasets: Iterable[str]) -> None:
    """Raise if DVC skips a part of the project.

    Raises:
        UserError: the first folder that makes it do so, with the remedy.
    """
    for dvc_folder, explanation in find_nested_dvc_folders(root, datasets):
        raise UserError(f"{_display_name(dvc_folder, root)}: {explanation}")


def _find_dvc_folders(root: Path) -> Iterator[Path]:
    open_folders = [root]  # `os.walk` of Python 3.11 ends at its stack's depth
    while open_folders:
        folder = open_folders.pop()
        with contextlib.suppress(OSError), os.scandir(folder) as entries:
            for entry in entries:
                if not entry.is_dir(follow_symlinks=False):
                    continue
                if entry.name == ".dvc" and folder != root:
                    yield folder / ".dvc"
                elif entry.name not in _SKIPPED_FOLDERS and not (folder == root and entry.name in {".dvc", "data"}):
                    open_folders.append(folder / entry.name)
    for pattern in _OUTPUT_PATTERNS:
        yield from (path for path in root.glob(pattern) if path.is_dir())


def _explain_hidden(folder: Path, root: Path) -> str:
    name = _display_name(folder, root)
    return f"for its sake DVC takes {name} for another project, so what is in it is neither noticed nor pushed"


def _display_name(path: Path, root: Path) -> str:
    return to_printable(str(path.relative_to(root)))
