"""The notes on removed datasets: what they were, and DVC's hash of their files."""

import contextlib
import time
from collections.abc import Collection
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from artpipe.artifacts.paths import STATE
from artpipe.config.params import Frozen
from artpipe.storage.dvc_cache import object_path, read_listing
from artpipe.storage.dvc_config import dvc_cache_folder
from artpipe.system.atomic_files import write_json
from artpipe.system.hashing import md5_file

_FOLDER, _NOTE = STATE / "removed", "removed.json"
_DAY_SECONDS = 86400.0


class RemovedDataset(Frozen):
    """A dataset that was removed, with its models."""

    name: str
    removed: float  # seconds since the epoch
    path: str
    has_files: bool  # that left with it
    md5: str  # by which DVC keeps them; empty: they stand beside the note
    entry: dict[str, Any]  # of params.yaml
    models: dict[str, dict[str, Any]]  # likewise, in their order


def removed_folder(root: Path, name: str) -> Path:
    """Return the folder of a removed dataset's note."""
    return root / _FOLDER / name


def save_removed(removed: RemovedDataset, root: Path = Path()) -> None:
    """Write the note; a former one of the same name is replaced."""
    write_json(removed_folder(root, removed.name) / _NOTE, removed.model_dump(mode="json"))


def find_removed(root: Path) -> dict[str, RemovedDataset]:
    """Return the removed datasets by name; a damaged note counts for nothing."""
    found: dict[str, RemovedDataset] = {}
    for note in sorted((root / _FOLDER).glob(f"*/{_NOTE}")):
        with contextlib.suppress(OSError, ValidationError):
            removed = RemovedDataset.model_validate_json(note.read_bytes())
            found[removed.name] = removed
    return found


def describe_removed(md5s: Collection[str], root: Path = Path()) -> str:
    """Return which removed datasets hold works, and which may; empty for none.

    Args:
        md5s: of the works' bytes.
        root: the project.
    """
    known = find_removed(root)
    holding = [name for name, removed in known.items() if _list_files(root, removed) & set(md5s)]
    others = [name for name in known if name not in holding]
    parts = [f"removed datasets still hold it: {', '.join(holding)}"] if holding else []
    parts += [f"removed datasets may hold it in other bytes or in archives: {', '.join(others)}"] if others else []
    advice = "`artpipe dataset restore NAME`, `artpipe run ingest@NAME`, and forget again"
    return "; ".join([*parts, advice]) if parts else ""


def _list_files(root: Path, removed: RemovedDataset) -> set[str]:
    """Return the MD5 of the files that left with a dataset, as far as they are here."""
    if not removed.md5:
        return {md5_file(path) for path in removed_folder(root, removed.name).rglob("*") if path.is_file()}
    if not removed.md5.endswith(".dir"):
        return {removed.md5}
    try:
        return set(read_listing(object_path(dvc_cache_folder(root), removed.md5)).values())
    except (OSError, ValueError):  # not in the cache any more, or damaged
        return set()


def list_kept_hashes(root: Path, days: float) -> frozenset[str]:
    """Return the MD5, without a folder's suffix, of files removed in the last days."""
    recent = [removed for removed in find_removed(root).values() if not is_old(removed, days)]
    return frozenset(removed.md5.removesuffix(".dir") for removed in recent if removed.md5)


def find_old_folders(root: Path, days: float) -> list[Path]:
    """Return the folders of notes that are older than some days."""
    return [removed_folder(root, name) for name, removed in find_removed(root).items() if is_old(removed, days)]


def is_old(removed: RemovedDataset, days: float) -> bool:
    """Return whether a dataset was removed longer ago than some days."""
    return time.time() - removed.removed > days * _DAY_SECONDS
