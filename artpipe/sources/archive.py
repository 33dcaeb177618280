"""A zip or tar archive in the repository: read as a folder would be, and never extracted."""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from artpipe.errors import UserError
from artpipe.inputs.archives import ArchiveLimits, members, regular_names
from artpipe.inputs.enough import require_pictures
from artpipe.inputs.metadata import FILES, Metadata, read_metadata
from artpipe.inputs.signatures import SIGNATURE_BYTES
from artpipe.params import DatasetEntry, IngestParams
from artpipe.sources import Candidate, Source


def check(path: Path) -> None:
    """Refuse what is no archive, holds too few pictures, or has metadata that cannot be read."""
    if not path.is_file():
        raise UserError(f"{path}: {'not a file' if path.exists() else 'no such file'}")
    limits = _limits(IngestParams())
    top = _top(path, limits)
    for _ in _rows(path, limits, top):
        pass
    starts = (member.data[:SIGNATURE_BYTES] for member in members(path, limits) if member.rejected is None)
    require_pictures(path, starts)


def candidates(entry: DatasetEntry) -> Iterator[Candidate]:
    """Yield every entry that is not a folder, in the archive's order; a single top folder counts as the root."""
    path, limits = Path(entry.path), _limits(entry.ingest)
    top = _top(path, limits)
    metadata = Metadata(_rows(path, limits, top))
    for member in members(path, limits, lambda name: name not in _metadata_names(top)):
        if member.name in _metadata_names(top) and member.rejected is None:
            continue
        inside = member.name.removeprefix(top)
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
    metadata.close()


def _limits(ingest: IngestParams) -> ArchiveLimits:
    return ArchiveLimits(
        megabytes=ingest.max_megabytes,
        gigabytes=ingest.max_archive_gigabytes,
        entries=ingest.max_archive_entries,
        ratio=ingest.max_archive_ratio,
    )


def _top(path: Path, limits: ArchiveLimits) -> str:
    """Return the folder that everything is in, with its slash, or nothing."""
    top: str | None = None
    for name in regular_names(path, limits):
        folder, slash, _ = name.partition("/")
        if not slash or (top is not None and folder != top):
            return ""
        top = folder
    return f"{top}/" if top else ""


def _metadata_names(top: str) -> frozenset[str]:
    return frozenset(top + name for name in FILES)


def _rows(path: Path, limits: ArchiveLimits, top: str) -> Iterator[tuple[str, dict[str, str]]]:
    wanted = _metadata_names(top)
    found = (member for member in members(path, limits, wanted.__contains__) if member.name in wanted)
    return chain.from_iterable(
        read_metadata(member.data, f"{path}/{member.name}") for member in found if member.rejected is None
    )


SOURCE = Source(check=check, candidates=candidates)
