"""DVC's cache, object by object: what dvc.lock and the .dvc files name of it, and whether each is what its name says.

DVC believes a read-only object without looking at it, so whoever wants to know hashes it himself.
"""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from artpipe.errors import BusyError, UserError
from artpipe.files import written
from artpipe.params import read_yaml

OBJECT = re.compile(r"[0-9a-f]{30}(\.dir)?")  # behind the folder of its first two digits
_PROTECTED = 0o444  # as DVC leaves an object
_SKIPPED = {".git", ".dvc", ".state", ".venv", "data", "node_modules", "__pycache__"}


class Output(NamedTuple):
    """A file or folder that DVC keeps."""

    path: Path  # relative to the project
    md5: str  # of a folder its listing's, with the suffix `.dir`
    owner: str  # the stage that made it, or the .dvc file that tracks it

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
    try:
        found = read_yaml(path)
    except UserError:
        return True
    if path.name == "dvc.lock":
        return not isinstance(found, dict) or not isinstance(found.get("stages", {}), dict) or "schema" not in found
    outs = found.get("outs") if isinstance(found, dict) else None
    return not isinstance(outs, list) or not all(isinstance(out, dict) and out.get("path") for out in outs)


def whole_again(file: Path) -> str | None:
    """Return what a torn .dvc file may say: as git has it last, else that it tracks what lies there; None: neither is known.

    DVC reckons the MD5 anew at its next run, and takes in what is there.
    """
    name = file.name.removesuffix(".dvc")
    shown = subprocess.run(
        ["git", "show", f"HEAD:./{file.name}"], cwd=file.parent, capture_output=True, text=True, check=False
    )
    if not shown.returncode and re.search(r"^\s+(- )?path: ", shown.stdout, re.MULTILINE):
        return shown.stdout
    return f"outs:\n- path: {json.dumps(name)}\n" if file.with_name(name).exists() else None


def outputs_of(root: Path) -> list[Output]:
    """Return all that dvc.lock and the .dvc files name; what is torn names nothing."""
    found = []
    lock = root / "dvc.lock"
    if lock.exists() and not is_torn(lock):
        for stage, entry in (read_yaml(lock).get("stages") or {}).items():
            found += [Output(Path(out["path"]), out["md5"], stage) for out in entry.get("outs", []) if _is_kept(out)]
    for file in tracking_files(root):
        if not is_torn(file):
            base, name = file.parent.relative_to(root), str(file.relative_to(root))
            outs = read_yaml(file)["outs"]
            found += [Output(base / out["path"], out["md5"], name) for out in outs if _is_kept(out)]
    return found


def _is_kept(out: Any) -> bool:
    return isinstance(out.get("md5"), str) and out.get("hash") == "md5" and out.get("cache", True)


def rows_of(listing: Path) -> dict[str, str]:
    """Return the files of a folder by their relative path, each with its MD5.

    Raises:
        ValueError, OSError: it is no listing.
    """
    try:
        return {str(row["relpath"]): str(row["md5"]) for row in json.loads(listing.read_bytes())}
    except (TypeError, KeyError):
        raise ValueError(listing) from None


def put(cache: Path, md5: str, source: Path | bytes) -> None:
    """Write an object, whole and read-only as DVC does."""
    with written(object_of(cache, md5)) as temporary:
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
