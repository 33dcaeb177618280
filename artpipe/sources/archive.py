"""A zip or tar archive in the repository: read as a folder would be, and never extracted."""

from collections.abc import Iterator
from contextlib import closing
from itertools import chain
from pathlib import Path

from artpipe.errors import UserError
from artpipe.inputs.archives import ArchiveLimits, Member, is_zip, members
from artpipe.inputs.hidden import lies_hidden
from artpipe.inputs.metadata import FILES, Metadata, read_metadata
from artpipe.inputs.signatures import SIGNATURE_BYTES
from artpipe.media import require_works
from artpipe.params import DatasetEntry, IngestParams
from artpipe.sources import Candidate, Source


def check(entry: DatasetEntry) -> None:
    """Refuse what is no archive, holds too few pictures, or (of a zip) has metadata that cannot be read.

    It stops at the first few pictures, since a tar has to be unpacked up to where one looks; its metadata may stand at
    its end, and are judged when the candidates are asked for.
    """
    path, limits = Path(entry.path), _limits(entry.ingest)
    if not path.is_file():
        raise UserError(f"{path}: {'not a file' if path.exists() else 'no such file'}")
    if is_zip(path):
        for _ in _rows(path, _survey(path, limits)[1]):
            pass
    found = members(path, limits, lambda name: not lies_hidden(name))
    with closing(found):
        shown = (member for member in found if member.rejected is None and not lies_hidden(member.name))
        require_works(path, entry, ((member.data[:SIGNATURE_BYTES], member.name) for member in shown))


def candidates(entry: DatasetEntry) -> Iterator[Candidate]:
    """Yield every entry that is no folder and not hidden, in the archive's order; a single top folder is the root."""
    path, limits = Path(entry.path), _limits(entry.ingest)
    top, tables = _survey(path, limits)
    with closing(Metadata(_rows(path, tables))) as metadata:
        names = _metadata_names(top)
        for member in members(path, limits, lambda name: not lies_hidden(name) and _plain(name) not in names):
            name = _plain(member.name)
            if lies_hidden(name) or (name in names and member.rejected is None):
                continue
            inside = name.removeprefix(top)
            folder, slash, _ = inside.partition("/")
            fields = metadata.of(inside)
            label = fields.pop("label", None) or (folder if slash and member.rejected is None else None)
            notes = (member.detail,) if member.detail else ()
            if member.rejected:
                yield Candidate(member.name, label=label, rejected=member.rejected, notes=notes)
            else:
                yield Candidate(member.name, member.data, label, **fields)
        for name in metadata.unused():
            yield Candidate(name, rejected="missing", notes=("named in the metadata, not there",))


def _limits(ingest: IngestParams) -> ArchiveLimits:
    return ArchiveLimits(
        megabytes=ingest.max_megabytes,
        gigabytes=ingest.max_archive_gigabytes,
        entries=ingest.max_archive_entries,
        ratio=ingest.max_archive_ratio,
    )


def _survey(path: Path, limits: ArchiveLimits) -> tuple[str, list[Member]]:
    """Return the folder that everything is in, with its slash, or nothing, and the metadata files of the root."""
    top: str | None = None
    tables: list[Member] = []
    for member in members(path, limits, lambda name: _plain(name).rpartition("/")[2] in FILES):
        name = _plain(member.name)
        if member.rejected is not None or lies_hidden(name):
            continue
        folder = "".join(name.partition("/")[:2]) if "/" in name else ""
        top = folder if top in {None, folder} else ""
        tables = [one for one in (*tables, member) if _plain(one.name) in _metadata_names(top)]
    return top or "", tables


def _plain(name: str) -> str:
    """`tar -c .` writes ``./`` before every name."""
    while name.startswith("./"):
        name = name[2:]
    return name


def _metadata_names(top: str) -> frozenset[str]:
    return frozenset(top + name for name in FILES)


def _rows(path: Path, tables: list[Member]) -> Iterator[tuple[str, dict[str, str]]]:
    return chain.from_iterable(read_metadata(table.data, f"{path}/{table.name}") for table in tables)


SOURCE = Source(check=check, candidates=candidates)
