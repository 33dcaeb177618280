"""A folder in the repository: a class per sub-folder, `metadata.csv` or `.jsonl` beside them; no link is followed."""

import os
import stat
from collections.abc import Iterator
from contextlib import closing, suppress
from itertools import chain, islice
from pathlib import Path

from artpipe.errors import UserError
from artpipe.inputs.hidden import is_hidden
from artpipe.inputs.metadata import FILES, MOST_BYTES, Metadata, read_metadata
from artpipe.inputs.reasons import RejectedError
from artpipe.inputs.signatures import SIGNATURE_BYTES
from artpipe.media import require_works
from artpipe.params import DatasetEntry
from artpipe.sources import Candidate, Source


def check(entry: DatasetEntry) -> None:
    """Refuse what is no folder, holds too few pictures, or has metadata that cannot be read."""
    path = Path(entry.path)
    if not path.is_dir():
        raise UserError(f"{path}: {'not a folder' if path.exists() else 'no such folder'}")
    for _ in _rows(path):
        pass
    require_works(path, entry, _starts(path))


def candidates(entry: DatasetEntry) -> Iterator[Candidate]:
    """Yield every file below the folder that is not hidden, in the order of the names' bytes."""
    root, most = Path(entry.path), int(entry.ingest.max_megabytes * 2**20)
    with closing(Metadata(_rows(root))) as metadata:
        for path in _walk(root):
            name = path.relative_to(root).as_posix()
            folder, slash, _ = name.partition("/")
            fields = metadata.of(name)
            label = fields.pop("label", None) or (folder if slash else None)
            try:
                yield Candidate(name, _read(path, root, most), label, **fields)
            except RejectedError as error:
                yield Candidate(name, label=label, rejected=error.reason, notes=(error.detail,) if error.detail else ())
        for name in metadata.unused():
            yield Candidate(name, rejected="missing", notes=("named in the metadata, not there",))


def part(entry: DatasetEntry, first: int, step: int) -> Iterator[Candidate]:
    """Yield every so many'th file that can be read, by its name and bytes alone."""
    root, most = Path(entry.path), int(entry.ingest.max_megabytes * 2**20)
    for path in islice(_walk(root), first, None, step):
        with suppress(RejectedError):
            yield Candidate(path.relative_to(root).as_posix(), _read(path, root, most))


def _rows(root: Path) -> Iterator[tuple[str, dict[str, str]]]:
    files = [root / name for name in FILES if stat.S_ISREG(_mode(root / name))]
    for path in files:
        if (size := path.stat().st_size) > MOST_BYTES:
            raise UserError(f"{path}: {size / 2**20:.0f} MiB, at most {MOST_BYTES >> 20}")
    return chain.from_iterable(read_metadata(path.read_bytes(), str(path)) for path in files)


def _walk(root: Path) -> Iterator[Path]:
    """Yield all below that is neither hidden nor a folder; a folder that cannot be read is yielded itself.

    Folders may be nested as deep as the system lets them, deeper than Python's stack.
    """
    open_folders = [(root, iter(_names(root)))]
    while open_folders:
        folder, names = open_folders[-1]
        if (name := next(names, None)) is None:
            open_folders.pop()
            continue
        path = folder / name
        mode = _mode(path)
        if stat.S_ISDIR(mode):
            try:
                open_folders.append((path, iter(_names(path))))
            except OSError:
                yield path
        elif not (folder is root and name in FILES and stat.S_ISREG(mode)):
            yield path


def _names(folder: Path) -> list[str]:
    return sorted((path.name for path in folder.iterdir() if not is_hidden(path.name)), key=os.fsencode)


def _mode(path: Path) -> int:
    """Return what kind of file it is, 0 where nobody says; a link is a link."""
    try:
        return path.lstat().st_mode
    except OSError:
        return 0


def _read(path: Path, root: Path, most: int) -> bytes:
    try:
        mode = path.lstat().st_mode
        if stat.S_ISLNK(mode):
            outside = not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root))  # a loop is no error here
            raise RejectedError("outside the root" if outside else "symlink", "a link")
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
            raise RejectedError("special file")
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)  # it may have been changed meanwhile
        with os.fdopen(handle, "rb") as stream:
            size = os.fstat(handle).st_size
            if size > most:
                raise RejectedError("too large", f"{size / 2**20:.1f} MiB, at most {most / 2**20:g}")
            return stream.read(most)
    except OSError as error:
        raise RejectedError("unreadable", error.strerror or "") from None


def _starts(root: Path) -> Iterator[tuple[bytes, str]]:
    for path in _walk(root):
        try:
            if stat.S_ISREG(path.lstat().st_mode):
                with path.open("rb") as stream:
                    yield stream.read(SIGNATURE_BYTES), path.name
        except OSError:
            continue


SOURCE = Source(check=check, candidates=candidates, part=part)
