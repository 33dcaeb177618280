"""Read zip and tar archives as streams of regular members.

Nothing is extracted, and every byte, entry and ratio is counted.
"""

from collections.abc import Callable, Generator
from dataclasses import replace
from functools import lru_cache
from itertools import islice
from pathlib import Path

from artpipe.artifacts.paths import STATE
from artpipe.errors import UserError
from artpipe.language.message import Message, decode_value
from artpipe.language.sentences import read_sentence
from artpipe.untrusted.archives.archive_formats import detect_suffix, is_zip_file
from artpipe.untrusted.archives.archive_limits import ArchiveFile, ArchiveLimits, Member, Spool, SpooledArchive
from artpipe.untrusted.archives.tar_members import copy_tar_entry, read_tar_members
from artpipe.untrusted.archives.zip_members import copy_zip_entry, describe_unreadable_entries, read_zip_members
from artpipe.untrusted.hidden_files import has_hidden_part
from artpipe.untrusted.rejection import RejectedError

__all__ = ["ArchiveLimits", "Member", "collect_archive_notes", "detect_archive_suffix", "is_zip", "read_members"]

_ARCHIVE_SUFFIXES = (".zip", ".tar", ".tgz", ".tbz2", ".txz", ".tar.gz", ".tar.bz2", ".tar.xz", ".tar.zst", ".tar.lzma")
_DOCUMENT_SUFFIXES = (
    ".txt",
    ".md",
    ".rst",
    ".pdf",
    ".html",
    ".htm",
    ".nfo",
    ".url",
    ".csv",
    ".json",
    ".xml",
    ".rtf",
    ".docx",
)
_DOCUMENT_NAMES = ("readme", "license", "licence", "copying", "citation", "thumbs.db", "desktop.ini", "md5sums")
_MAX_DOCUMENTS = 8  # beside an archive in an archive
_METADATA = ("metadata.csv", "metadata.tsv", "metadata.jsonl")
_MAX_NESTING = 2  # archives around another one
_NOTED_MEMBERS = 10_000  # read for notes on their names


def read_members(
    path: Path, limits: ArchiveLimits, is_wanted: Callable[[str], bool] = lambda _: True
) -> Generator[Member, None, None]:
    """Yield the members of a zip or tar archive in their order, folders left out.

    The tar may be compressed.

    Only entries whose name is `is_wanted` are read. An archive that holds one archive and documents is read as that one.
    Damage or a bomb ends the archive; that is an entry of its own, with the archive's name.

    Raises:
        UserError: it is not such a file.
    """
    archive = ArchiveFile.from_path(path)
    try:
        yield from _read_members_nested(archive, limits, is_wanted, depth=0)
    except RejectedError as error:
        message = Message(code="archive_not_read_on", values={"detail": decode_value(error.detail)})
        yield Member(path.name, rejected=error.reason, detail=message.encode())


def is_zip(path: Path) -> bool:
    """Return whether it is a zip file (a wheel is one), by its content.

    Raises:
        UserError: it cannot be read.
    """
    return is_zip_file(ArchiveFile.from_path(path))


def detect_archive_suffix(path: Path) -> str:
    """Return the usual suffix of an archive's format, whatever its name says.

    Raises:
        UserError: it is no archive that can be read; the message says what it is and what to do.
    """
    archive = ArchiveFile.from_path(path)
    suffix = detect_suffix(archive)
    if is_zip_file(archive) and (reason := describe_unreadable_entries(archive, ArchiveLimits())):
        raise UserError(f"{path}: {reason} and add the folder")
    next(read_members(path, ArchiveLimits(), lambda _: False), None)
    return suffix


def collect_archive_notes(path: Path, limits: ArchiveLimits) -> list[str]:
    """Return the notes on how an archive is read, each with the name of a member."""
    notes: dict[str, str] = {}
    for member in islice(read_members(path, limits, lambda _: False), _NOTED_MEMBERS):
        for note in member.notes:
            notes.setdefault(note, member.name)
    return [f"{read_sentence(note)}: {name}" for note, name in notes.items()]


def _read_members_nested(
    archive: ArchiveFile, limits: ArchiveLimits, is_wanted: Callable[[str], bool], depth: int
) -> Generator[Member, None, None]:
    nested = _unpack_nested(archive, limits) if depth < _MAX_NESTING else None
    if nested is None:
        yield from _read_within_limits(archive, limits, is_wanted)
        return
    inner, inner_limits = nested
    for member in _read_within_limits(archive, limits, lambda name: _is_metadata(name) and is_wanted(name)):
        if _is_metadata(member.name):
            yield member
    note = Message(code="read_from_inner_archive", values={"name": str(inner.name)})
    for member in _read_members_nested(inner, inner_limits, is_wanted, depth + 1):
        yield replace(member, notes=(*member.notes, note.encode()))


def _read_within_limits(
    archive: ArchiveFile, limits: ArchiveLimits, is_wanted: Callable[[str], bool]
) -> Generator[Member, None, None]:
    read_all = read_zip_members if is_zip_file(archive) else read_tar_members
    total = 0
    for count, member in enumerate(read_all(archive, limits, is_wanted), start=1):
        total += len(member.data)
        if count > limits.entries:
            raise RejectedError(
                "bomb", Message(code="more_than_entries", values={"entries": limits.entries}), "max_archive_entries"
            )
        if total > limits.gigabytes * 2**30:
            raise RejectedError(
                "bomb",
                Message(code="more_than_gigabytes", values={"gigabytes": limits.gigabytes}),
                "max_archive_gigabytes",
            )
        yield member


@lru_cache(maxsize=4)
def _unpack_nested(archive: ArchiveFile, limits: ArchiveLimits) -> tuple[ArchiveFile, ArchiveLimits] | None:
    """Return the only archive inside an archive, and the limits that are left for it.

    It lies in a temporary file.
    """
    name = _find_only_archive(archive, limits)
    if name is None:
        return None
    spool = Spool(STATE)  # lives as long as the cache holds it
    member_limits = replace(limits, megabytes=limits.gigabytes * 2**10)
    copy = copy_zip_entry if is_zip_file(archive) else copy_tar_entry
    ratio = copy(archive, name, spool.file, member_limits)
    spool.file.flush()
    size = spool.file.tell()
    identity = (*archive.identity, name)
    label = f"{archive.label}/{name}"
    inner = ArchiveFile(label, name.rpartition("/")[2], identity, lambda: SpooledArchive(spool, size))
    try:
        detect_suffix(inner)
    except UserError:
        return None
    return inner, replace(limits, ratio=limits.ratio / max(1.0, ratio))


def _find_only_archive(archive: ArchiveFile, limits: ArchiveLimits) -> str | None:
    """Return the name of the only archive among the entries.

    None where anything but documents lies beside it.
    """
    only, documents = None, 0
    member_limits = replace(limits, megabytes=limits.gigabytes * 2**10)
    try:
        for member in _read_within_limits(archive, member_limits, lambda _: False):
            if has_hidden_part(member.name):
                continue
            is_archive = member.name.lower().endswith(_ARCHIVE_SUFFIXES)
            documents += not is_archive
            if (
                member.rejected
                or documents > _MAX_DOCUMENTS
                or (only is not None if is_archive else not _is_document(member.name))
            ):
                return None
            only = member.name if is_archive else only
    except RejectedError:
        return None
    return only


def _is_document(name: str) -> bool:
    base = name.rpartition("/")[2].lower()
    return base.endswith(_DOCUMENT_SUFFIXES) or base.startswith(_DOCUMENT_NAMES) or _is_metadata(name)


def _is_metadata(name: str) -> bool:
    return name.removeprefix("./") in _METADATA
