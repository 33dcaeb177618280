"""Read a folder in the repository; docs/inputs.md has its layouts.

No link is followed but those of a Hub cache.
"""

import zlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from artpipe.config.params import DatasetEntry
from artpipe.contracts.source import Candidate, ChangeFile, Source
from artpipe.errors import UserError
from artpipe.layout.folder_editing import edit_folder
from artpipe.layout.input_files import WHOLE_FILE, FolderFiles, make_archive_limits
from artpipe.layout.layout_detection import detect_layout
from artpipe.layout.work_kinds import get_suffix
from artpipe.layout.work_reader import read_works
from artpipe.preprocessing.jobs import require_works, work_kinds
from artpipe.untrusted.magic_bytes import SIGNATURE_BYTES
from artpipe.untrusted.metadata import MAX_METADATA_BYTES, is_metadata_file, read_metadata, require_readable_table


def check(entry: DatasetEntry) -> None:
    """Refuse what is no folder, holds too few works, or has unreadable metadata.

    It reads no more than it has to.
    """
    path = Path(entry.path)
    if not path.is_dir():
        raise UserError(f"{path}: {'not a folder' if path.exists() else 'no such folder'}")
    require_readable_table(str(path), (table.name for table in path.iterdir()))
    for table in sorted(path.iterdir()):
        if is_metadata_file(table.name) and table.is_file() and not table.is_symlink():
            _require_readable(table, entry.ingest.names)
    entries = FolderFiles(path, make_archive_limits(entry.ingest)).read_entries(lambda _: SIGNATURE_BYTES)
    require_works(path, entry, ((file.data, file.name) for file in entries if file.rejected is None))


def candidates(entry: DatasetEntry) -> Iterator[Candidate]:
    """Yield every file that may be a work, in the order of the names' bytes.

    Files that are known to be none are left out.
    """
    inputs = FolderFiles(Path(entry.path), make_archive_limits(entry.ingest))
    splits = entry.ingest.splits == "keep"
    layout = detect_layout(inputs, work_kinds(), medium=entry.medium, classes=entry.ingest.classes, splits=splits)
    with closing(layout):
        for work in read_works(layout):
            yield Candidate(work.name, work.data, rejected=work.rejected, notes=work.notes, **work.fields)


def part(entry: DatasetEntry, first: int, step: int) -> Iterator[Candidate]:
    """Yield every `step`'th readable file that may be a work.

    By its name and bytes alone.
    """
    inputs, kind = FolderFiles(Path(entry.path), make_archive_limits(entry.ingest)), work_kinds()[entry.medium]
    sidecars = frozenset(kind.sidecars) if kind.suffixes else frozenset[str]()

    def bytes_wanted(name: str) -> int:
        is_in_part = zlib.crc32(name.encode("utf-8", "surrogateescape")) % step == first
        return WHOLE_FILE if is_in_part and get_suffix(name) not in sidecars else 0

    for file in inputs.read_entries(bytes_wanted):
        if file.data and file.rejected is None:
            yield Candidate(file.name, file.data)


def edit(entry: DatasetEntry, change: ChangeFile) -> int:
    """Change or remove files of the folder; see `edit_folder`."""
    return edit_folder(Path(entry.path), make_archive_limits(entry.ingest), change)


def _require_readable(table: Path, names: str) -> None:
    if (size := table.stat().st_size) > MAX_METADATA_BYTES:
        raise UserError(f"{table}: {size / 2**20:.0f} MiB, at most {MAX_METADATA_BYTES >> 20}")
    for _ in read_metadata(table.read_bytes(), str(table), names):
        pass


SOURCE = Source(check=check, candidates=candidates, part=part, edit=edit)
