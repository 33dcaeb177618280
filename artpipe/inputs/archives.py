"""Zip and tar as streams of regular members: nothing is extracted, and every byte, entry and ratio is counted."""

import bz2
import gzip
import io
import lzma
import math
import re
import sqlite3
import stat
import tarfile
import zipfile
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import IO, Any, Self, cast

from artpipe.errors import UserError
from artpipe.inputs.reasons import Reason, RejectedError

_RATIO_FROM_BYTES = 1 << 20  # a ratio says nothing about a few bytes
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_COMPRESSED: dict[bytes, Callable[..., Any]] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ": lzma.open}
_HEADER_BYTES = 1 << 20  # of a tar, before one member; tarfile takes them into memory whole
_DIRECTORY_BYTES = 128 << 20  # of a zip: a million entries of usual names
_TOO_LONG = f"a header of more than {_HEADER_BYTES >> 20} MiB"
_DRIVE = re.compile(r"[A-Za-z]:[\\/]")


@dataclass(frozen=True)
class ArchiveLimits:
    """What one archive may bring; what is beyond is a bomb."""

    megabytes: float = 256.0  # one member
    gigabytes: float = 64.0  # all of them
    entries: int = 1_000_000
    ratio: float = 200.0  # unpacked to packed


@dataclass(frozen=True)
class Member:
    """One entry that is not a folder: its bytes, or why there are none."""

    name: str
    data: bytes = b""
    rejected: Reason | None = None
    detail: str = ""


def members(
    path: Path, limits: ArchiveLimits, wanted: Callable[[str], bool] = lambda _: True
) -> Generator[Member, None, None]:
    """Yield the entries of a zip, tar, tar.gz, tar.bz2 or tar.xz file in their order, folders left out.

    Only entries whose name is `wanted` are read. Damage or a bomb ends the archive; that is an entry of its own, with
    the archive's name.

    Raises:
        UserError: it is not such a file.
    """
    read = _zip_members if is_zip(path) else _tar_members
    count, total = 0, 0.0
    try:
        for member in read(path, limits, wanted):
            count += 1
            total += len(member.data)
            _judge_totals(count, total, limits)
            yield member
    except RejectedError as error:
        yield Member(path.name, rejected=error.reason, detail=f"{error.detail}; the rest of the archive was not read")


def _judge_totals(entries: int, unpacked: float, limits: ArchiveLimits) -> None:
    if entries > limits.entries:
        raise RejectedError("bomb", f"more than {limits.entries} entries")
    if unpacked > limits.gigabytes * 2**30:
        raise RejectedError("bomb", f"more than {limits.gigabytes:g} GiB")


def is_zip(path: Path) -> bool:
    """Return whether it is a zip file (a wheel is one), by its first bytes.

    Raises:
        UserError: it cannot be read.
    """
    return _start(path).startswith(_ZIP)


def _start(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(8)
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from None


def _zip_members(path: Path, limits: ArchiveLimits, wanted: Callable[[str], bool]) -> Iterator[Member]:
    with _Zip(io.FileIO(path)) as stream:
        try:
            archive = zipfile.ZipFile(stream)
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
            raise UserError(f"{path}: not a zip archive that can be read: {error}") from None
        stream.most = math.inf
        infos = archive.infolist()
        overlapping = _overlapping(infos)
        seen: set[str] = set()
        for info in infos:
            if info.filename.endswith("/"):  # `is_dir` of Python 3.11 dies of an empty name
                continue
            try:
                _judge_zip_entry(info, limits, overlaps=info.header_offset in overlapping, seen=seen)
                yield Member(info.filename, _zip_bytes(archive, info, limits) if wanted(info.filename) else b"")
            except RejectedError as error:
                yield Member(info.filename, rejected=error.reason, detail=error.detail)


class _Zip(io.BufferedReader):
    """A file whose directory may not be too long, since zipfile takes it into memory whole."""

    most = float(_DIRECTORY_BYTES)

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > self.most:
            raise RejectedError("bomb", f"a directory of more than {_DIRECTORY_BYTES >> 20} MiB")
        return super().read(size)


def _judge_zip_entry(info: zipfile.ZipInfo, limits: ArchiveLimits, *, overlaps: bool, seen: set[str]) -> None:
    _judge_name(info.orig_filename, again=info.filename in seen)
    seen.add(info.filename)
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind == stat.S_IFLNK:
        raise RejectedError("symlink")
    if kind not in {0, stat.S_IFREG}:
        raise RejectedError("special file")
    if info.flag_bits & 1:
        raise RejectedError("encrypted")
    if overlaps:
        raise RejectedError("bomb", "its data overlap another entry's")
    if info.file_size > _RATIO_FROM_BYTES and info.file_size > limits.ratio * info.compress_size:
        raise RejectedError("bomb", f"unpacks to {info.file_size / max(1, info.compress_size):.0f} times its size")


def _zip_bytes(archive: zipfile.ZipFile, info: zipfile.ZipInfo, limits: ArchiveLimits) -> bytes:
    try:
        with archive.open(info) as stream:
            return _bounded(stream, limits)
    except NotImplementedError as error:
        raise RejectedError("unsupported format", str(error)) from None
    except RejectedError:
        raise
    except Exception as error:  # noqa: BLE001 - BadZipFile, zlib.error, EOFError, struct.error ...: it is one entry
        raise RejectedError("damaged", f"{type(error).__name__}: {error}") from None


def _overlapping(infos: list[zipfile.ZipInfo]) -> set[int]:
    """Return the header offsets of entries that reach into the next one (Fifield's overlap bomb)."""
    placed = sorted(infos, key=lambda info: info.header_offset)
    local_header = 30
    return {
        info.header_offset
        for info, after in pairwise(placed)
        if info.header_offset + local_header + info.compress_size > after.header_offset
    }


def _tar_members(path: Path, limits: ArchiveLimits, wanted: Callable[[str], bool]) -> Iterator[Member]:
    start = _start(path)
    opener = next((opener for magic, opener in _COMPRESSED.items() if start.startswith(magic)), None)
    with path.open("rb") as packed, opener(packed) if opener else path.open("rb") as unpacked, _Names() as names:
        first = True
        try:
            counted = _Counted(unpacked, packed if opener else None, limits)
            with tarfile.open(fileobj=cast("IO[bytes]", counted), mode="r|", tarinfo=_Header) as archive:
                while (info := counted.header(archive)) is not None:
                    first = False
                    archive.members.clear()  # type: ignore[attr-defined]  # it would remember every member otherwise
                    if not info.isdir():
                        yield _tar_member(archive, info, limits, wanted, names)
        except (RejectedError, GeneratorExit):
            raise
        except _BadHeaderError as error:
            raise RejectedError("damaged", str(error)) from None
        except Exception as error:  # noqa: BLE001 - TarError, zlib.error, LZMAError, EOFError, ValueError ...
            if first:
                raise UserError(f"{path}: neither a zip nor a tar archive that can be read: {error}") from None
            raise RejectedError("truncated", f"{type(error).__name__}: {error}") from None


def _tar_member(
    archive: tarfile.TarFile,
    info: tarfile.TarInfo,
    limits: ArchiveLimits,
    wanted: Callable[[str], bool],
    names: "_Names",
) -> Member:
    try:
        _judge_tar_entry(info, limits, again=not names.new(info.name))
    except RejectedError as error:
        return Member(info.name, rejected=error.reason, detail=error.detail)
    stream = archive.extractfile(info) if wanted(info.name) else None
    return Member(info.name, b"" if stream is None else stream.read())


def _judge_tar_entry(info: tarfile.TarInfo, limits: ArchiveLimits, *, again: bool) -> None:
    _judge_name(info.name, again=again)
    if info.issym():
        raise RejectedError("symlink", f"to {info.linkname}")
    if info.islnk():
        raise RejectedError("hard link", f"to {info.linkname}")
    if not info.isreg() or info.issparse():
        raise RejectedError("special file")
    if info.size > limits.megabytes * 2**20:
        raise RejectedError("too large", f"more than {limits.megabytes:g} MiB")


class _BadHeaderError(Exception):
    """A header, not the first one, that is none."""


class _Header(tarfile.TarInfo):
    """A header as tarfile reads it; one that is none is said, where tarfile takes it for the end of the archive."""

    @classmethod
    def fromtarfile(cls, archive: tarfile.TarFile) -> Self:
        try:
            info = super().fromtarfile(archive)
        except tarfile.HeaderError as error:
            if archive.offset == 0 or type(error).__name__ == "EOFHeaderError":  # tarfile's own business
                raise
            raise _BadHeaderError(f"no header at byte {archive.offset}: {error}") from None
        if info.size < 0:
            raise _BadHeaderError(f"an entry of {info.size} bytes")
        return info


class _Counted:
    """A stream that stops a bomb: counts what was unpacked, against the total and against what was packed."""

    def __init__(self, unpacked: IO[bytes], packed: IO[bytes] | None, limits: ArchiveLimits) -> None:
        self.unpacked, self.packed, self.limits = unpacked, packed, limits
        self.count, self.most = 0, float(_HEADER_BYTES)  # opening an archive reads its first header

    def header(self, archive: tarfile.TarFile) -> tarfile.TarInfo | None:
        """Return the next entry, None at the end; what is before it counts as its header, the last one's data do not."""
        next_header: int = archive.offset
        self.most = next_header + _HEADER_BYTES + tarfile.RECORDSIZE
        info = archive.next()
        self.most = math.inf
        if sum(len(key) + len(value) for key, value in archive.pax_headers.items()) > _HEADER_BYTES:
            raise RejectedError("bomb", _TOO_LONG)
        return info

    def read(self, size: int) -> bytes:
        data = self.unpacked.read(size)
        self.count += len(data)
        if self.count > self.limits.gigabytes * 2**30:
            raise RejectedError("bomb", f"more than {self.limits.gigabytes:g} GiB")
        if self.count > self.most:
            raise RejectedError("bomb", _TOO_LONG)
        generous = self.count > self.limits.megabytes * 2**20 / 4
        if self.packed is not None and generous and self.count > self.limits.ratio * self.packed.tell():
            raise RejectedError("bomb", f"unpacks to more than {self.limits.ratio:g} times its size")
        return data


class _Names:
    """The names an archive had so far, on disk."""

    def __enter__(self) -> Self:
        self._names = sqlite3.connect("", isolation_level=None)
        self._names.execute("CREATE TABLE names (name BLOB PRIMARY KEY) WITHOUT ROWID")
        self._names.execute("BEGIN")
        return self

    def __exit__(self, *_: object) -> None:
        self._names.close()

    def new(self, name: str) -> bool:
        """Return whether the name is a new one, and remember it."""
        key = name.encode("utf-8", "surrogateescape")
        return self._names.execute("INSERT OR IGNORE INTO names VALUES (?)", (key,)).rowcount == 1


def _judge_name(name: str, *, again: bool) -> None:
    if ".." in re.split(r"[\\/]", name):
        raise RejectedError("traversal", "its name has `..` in it")
    if name.startswith(("/", "\\")) or _DRIVE.match(name):
        raise RejectedError("outside the root", "its name is absolute")
    if again:
        raise RejectedError("duplicate name")


def _bounded(stream: IO[bytes], limits: ArchiveLimits) -> bytes:
    most = int(limits.megabytes * 2**20)
    data = stream.read(most + 1)
    if len(data) > most:
        raise RejectedError("too large", f"more than {limits.megabytes:g} MiB")
    return data
