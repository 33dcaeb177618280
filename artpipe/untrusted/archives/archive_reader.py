"""Zip and tar as streams of regular members: nothing is extracted, and every byte, entry and ratio is counted."""

from collections.abc import Callable, Generator
from dataclasses import replace
from functools import lru_cache
from itertools import islice
from pathlib import Path

from artpipe.artifacts.paths import STATE
from artpipe.errors import UserError
from artpipe.language.message import Message, as_value
from artpipe.language.sentences import sentence_of
from artpipe.untrusted.archives.archive_formats import format_suffix, is_zip_file
from artpipe.untrusted.archives.archive_limits import ArchiveFile, ArchiveLimits, Member, Spool, SpooledArchive
from artpipe.untrusted.archives.tar_members import copy_tar_entry, tar_members
from artpipe.untrusted.archives.zip_members import copy_zip_entry, unreadable_entries, zip_members
from artpipe.untrusted.hidden_files import lies_hidden
from artpipe.untrusted.rejection import RejectedError

__all__ = ["ArchiveLimits", "Member", "archive_notes", "archive_suffix", "is_zip", "members"]

_ARCHIVES = (".zip", ".tar", ".tgz", ".tbz2", ".txz", ".tar.gz", ".tar.bz2", ".tar.xz", ".tar.zst", ".tar.lzma")
_DOCUMENTS = (".txt", ".md", ".rst", ".pdf", ".html", ".htm", ".nfo", ".url", ".csv", ".json", ".xml", ".rtf", ".docx")
_DOCUMENT_NAMES = ("readme", "license", "licence", "copying", "citation", "thumbs.db", "desktop.ini", "md5sums")
_MOST_DOCUMENTS = 8  # beside an archive in an archive
_METADATA = ("metadata.csv", "metadata.tsv", "metadata.jsonl")
_MOST_NESTED = 2  # archives around another one
_NOTED_MEMBERS = 10_000  # looked at for what is to be said of their names


def members(
    path: Path, limits: ArchiveLimits, wanted: Callable[[str], bool] = lambda _: True
) -> Generator[Member, None, None]:
    """Yield the entries of a zip or tar, the latter maybe compressed, in their order; folders are left out.

    Only entries whose name is `wanted` are read. An archive that holds one archive and documents is read as that one.
    Damage or a bomb ends the archive; that is an entry of its own, with the archive's name.

    Raises:
        UserError: it is not such a file.
    """
    archive = ArchiveFile.at(path)
    try:
        yield from _members(archive, limits, wanted, depth=0)
    except RejectedError as error:
        told = Message(code="archive_not_read_on", values={"detail": as_value(error.detail)})
        yield Member(path.name, rejected=error.reason, detail=told.encode())


def is_zip(path: Path) -> bool:
    """Return whether it is a zip file (a wheel is one), by its content.

    Raises:
        UserError: it cannot be read.
    """
    return is_zip_file(ArchiveFile.at(path))


def archive_suffix(path: Path) -> str:
    """Return the usual suffix of an archive's format, whatever its name says.

    Raises:
        UserError: it is no archive that can be read; the message says what it is and what to do.
    """
    archive = ArchiveFile.at(path)
    suffix = format_suffix(archive)
    if is_zip_file(archive) and (why := unreadable_entries(archive, ArchiveLimits())):
        raise UserError(f"{path}: {why} and add the folder")
    next(members(path, ArchiveLimits(), lambda _: False), None)
    return suffix


def archive_notes(path: Path, limits: ArchiveLimits) -> list[str]:
    """Return what is to be said of how an archive is read, with an example of the names."""
    notes: dict[str, str] = {}
    for member in islice(members(path, limits, lambda _: False), _NOTED_MEMBERS):
        for note in member.notes:
            notes.setdefault(note, member.name)
    return [f"{sentence_of(note)}: {name}" for note, name in notes.items()]


def _members(
    archive: ArchiveFile, limits: ArchiveLimits, wanted: Callable[[str], bool], depth: int
) -> Generator[Member, None, None]:
    nested = _nested(archive, limits) if depth < _MOST_NESTED else None
    if nested is None:
        yield from _counted(archive, limits, wanted)
        return
    inner, inner_limits = nested
    for member in _counted(archive, limits, lambda name: _is_metadata(name) and wanted(name)):
        if _is_metadata(member.name):
            yield member
    note = Message(code="read_from_inner_archive", values={"name": str(inner.name)})
    for member in _members(inner, inner_limits, wanted, depth + 1):
        yield replace(member, notes=(*member.notes, note.encode()))


def _counted(
    archive: ArchiveFile, limits: ArchiveLimits, wanted: Callable[[str], bool]
) -> Generator[Member, None, None]:
    read = zip_members if is_zip_file(archive) else tar_members
    total = 0
    for count, member in enumerate(read(archive, limits, wanted), start=1):
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
def _nested(archive: ArchiveFile, limits: ArchiveLimits) -> tuple[ArchiveFile, ArchiveLimits] | None:
    """Return the only archive in an archive, in a temporary file, and the limits that are left for it."""
    name = _only_archive(archive, limits)
    if name is None:
        return None
    spool = Spool(STATE)  # lives as long as the cache knows it
    whole = replace(limits, megabytes=limits.gigabytes * 2**10)
    copy = copy_zip_entry if is_zip_file(archive) else copy_tar_entry
    ratio = copy(archive, name, spool.file, whole)
    spool.file.flush()
    size = spool.file.tell()
    identity = (*archive.identity, name)
    label = f"{archive.label}/{name}"
    inner = ArchiveFile(label, name.rpartition("/")[2], identity, lambda: SpooledArchive(spool, size))
    try:
        format_suffix(inner)
    except UserError:
        return None
    return inner, replace(limits, ratio=limits.ratio / max(1.0, ratio))


def _only_archive(archive: ArchiveFile, limits: ArchiveLimits) -> str | None:
    """Return the name of the only archive among the entries, None where there is anything but documents beside it."""
    only, documents = None, 0
    whole = replace(limits, megabytes=limits.gigabytes * 2**10)
    try:
        for member in _counted(archive, whole, lambda _: False):
            if lies_hidden(member.name):
                continue
            is_archive = member.name.lower().endswith(_ARCHIVES)
            documents += not is_archive
            if (
                member.rejected
                or documents > _MOST_DOCUMENTS
                or (only is not None if is_archive else not _is_document(member.name))
            ):
                return None
            only = member.name if is_archive else only
    except RejectedError:
        return None
    return only


def _is_document(name: str) -> bool:
    base = name.rpartition("/")[2].lower()
    return base.endswith(_DOCUMENTS) or base.startswith(_DOCUMENT_NAMES) or _is_metadata(name)


def _is_metadata(name: str) -> bool:
    return name.removeprefix("./") in _METADATA
