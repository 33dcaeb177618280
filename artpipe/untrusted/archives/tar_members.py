"""Read the entries of a tar as a stream, without extracting them.

Every byte is counted.
"""

import io
import math
import sqlite3
import tarfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import lru_cache
from itertools import islice
from typing import IO, Self, cast

from artpipe.errors import UserError
from artpipe.language.message import Message
from artpipe.untrusted.archives.archive_formats import TarLayers, detect_tar_layers, open_layers
from artpipe.untrusted.archives.archive_limits import ArchiveFile, ArchiveLimits, Member, check_member_name
from artpipe.untrusted.archives.member_names import NameDecoder
from artpipe.untrusted.rejection import RejectedError

_HEADER_BYTES = 1 << 20  # before one member; tarfile takes them into memory whole
_CHUNK_BYTES = 1 << 20
_EMPTY_READS = (
    8  # after the end: tarfile skips the data of an entry block by block, which at 2**60 bytes takes for ever
)
_HEADER_TOO_LONG = Message(code="header_too_long", values={"megabytes": _HEADER_BYTES >> 20})
_GUESSED_NAMES = 1000  # that are not ASCII; an archive is not unpacked to its end for its names
_TWO_BYTE_UTF8 = "\u0800"  # what is below may be another encoding that is UTF-8 by chance


def read_tar_members(archive: ArchiveFile, limits: ArchiveLimits, is_wanted: Callable[[str], bool]) -> Iterator[Member]:
    """Yield the entries that are not folders.

    Raises:
        UserError: it is no tar that can be read.
        RejectedError: it is a bomb, or ends before its end.
    """
    with NameSet() as names:
        for info, name, notes, tar_file in _read_entries(archive, limits):
            if info.isdir():
                continue
            try:
                _check_entry(info, name, limits, is_repeated=not names.add(name))
            except RejectedError as error:
                yield Member(name, rejected=error.reason, detail=error.detail, notes=notes)
                continue
            data = io.BytesIO()
            if is_wanted(name):
                _copy_data(tar_file, info, data)
            yield Member(name, data.getvalue(), notes=notes)


def copy_tar_entry(archive: ArchiveFile, name: str, target: IO[bytes], limits: ArchiveLimits) -> float:
    """Write one entry's bytes, at most `limits.gigabytes`, to `target`.

    Returns how many times the packed size of the whole tar they are.

    Raises:
        UserError, RejectedError: it cannot be read, or is a bomb.
    """
    for info, text, _, tar_file in _read_entries(archive, limits):
        if text == name and info.isreg():
            _copy_data(tar_file, info, target)
            break
    with io.BufferedReader(archive.open()) as packed:
        return target.tell() / max(1, packed.seek(0, io.SEEK_END))


def _copy_data(tar_file: tarfile.TarFile, info: tarfile.TarInfo, target: IO[bytes]) -> None:
    if (stream := tar_file.extractfile(info)) is None:
        return
    try:
        while chunk := stream.read(_CHUNK_BYTES):
            target.write(chunk)
    except RejectedError:
        raise
    except Exception as error:  # noqa: BLE001 - TarError, zlib.error, LZMAError, EOFError ...
        raise RejectedError("truncated", f"{type(error).__name__}: {error}") from None


_Entry = tuple[tarfile.TarInfo, str, tuple[str, ...], tarfile.TarFile]


def _read_entries(archive: ArchiveFile, limits: ArchiveLimits) -> Iterator[_Entry]:
    """Yield each header, its name as text, notes on the name, and the open archive."""
    decoder: NameDecoder | None = None
    for info, tar_file in _read_headers(archive, limits):
        name = info.name
        notes: tuple[str, ...] = ()
        if not name.isascii() and "path" not in info.pax_headers:  # those are in UTF-8
            if decoder is None and (limits.names or _may_be_other_encoding(name)):
                decoder = _make_decoder(archive, limits)
            if decoder is not None:
                name, notes = decoder.decode(_raw_name(name))
        yield info, name, notes, tar_file


@lru_cache(maxsize=4)
def _make_decoder(archive: ArchiveFile, limits: ArchiveLimits) -> NameDecoder:
    names = (_raw_name(info.name) for info, _ in _read_headers(archive, limits) if "path" not in info.pax_headers)
    try:
        sample = list(islice((name for name in names if not name.isascii()), _GUESSED_NAMES))
    except RejectedError:  # reported when the entries themselves are read
        sample = []
    return NameDecoder(sample, limits.names)


def _may_be_other_encoding(name: str) -> bool:
    return any("\ud800" <= char <= "\udfff" for char in name) or all(char < _TWO_BYTE_UTF8 for char in name)


def _raw_name(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")


def _read_headers(archive: ArchiveFile, limits: ArchiveLimits) -> Iterator[tuple[tarfile.TarInfo, tarfile.TarFile]]:
    layers: TarLayers = detect_tar_layers(archive)
    first = True
    with ExitStack() as stack:
        try:
            packed = stack.enter_context(io.BufferedReader(archive.open()))
            counted = CountedStream(open_layers(packed, layers, stack), packed if layers else None, limits)
            tar_file = stack.enter_context(
                tarfile.open(fileobj=cast("IO[bytes]", counted), mode="r|", tarinfo=_StrictTarInfo, encoding="utf-8")
            )
            while (info := counted.next_header(tar_file)) is not None:
                first = False
                tar_file.members.clear()  # type: ignore[attr-defined]  # it would remember every member otherwise
                yield info, tar_file
        except (RejectedError, GeneratorExit):
            raise
        except _BadHeaderError as error:
            raise RejectedError("damaged", str(error)) from None
        except Exception as error:  # noqa: BLE001 - TarError, zlib.error, LZMAError, EOFError, ValueError ...
            if first:
                message = f"neither a zip nor a tar archive that can be read: {error}"
                raise UserError(f"{archive.label}: {message}") from None
            raise RejectedError("truncated", f"{type(error).__name__}: {error}") from None


def _check_entry(info: tarfile.TarInfo, name: str, limits: ArchiveLimits, *, is_repeated: bool) -> None:
    check_member_name(name, is_repeated=is_repeated)
    if info.issym():
        raise RejectedError("symlink", Message(code="link_to", values={"target": info.linkname}))
    if info.islnk():
        raise RejectedError("hard link", Message(code="link_to", values={"target": info.linkname}))
    if not info.isreg() or info.issparse():
        raise RejectedError("special file")
    if info.size > limits.megabytes * 2**20:
        raise RejectedError(
            "too large", Message(code="more_than_megabytes", values={"megabytes": limits.megabytes}), "max_megabytes"
        )


class _BadHeaderError(Exception):
    """A header after the first one that cannot be parsed."""


class _StrictTarInfo(tarfile.TarInfo):
    """A tar header; one that cannot be parsed is an error.

    tarfile itself takes it for the end of the archive.
    """

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


class CountedStream:
    """A stream that stops a bomb by counting the unpacked bytes.

    The count is compared with the total allowed and with the packed size.
    """

    def __init__(self, unpacked: IO[bytes], packed: IO[bytes] | None, limits: ArchiveLimits) -> None:
        self.unpacked, self.packed, self.limits = unpacked, packed, limits
        self.count, self.max_count = 0, float(_HEADER_BYTES)  # opening an archive reads its first header
        self.empty_reads = 0

    def next_header(self, archive: tarfile.TarFile) -> tarfile.TarInfo | None:
        """Return the next entry, None at the end.

        What stands before it counts as its header; the data of the previous entry do not.
        """
        header_offset: int = archive.offset
        self.max_count = header_offset + _HEADER_BYTES + tarfile.RECORDSIZE
        info = archive.next()
        self.max_count = math.inf
        if sum(len(key) + len(value) for key, value in archive.pax_headers.items()) > _HEADER_BYTES:
            raise RejectedError("bomb", _HEADER_TOO_LONG)
        return info

    def read(self, size: int) -> bytes:
        """Return the next bytes, at most `size` of them."""
        data = self.unpacked.read(size)
        self.count += len(data)
        self.empty_reads += not data
        if self.empty_reads > _EMPTY_READS:
            raise tarfile.ReadError("unexpected end of data")
        if self.count > self.limits.gigabytes * 2**30:
            raise RejectedError(
                "bomb",
                Message(code="more_than_gigabytes", values={"gigabytes": self.limits.gigabytes}),
                "max_archive_gigabytes",
            )
        if self.count > self.max_count:
            raise RejectedError("bomb", _HEADER_TOO_LONG)
        generous = self.count > self.limits.megabytes * 2**20 / 4
        if self.packed is not None and generous and self.count > self.limits.ratio * self.packed.tell():
            raise RejectedError(
                "bomb",
                Message(code="unpacks_to_more_than_times", values={"times": self.limits.ratio}),
                "max_archive_ratio",
            )
        return data


class NameSet:
    """The member names of an archive so far, on disk."""

    def __enter__(self) -> Self:
        self._names = sqlite3.connect("", isolation_level=None)
        self._names.execute("CREATE TABLE names (name BLOB PRIMARY KEY) WITHOUT ROWID")
        self._names.execute("BEGIN")
        return self

    def __exit__(self, *_: object) -> None:
        self._names.close()

    def add(self, name: str) -> bool:
        """Add a name and return whether it is new."""
        key = name.encode("utf-8", "surrogatepass")
        return self._names.execute("INSERT OR IGNORE INTO names VALUES (?)", (key,)).rowcount == 1
