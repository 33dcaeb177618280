"""A note of what a folder held when nobody was writing: whoever wrote since is known by the time, a failing disk is not."""

import json
import time
from collections.abc import Iterable
from pathlib import Path

from artpipe.errors import CorruptError
from artpipe.system.atomic_files import write_text
from artpipe.system.hashing import sha256_bytes, sha256_file

NOTE = "vouched.json"
_TICK_SECONDS = 0.02  # a file system's clock has ticks: what is written within one has the same time
Row = tuple[int, int, str]  # size, time in ns, SHA-256


def vouch(folder: Path, files: Iterable[Path]) -> None:
    """Note what files of a folder hold; what has not been written since the last note is not read again."""
    try:
        known = noted(folder)
    except CorruptError:
        known = {}
    rows: dict[str, Row] = {}
    time.sleep(_TICK_SECONDS)
    for path in files:
        name, before = str(path.relative_to(folder)), _times(path)
        row = known.get(name, (-1, -1, ""))
        if row[:2] != before:
            row = (*before, sha256_file(path))
        if _times(path) == before:  # else somebody is writing; the next note has it
            rows[name] = row
    text = json.dumps(rows)
    write_text(folder / NOTE, f"{sha256_bytes(text.encode())}\n{text}\n")


def noted(folder: Path) -> dict[str, Row]:
    """Return the note by file, nothing where there is none.

    Raises:
        CorruptError: it is not what was written.
    """
    path = folder / NOTE
    if not path.exists():
        return {}
    sha256, _, text = path.read_bytes().partition(b"\n")
    if sha256_bytes(text.removesuffix(b"\n")) != sha256.decode(errors="replace"):
        raise CorruptError(f"{path}: not what was written")
    return {name: (size, written, found) for name, (size, written, found) in json.loads(text).items()}


def broken(folder: Path) -> list[Path]:
    """Return the noted files that nobody has written since and that are not as they were.

    Raises:
        CorruptError: see `noted`.
    """
    found = []
    for name, (size, written, sha256) in noted(folder).items():
        path = folder / name
        if path.is_file() and _times(path)[1] == written:
            damaged = _times(path)[0] != size or sha256_file(path) != sha256
            if damaged and _times(path)[1] == written:
                found.append(path)
    return found


def _times(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_size, found.st_mtime_ns
