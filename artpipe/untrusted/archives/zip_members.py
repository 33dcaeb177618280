"""Read the entries of a zip one by one, without extracting them.

Names are taken from the directory, in whatever encoding they are.
"""

import io
import math
import shutil
import stat
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import IO, NamedTuple

from artpipe.errors import UserError
from artpipe.language.message import Message
from artpipe.language.sentences import make_sentence
from artpipe.untrusted.archives.archive_formats import refuse_split_zip
from artpipe.untrusted.archives.archive_limits import ArchiveFile, ArchiveLimits, Member, check_member_name
from artpipe.untrusted.archives.member_names import NameDecoder, unicode_path
from artpipe.untrusted.rejection import RejectedError

_RATIO_FROM_BYTES = 1 << 20  # a ratio says nothing about a few bytes
_DIRECTORY_BYTES = 128 << 20  # of a zip: a million entries of usual names
_LOCAL_HEADER_BYTES = 30
_UTF8_FLAG, _ENCRYPTED_FLAG = 0x800, 1
_UNREAD_METHODS = {
    1: "Shrink", 6: "Implode", 9: "Deflate64 (as Windows packs more than 2 GB)", 93: "Zstandard", 94: "MP3", 95: "XZ",
    96: "JPEG", 97: "WavPack", 98: "PPMd", 99: "AES",
}  # fmt: skip


class _Entry(NamedTuple):
    """An entry's record in the directory and its decoded name."""

    info: zipfile.ZipInfo
    name: str
    notes: tuple[str, ...]


def read_zip_members(archive: ArchiveFile, limits: ArchiveLimits, is_wanted: Callable[[str], bool]) -> Iterator[Member]:
    """Yield the entries that are not folders.

    Raises:
        UserError: it is no zip that can be read.
        RejectedError: its directory is too long.
    """
    with _open_zip(archive) as zip_file:
        overlapping = _find_overlapping(zip_file.infolist())
        names: set[str] = set()
        for info, name, notes in _read_entries(zip_file, limits):
            try:
                _check_entry(info, name, limits, overlaps=info.header_offset in overlapping, names=names)
                plain = _plain_name(name)
                yield Member(plain, _read_entry(zip_file, info, limits) if is_wanted(plain) else b"", notes=notes)
            except RejectedError as error:
                yield Member(name, rejected=error.reason, detail=error.detail, notes=notes)


def describe_unreadable_entries(archive: ArchiveFile, limits: ArchiveLimits) -> str:
    """Return why no entry of a zip can be read, empty where one may be.

    Entries may be encrypted, or packed by an unknown method.
    """
    with _open_zip(archive) as zip_file:
        infos = [info for info, _, _ in _read_entries(zip_file, limits)]
    if infos and all(info.flag_bits & _ENCRYPTED_FLAG for info in infos):
        return f"its {len(infos):,} entries are encrypted; unpack it with its password (`7z x {archive.name}`)"
    unsupported = [info for info in infos if info.compress_type in _UNREAD_METHODS]
    if infos and len(unsupported) == len(infos):
        return f"its {len(infos):,} entries are {make_sentence(_describe_method(infos[0]))}"
    return ""


def copy_zip_entry(archive: ArchiveFile, name: str, target: IO[bytes], limits: ArchiveLimits) -> float:
    """Write one entry's bytes, at most `limits.gigabytes`, to `target`.

    Returns how many times their packed size they are.

    Raises:
        RejectedError: it cannot be read, or is a bomb.
    """
    with _open_zip(archive) as zip_file:
        info = next(info for info, text, _ in _read_entries(zip_file, limits) if _plain_name(text) == name)
        if info.file_size > limits.gigabytes * 2**30:
            raise RejectedError(
                "bomb",
                Message(code="more_than_gigabytes", values={"gigabytes": limits.gigabytes}),
                "max_archive_gigabytes",
            )
        overlapping = _find_overlapping(zip_file.infolist())
        _check_entry(info, name, limits, overlaps=info.header_offset in overlapping, names=set())
        try:
            with zip_file.open(info) as stream:  # never more than the directory says
                shutil.copyfileobj(stream, target)
        except NotImplementedError:
            raise RejectedError("unsupported format", _describe_method(info)) from None
        except OSError:
            raise
        except Exception as error:  # noqa: BLE001 - BadZipFile, zlib.error, EOFError, struct.error ...
            raise RejectedError("damaged", f"{type(error).__name__}: {error}") from None
        return info.file_size / max(1, info.compress_size)


@contextmanager
def _open_zip(archive: ArchiveFile) -> Iterator[zipfile.ZipFile]:
    refuse_split_zip(archive)
    with _BoundedDirectory(archive.open()) as stream:
        try:
            zip_file = zipfile.ZipFile(stream)
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
            raise UserError(f"{archive.label}: not a zip archive that can be read: {error}") from None
        stream.max_count = math.inf
        yield zip_file


class _BoundedDirectory(io.BufferedReader):
    """A zip file whose directory has a maximum size.

    zipfile reads the directory into memory whole.
    """

    max_count = float(_DIRECTORY_BYTES)

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > self.max_count:
            raise RejectedError(
                "bomb", Message(code="directory_too_long", values={"megabytes": _DIRECTORY_BYTES >> 20})
            )
        return super().read(size)


def _read_entries(zip_file: zipfile.ZipFile, limits: ArchiveLimits) -> Iterator[_Entry]:
    """Yield the entries that are not folders, with their decoded names.

    Names that are not marked as UTF-8 are taken as cp437 by zipfile, which loses nothing.
    """
    decoder = NameDecoder((_raw_name(info) for info in zip_file.infolist() if _is_unmarked(info)), limits.names)
    for info in zip_file.infolist():
        name = info.orig_filename
        notes: tuple[str, ...] = ()
        if _is_unmarked(info):
            raw = _raw_name(info)
            name = unicode_path(raw, info.extra) or ""
            if not name:
                name, notes = decoder.decode(raw)
        if not _plain_name(name).endswith("/"):
            yield _Entry(info, name, notes)


def _plain_name(name: str) -> str:
    """Return a name up to its NUL, with forward slashes as separators."""
    return name.partition("\0")[0].replace("\\", "/")


def _is_unmarked(info: zipfile.ZipInfo) -> bool:
    return not info.flag_bits & _UTF8_FLAG and not info.orig_filename.isascii()


def _raw_name(info: zipfile.ZipInfo) -> bytes:
    return info.orig_filename.encode("cp437")


def _check_entry(info: zipfile.ZipInfo, name: str, limits: ArchiveLimits, *, overlaps: bool, names: set[str]) -> None:
    plain = _plain_name(name)
    check_member_name(name, is_repeated=plain in names)
    names.add(plain)
    file_type = stat.S_IFMT(info.external_attr >> 16)
    if file_type == stat.S_IFLNK:
        raise RejectedError("symlink")
    if file_type not in {0, stat.S_IFREG}:
        raise RejectedError("special file")
    if info.flag_bits & _ENCRYPTED_FLAG:
        raise RejectedError("encrypted")
    if overlaps:
        raise RejectedError("bomb", "its data overlap another entry's")
    if info.file_size > _RATIO_FROM_BYTES and info.file_size > limits.ratio * info.compress_size:
        raise RejectedError(
            "bomb",
            Message(code="unpacks_to_times", values={"times": info.file_size / max(1, info.compress_size)}),
            "max_archive_ratio",
        )


def _read_entry(zip_file: zipfile.ZipFile, info: zipfile.ZipInfo, limits: ArchiveLimits) -> bytes:
    try:
        with zip_file.open(info) as stream:
            return _read_bounded(stream, limits)
    except NotImplementedError:
        raise RejectedError("unsupported format", _describe_method(info)) from None
    except RejectedError:
        raise
    except Exception as error:  # noqa: BLE001 - BadZipFile, zlib.error, EOFError, struct.error ...: it is one entry
        raise RejectedError("damaged", f"{type(error).__name__}: {error}") from None


def _describe_method(info: zipfile.ZipInfo) -> Message:
    method = _UNREAD_METHODS.get(info.compress_type, f"method {info.compress_type}")
    return Message(code="packed_by_method", values={"method": method})


def _read_bounded(stream: IO[bytes], limits: ArchiveLimits) -> bytes:
    max_bytes = int(limits.megabytes * 2**20)
    data = stream.read(max_bytes + 1)
    if len(data) > max_bytes:
        raise RejectedError(
            "too large", Message(code="more_than_megabytes", values={"megabytes": limits.megabytes}), "max_megabytes"
        )
    return data


def _find_overlapping(infos: list[zipfile.ZipInfo]) -> set[int]:
    """Return the header offsets of entries that overlap the next one.

    That is Fifield's overlap bomb.
    """
    ordered = sorted(infos, key=lambda info: info.header_offset)
    return {
        info.header_offset
        for info, after in pairwise(ordered)
        if info.header_offset + _LOCAL_HEADER_BYTES + info.compress_size > after.header_offset
    }
