"""DVC's cache: its objects, and what dvc.lock and the .dvc files name of it.

DVC trusts a read-only object without looking at it; to be sure, hash it yourself.
"""

import contextlib
import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from artpipe.config.params import read_yaml
from artpipe.errors import ArtpipeError, UserError
from artpipe.system.atomic_files import write_file
from artpipe.system.git_command import run_git
from artpipe.system.hashing import sha256_bytes

OBJECT_NAME = re.compile(r"[0-9a-f]{30}(\.dir)?")  # behind the folder of its first two digits
_OBJECT_MODE = 0o444  # as DVC leaves an object
_MD5 = re.compile(r"[0-9a-f]{32}(\.dir)?")
_LOCK_KEYS = {"schema", "stages", "datasets"}  # what DVC writes
_STAGE_KEYS = {"cmd", "deps", "params", "outs"}
_FILE_KEYS = {
    "path", "hash", "md5", "size", "nfiles", "isexec", "cache", "persist", "remote", "push", "desc", "type", "labels",
    "meta", "etag", "checksum", "version_id", "cloud", "files", "repo", "fs_config", "db", "dataset",
}  # fmt: skip
_TRACKING_KEYS = {"outs", "deps", "md5", "wdir", "frozen", "meta", "desc", "always_changed"}
_SKIPPED_FOLDERS = {".git", ".dvc", ".state", ".venv", "data", "node_modules", "__pycache__"}


class Output(NamedTuple):
    """A file or folder that DVC keeps in its cache."""

    path: Path  # relative to the project
    md5: str  # of a folder its listing's, with the suffix `.dir`
    owner: str  # the stage that made it, or the .dvc file that tracks it
    size: int | None = None  # in bytes, of a folder its files' sum
    files: int | None = None  # in a folder

    @property
    def is_source(self) -> bool:
        """Return whether no stage can make it again."""
        return self.owner.endswith(".dvc")


def object_path(cache: Path, md5: str) -> Path:
    """Return the path of the object with this MD5 in the cache."""
    return cache / "files/md5" / md5[:2] / md5[2:]


def object_md5(path: Path) -> str:
    """Return the MD5 in an object's path, with `.dir` for a listing."""
    return path.parent.name + path.name


def list_objects(cache: Path) -> Iterator[Path]:
    """Yield the path of every object, listings included."""
    for path in sorted((cache / "files/md5").glob("??/*")):
        if OBJECT_NAME.fullmatch(path.name):
            yield path


def find_tracking_files(root: Path) -> Iterator[Path]:
    """Yield the .dvc files of a project."""
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if name not in _SKIPPED_FOLDERS)
        yield from (Path(folder, name) for name in sorted(files) if name.endswith(".dvc") and name != ".dvc")


def is_torn(path: Path) -> bool:
    """Return whether a .dvc file or dvc.lock is not what DVC writes.

    DVC writes in place, and a kill leaves half of the file.
    """
    return read_dvc_file(path) is None


def read_dvc_file(path: Path) -> dict[str, Any] | None:
    """Return the content of a .dvc file or dvc.lock, None if it is invalid."""
    try:
        content = read_yaml(path)
    except UserError:
        return None
    if not isinstance(content, dict):
        return None
    if path.name != "dvc.lock":
        is_valid = (
            _are_file_entries(content.get("outs"))
            and content["outs"]
            and content.keys() <= _TRACKING_KEYS
            and _stays_inside(content)
        )
        return content if is_valid and not _names_other_file(path, content) else None
    return content if is_valid_lock(content) else None


def is_valid_lock(content: dict[str, Any]) -> bool:
    """Return whether the content of dvc.lock is all as DVC writes it."""
    stages = content.get("stages", {})
    if content.get("schema") != "2.0" or not content.keys() <= _LOCK_KEYS or not isinstance(stages, dict):
        return False
    return all(
        isinstance(name, str) and _is_stage_entry(stage) and _stays_inside(stage) for name, stage in stages.items()
    )


def _names_other_file(path: Path, content: dict[str, Any]) -> bool:
    """Return whether a .dvc file names missing files, and the one beside it exists.

    DVC names a .dvc file after the file beside it that it tracks.
    """
    folder, own_name = path.parent / str(content.get("wdir", "")), path.name.removesuffix(".dvc")
    return path.with_name(own_name).exists() and not any((folder / out["path"]).exists() for out in content["outs"])


def _stays_inside(entry: dict[str, Any]) -> bool:
    """Return whether all outputs are inside the file's folder, where a repair writes."""
    return all(is_below(out["path"]) for out in entry.get("outs", []))


def is_below(name: str) -> bool:
    """Return whether a relative path does not lead out of its folder."""
    return not Path(name).is_absolute() and ".." not in Path(name).parts


def _is_stage_entry(entry: Any) -> bool:
    if not isinstance(entry, dict) or not entry.keys() <= _STAGE_KEYS or not isinstance(entry.get("cmd"), str | list):
        return False
    params = entry.get("params", {})
    has_params = isinstance(params, dict) and all(isinstance(values, dict) for values in params.values())
    return has_params and all(_are_file_entries(entry.get(name, [])) for name in ("deps", "outs"))


def _are_file_entries(entries: Any) -> bool:
    return isinstance(entries, list) and all(isinstance(entry, dict) and _is_file_entry(entry) for entry in entries)


def _is_file_entry(entry: dict[str, Any]) -> bool:
    """Return whether an entry has DVC's form; one that a person wrote has only a path."""
    if not isinstance(entry.get("path"), str) or not entry["path"] or not entry.keys() <= _FILE_KEYS:
        return False
    if "hash" not in entry:
        return not {"size", "nfiles"} & entry.keys() or "md5" in entry
    value, counts = entry.get(str(entry["hash"])), [entry.get("size", 0), entry.get("nfiles", 0)]
    if not isinstance(value, str) or not all(type(count) is int and count >= 0 for count in counts):
        return False
    if entry["hash"] == "md5" and not _MD5.fullmatch(value):
        return False
    return "nfiles" not in entry or value.endswith(".dir")


def read_run_note(path: Path) -> list[Output] | None:
    """Return the outputs in an entry of DVC's run cache.

    None where its content is not what its name says: in DVC 3 the hash of all but sizes.
    """
    with contextlib.suppress(UserError, TypeError):
        content = read_yaml(path)
        text = json.dumps(_without_sizes(content), sort_keys=True)
        if sha256_bytes(text.encode()) == path.name:
            return _make_outputs(Path(), content["outs"], path.name) if _are_file_entries(content.get("outs")) else []
    return None


def _without_sizes(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_sizes(inner) for inner in value]
    if isinstance(value, dict):
        return {key: _without_sizes(inner) for key, inner in value.items() if key not in {"size", "nfiles"}}
    return value


def recover_tracking_file(file: Path) -> str | None:
    """Return a text for a torn .dvc file, None if there is none.

    It is git's last version, or else one that tracks what is there; DVC then computes the MD5 at its next run and takes in
    what is there.
    """
    name = file.name.removesuffix(".dvc")
    with contextlib.suppress(ArtpipeError):  # no git, no repository, no such file in it
        text = run_git(file.parent, "show", f"HEAD:./{file.name}")
        if re.search(r"^\s+(- )?path: ", text, re.MULTILINE):
            return text
    return f"outs:\n- path: {json.dumps(name)}\n" if file.with_name(name).exists() else None


def read_outputs(root: Path) -> tuple[list[Output], list[Path]]:
    """Return all outputs in dvc.lock and .dvc files, and those files that are torn."""
    outputs: list[Output] = []
    torn = []
    for file in (root / "dvc.lock", *find_tracking_files(root)):
        if not file.exists():
            continue
        content = read_dvc_file(file)
        if content is None:
            torn.append(file)
        elif file.name == "dvc.lock":
            for stage, entry in content.get("stages", {}).items():
                outputs += _make_outputs(Path(), entry.get("outs", []), stage)
        else:
            outputs += _make_outputs(file.parent.relative_to(root), content["outs"], str(file.relative_to(root)))
    return outputs, torn


def _make_outputs(base: Path, outs: list[dict[str, Any]], owner: str) -> list[Output]:
    cached = [out for out in outs if out.get("hash") == "md5" and out.get("cache", True)]
    return [Output(base / out["path"], out["md5"], owner, out.get("size"), out.get("nfiles")) for out in cached]


def read_listing(listing: Path) -> dict[str, str]:
    """Return the files in a folder's listing by relative path, each with its MD5.

    Raises:
        ValueError, OSError: it is no listing.
    """
    try:
        rows = {str(row["relpath"]): str(row["md5"]) for row in json.loads(listing.read_bytes())}
    except (TypeError, KeyError, RecursionError):
        raise ValueError(listing) from None
    if not all(map(is_below, rows)):
        raise ValueError(listing)
    return rows


def write_object(cache: Path, md5: str, source: Path | bytes) -> None:
    """Write an object, whole and read-only as DVC does."""
    with write_file(object_path(cache, md5)) as temporary:
        if isinstance(source, bytes):
            temporary.write_bytes(source)
        else:
            shutil.copyfile(source, temporary)
        temporary.chmod(_OBJECT_MODE)
