"""Bring back the outputs that a stage had before, where it was stopped or failed.

DVC removes the outputs of a stage before it starts, so that a change which was only tried would cost the former result.
"""

import contextlib
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from artpipe.config.params import read_yaml
from artpipe.storage.dvc_cache import object_path, read_listing
from artpipe.storage.dvc_command import hash_folder
from artpipe.storage.dvc_config import dvc_cache_folder
from artpipe.system.atomic_files import write_file, write_folder

_LOCK_FILE, _FOLDER_SUFFIX = "dvc.lock", ".dir"
_MADE = "data/"  # where stages write


@contextlib.contextmanager
def keep_former_outputs(stage: str, root: Path = Path()) -> Iterator[None]:
    """Run a stage; where it ends with an error, its former outputs stand again."""
    try:
        yield
    except BaseException:
        with contextlib.suppress(Exception):  # the stage's own error is the one to report
            restore_former_outputs(stage, root)
        raise


def restore_former_outputs(stage: str, root: Path = Path()) -> list[Path]:
    """Copy a stage's missing outputs from DVC's cache, as dvc.lock has them.

    All of them or none: none where the cache lacks one, or where they were made of another version of what the stage reads
    under its own name (a report of another checkpoint than the one that stands).

    Returns:
        The outputs that were brought back.
    """
    stages = (read_yaml(root / _LOCK_FILE) or {}).get("stages", {}) if (root / _LOCK_FILE).is_file() else {}
    entry = stages.get(stage)
    if entry is None or not _fits(stage, entry, root):
        return []
    missing = {Path(out["path"]): str(out["md5"]) for out in entry.get("outs", []) if not (root / out["path"]).exists()}
    files = {path: _list_objects(dvc_cache_folder(root), md5) for path, md5 in missing.items()}
    if not all(source.is_file() for objects in files.values() for source in objects.values()):
        return []
    for path, objects in files.items():
        _write_output(root / path, objects)
    return list(files)


def _fits(stage: str, entry: Mapping[str, Any], root: Path) -> bool:
    """Return whether what stands under the stage's own name is what it read."""
    name = stage.partition("@")[2]
    read = {Path(dep["path"]): dep.get("md5") for dep in entry.get("deps", []) if dep["path"].startswith(_MADE)}
    own = {root / path: md5 for path, md5 in read.items() if path.name == name}
    return all(path.is_dir() and hash_folder(path) == md5 for path, md5 in own.items())


def _list_objects(cache: Path, md5: str) -> dict[str, Path]:
    """Return the objects of an output by relative path; of a file the path is empty.

    Raises:
        ValueError, OSError: its listing is not in the cache, or damaged.
    """
    if not md5.endswith(_FOLDER_SUFFIX):
        return {"": object_path(cache, md5)}
    return {name: object_path(cache, member) for name, member in read_listing(object_path(cache, md5)).items()}


def _write_output(target: Path, objects: Mapping[str, Path]) -> None:
    if set(objects) == {""}:
        with write_file(target) as temporary:
            shutil.copyfile(objects[""], temporary)
        return
    with write_folder(target) as folder:
        for name, source in objects.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, folder / name)
