"""Read a zip or tar archive in the repository, without extracting it.

Its layout is detected like that of a folder (docs/inputs.md).
"""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from artpipe.config.params import DatasetEntry
from artpipe.contracts.source import Candidate, ChangeFile, Source
from artpipe.errors import UserError
from artpipe.layout.input_files import ArchiveFiles, make_archive_limits
from artpipe.layout.layout_detection import detect_layout
from artpipe.layout.metadata_tables import read_tables
from artpipe.layout.work_reader import read_works
from artpipe.preprocessing.jobs import require_works, work_kinds
from artpipe.untrusted.archives.archive_editing import edit_archive
from artpipe.untrusted.archives.archive_reader import is_zip
from artpipe.untrusted.magic_bytes import SIGNATURE_BYTES
from artpipe.untrusted.metadata import require_readable_table


def check(entry: DatasetEntry) -> None:
    """Refuse what is no archive, holds too few works, or has unreadable metadata.

    Metadata of a zip only.

    It stops at the first few works, since a tar has to be unpacked up to where one looks; its metadata may stand at
    its end, and are judged when the candidates are asked for.
    """
    path = Path(entry.path)
    if not path.is_file():
        raise UserError(f"{path}: {'not a file' if path.exists() else 'no such file'}")
    inputs = ArchiveFiles(path, make_archive_limits(entry.ingest))
    if is_zip(path):
        for _ in read_tables(inputs):
            pass
        require_readable_table(str(path), (file.name for file in inputs.read_entries(lambda _: 0)))
    entries = inputs.read_entries(lambda _: SIGNATURE_BYTES)
    require_works(path, entry, ((file.data, file.name) for file in entries if file.rejected is None))


def candidates(entry: DatasetEntry) -> Iterator[Candidate]:
    """Yield every file that may be a work, in the archive's order.

    Files that are known to be none are left out.
    """
    inputs, splits = ArchiveFiles(Path(entry.path), make_archive_limits(entry.ingest)), entry.ingest.splits == "keep"
    layout = detect_layout(inputs, work_kinds(), medium=entry.medium, classes=entry.ingest.classes, splits=splits)
    with closing(layout):
        for work in read_works(layout):
            yield Candidate(work.name, work.data, rejected=work.rejected, notes=work.notes, **work.fields)


def edit(entry: DatasetEntry, change: ChangeFile) -> int:
    """Change or remove members of the archive; see `edit_archive`."""
    return edit_archive(Path(entry.path), make_archive_limits(entry.ingest), change)


SOURCE = Source(check=check, candidates=candidates, edit=edit)
