"""Note the checksums of a folder's files, to find damage by the disk later.

A file that was written since has another time; one that a failing disk changed has not.
"""

import json
import time
from collections.abc import Iterable
from pathlib import Path

from artpipe.errors import CorruptError
from artpipe.system.atomic_files import write_text
from artpipe.system.hashing import sha256_bytes, sha256_file

NOTE_FILE = "vouched.json"
_TICK_SECONDS = 0.02  # a file system's clock has ticks: what is written within one has the same time
NoteRow = tuple[int, int, str]  # size, time in ns, SHA-256


def write_integrity_note(folder: Path, files: Iterable[Path]) -> None:
    """Write the checksums of a folder's files into its note.

    Files that have not been written since the last note are not read again.
    """
    try:
        former = read_integrity_note(folder)
    except CorruptError:
        former = {}
    rows: dict[str, NoteRow] = {}
    time.sleep(_TICK_SECONDS)
    for path in files:
        name, size_and_time = str(path.relative_to(folder)), _size_and_time(path)
        row = former.get(name, (-1, -1, ""))
        if row[:2] != size_and_time:
            row = (*size_and_time, sha256_file(path))
        if _size_and_time(path) == size_and_time:  # else somebody is writing; the next note has it
            rows[name] = row
    text = json.dumps(rows)
    write_text(folder / NOTE_FILE, f"{sha256_bytes(text.encode())}\n{text}\n")


def read_integrity_note(folder: Path) -> dict[str, NoteRow]:
    """Return the note's rows by file, empty where there is no note.

    Raises:
        CorruptError: it is not what was written.
    """
    path = folder / NOTE_FILE
    if not path.exists():
        return {}
    sha256, _, text = path.read_bytes().partition(b"\n")
    if sha256_bytes(text.removesuffix(b"\n")) != sha256.decode(errors="replace"):
        raise CorruptError(f"{path}: not what was written")
    return {name: (size, written, checksum) for name, (size, written, checksum) in json.loads(text).items()}


def find_damaged_files(folder: Path) -> list[Path]:
    """Return the files that changed although nobody wrote them since the note.

    Raises:
        CorruptError: see `read_integrity_note`.
    """
    damaged_files = []
    for name, (size, written, sha256) in read_integrity_note(folder).items():
        path = folder / name
        if path.is_file() and _size_and_time(path)[1] == written:
            is_damaged = _size_and_time(path)[0] != size or sha256_file(path) != sha256
            if is_damaged and _size_and_time(path)[1] == written:
                damaged_files.append(path)
    return damaged_files


def _size_and_time(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns
