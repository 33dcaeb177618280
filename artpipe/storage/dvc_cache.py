"""DVC's cache, object by object: what dvc.lock and the .dvc files name of it, and whether each is what its name says.

DVC believes a read-only object without looking at it, so whoever wants to know hashes it himself.
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
from artpipe.errors import ArtpipeError, BusyError, UserError
from artpipe.system.atomic_files import write_file
from artpipe.system.git_command import run_git
from artpipe.system.hashing import sha256_bytes

OBJECT = re.compile(r"[0-9a-f]{30}(\.dir)?")  # behind the folder of its first two digits
_PROTECTED = 0o444  # as DVC leaves an object
_MD5 = re.compile(r"[0-9a-f]{32}(\.dir)?")
_LOCK = {"schema", "stages", "datasets"}  # what DVC writes
_STAGE = {"cmd", "deps", "params", "outs"}
_FILE = {
    "path", "hash", "md5", "size", "nfiles", "isexec", "cache", "persist", "remote", "push", "desc", "type", "labels",
    "meta", "etag", "checksum", "version_id", "cloud", "files", "repo", "fs_config", "db", "dataset",
}  # fmt: skip
_TRACKING = {"outs", "deps", "md5", "wdir", "frozen", "meta", "desc", "always_changed"}
_SKIPPED = {".git", ".dvc", ".state", ".venv", "data", "node_modules", "__pycache__"}


class Output(NamedTuple):
    """A file or folder that DVC keeps."""

    path: Path  # relative to the project
    md5: str  # of a folder its listing's, with the suffix `.dir`
    owner: str  # the stage that made it, or the .dvc file that tracks it
    size: int | None = None  # in bytes, of a folder its files' sum
    files: int | None = None  # in a folder

    @property
    def is_source(self) -> bool:
        """Return whether nothing can make it again."""
        return self.owner.endswith(".dvc")


def object_of(cache: Path, md5: str) -> Path:
    """Return where the cache keeps what has this MD5."""
    return cache / "files/md5" / md5[:2] / md5[2:]


def md5_in_name(path: Path) -> str:
    """Return the MD5 that an object's place promises, with `.dir` for a listing."""
    return path.parent.name + path.name


def objects_in(cache: Path) -> Iterator[Path]:
    """Yield every object, listings too."""
    for path in sorted((cache / "files/md5").glob("??/*")):
        if OBJECT.fullmatch(path.name):
            yield path


def tracking_files(root: Path) -> Iterator[Path]:
    """Yield the .dvc files of a project."""
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if name not in _SKIPPED)
        yield from (Path(folder, name) for name in sorted(files) if name.endswith(".dvc") and name != ".dvc")


def is_torn(path: Path) -> bool:
    """Return whether a .dvc file or dvc.lock is not what DVC writes; it writes in place, and a kill leaves half of it."""
    return read_form(path) is None


def read_form(path: Path) -> dict[str, Any] | None:
    """Return what a .dvc file or dvc.lock says; None where it is not what DVC writes."""
    try:
        found = read_yaml(path)
    except UserError:
        return None
    if not isinstance(found, dict):
        return None
    if path.name != "dvc.lock":
        whole = _are_files(found.get("outs")) and found["outs"] and found.keys() <= _TRACKING and _stays(found)
        return found if whole and not _names_another(path, found) else None
    return found if is_lock(found) else None


def is_lock(found: dict[str, Any]) -> bool:
    """Return whether what dvc.lock says is all as DVC writes it."""
    stages = found.get("stages", {})
    if found.get("schema") != "2.0" or not found.keys() <= _LOCK or not isinstance(stages, dict):
        return False
    return all(isinstance(name, str) and _is_stage(stage) and _stays(stage) for name, stage in stages.items())


def _names_another(path: Path, found: dict[str, Any]) -> bool:
    """Return whether a .dvc file names nothing that there is, beside that for which DVC named the file itself."""
    folder, own = path.parent / str(found.get("wdir", "")), path.name.removesuffix(".dvc")
    return path.with_name(own).exists() and not any((folder / out["path"]).exists() for out in found["outs"])


def _stays(found: dict[str, Any]) -> bool:
    """Return whether no output is named that lies outside the folder of the file: a repair would write there."""
    return all(is_below(out["path"]) for out in found.get("outs", []))


def is_below(name: str) -> bool:
    """Return whether a relative path does not lead out of its folder."""
    return not Path(name).is_absolute() and ".." not in Path(name).parts


def _is_stage(found: Any) -> bool:
    if not isinstance(found, dict) or not found.keys() <= _STAGE or not isinstance(found.get("cmd"), str | list):
        return False
    params = found.get("params", {})
    read = isinstance(params, dict) and all(isinstance(values, dict) for values in params.values())
    return read and all(_are_files(found.get(name, [])) for name in ("deps", "outs"))


def _are_files(found: Any) -> bool:
    return isinstance(found, list) and all(isinstance(one, dict) and _is_file(one) for one in found)


def _is_file(one: dict[str, Any]) -> bool:
    """Return whether an entry has the form that DVC gives it; one that only a person wrote has but a path."""
    if not isinstance(one.get("path"), str) or not one["path"] or not one.keys() <= _FILE:
        return False
    if "hash" not in one:
        return not {"size", "nfiles"} & one.keys() or "md5" in one
    value, counts = one.get(str(one["hash"])), [one.get("size", 0), one.get("nfiles", 0)]
    if not isinstance(value, str) or not all(type(count) is int and count >= 0 for count in counts):
        return False
    if one["hash"] == "md5" and not _MD5.fullmatch(value):
        return False
    return "nfiles" not in one or value.endswith(".dir")


def outputs_of_note(path: Path) -> list[Output] | None:
    """Return what DVC's note of a run says that it made; None where it is not what its name says: the hash of all but sizes (of DVC 3)."""
    with contextlib.suppress(UserError, TypeError):
        said = read_yaml(path)
        text = json.dumps(_counted_out(said), sort_keys=True)
        if sha256_bytes(text.encode()) == path.name:
            return _outputs(Path(), said["outs"], path.name) if _are_files(said.get("outs")) else []
    return None


def _counted_out(value: Any) -> Any:
    if isinstance(value, list):
        return [_counted_out(one) for one in value]
    if isinstance(value, dict):
        return {key: _counted_out(one) for key, one in value.items() if key not in {"size", "nfiles"}}
    return value


def whole_again(file: Path) -> str | None:
    """Return what a torn .dvc file may say: as git has it last, else that it tracks what lies there; None: neither is known.

    DVC reckons the MD5 anew at its next run, and takes in what is there.
    """
    name = file.name.removesuffix(".dvc")
    with contextlib.suppress(ArtpipeError):  # no git, no repository, no such file in it
        shown = run_git(file.parent, "show", f"HEAD:./{file.name}")
        if re.search(r"^\s+(- )?path: ", shown, re.MULTILINE):
            return shown
    return f"outs:\n- path: {json.dumps(name)}\n" if file.with_name(name).exists() else None


def outputs_of(root: Path) -> tuple[list[Output], list[Path]]:
    """Return all that dvc.lock and the .dvc files name, and those of these files that are torn and name nothing."""
    found: list[Output] = []
    torn = []
    for file in (root / "dvc.lock", *tracking_files(root)):
        if not file.exists():
            continue
        said = read_form(file)
        if said is None:
            torn.append(file)
        elif file.name == "dvc.lock":
            for stage, entry in said.get("stages", {}).items():
                found += _outputs(Path(), entry.get("outs", []), stage)
        else:
            found += _outputs(file.parent.relative_to(root), said["outs"], str(file.relative_to(root)))
    return found, torn


def _outputs(base: Path, outs: list[dict[str, Any]], owner: str) -> list[Output]:
    kept = [out for out in outs if out.get("hash") == "md5" and out.get("cache", True)]
    return [Output(base / out["path"], out["md5"], owner, out.get("size"), out.get("nfiles")) for out in kept]


def rows_of(listing: Path) -> dict[str, str]:
    """Return the files of a folder by their relative path, each with its MD5.

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


def put(cache: Path, md5: str, source: Path | bytes) -> None:
    """Write an object, whole and read-only as DVC does."""
    with write_file(object_of(cache, md5)) as temporary:
        if isinstance(source, bytes):
            temporary.write_bytes(source)
        else:
            shutil.copyfile(source, temporary)
        temporary.chmod(_PROTECTED)


def refuse_at_work(root: Path) -> None:
    """Raise where DVC's book of running stages names a living process.

    Raises:
        BusyError: a stage is at work.
    """
    book = root / ".dvc/tmp/rwlock"
    text = book.read_text(encoding="utf-8", errors="replace") if book.exists() else ""
    for pid in re.findall(r'"pid":\s*(\d+)', text):
        if Path(f"/proc/{pid}").exists():
            raise BusyError(f"a stage is at work (process {pid}); try again when it has ended")
