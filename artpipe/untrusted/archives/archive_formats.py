"""Detect an archive's format by its content; say what to do with unread formats."""

import bz2
import gzip
import io
import lzma
import re
import shlex
import tarfile
import zipfile
from collections.abc import Callable
from contextlib import ExitStack
from typing import IO, Any, cast

from artpipe.errors import UserError
from artpipe.untrusted.archives.archive_limits import ArchiveFile

TarLayers = tuple[str, ...]  # what a tar is compressed by, the outermost first
_ZIP_MAGICS = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08PK", b"PK00PK")
_MAX_LAYERS = 2
_MAX_DICTIONARY_BYTES = 128 << 20  # bytes, of an .lzma file
_EXECUTABLE_MAGICS = (b"MZ", b"\x7fELF", b"#!")
_EXECUTABLE_BYTES = 1 << 20  # in which a self-extracting archive begins
_ISO_MAGIC_OFFSET = 0x8001
_END_RECORD_BYTES = 22 + 0xFFFF  # of a zip, with its comment
_UNPACK_COMMAND = "7z x {file} -o{folder}"
# Magic bytes, offset, what it is, how it is unpacked.
_UNREAD_FORMATS: tuple[tuple[bytes, int, str, str], ...] = (
    (b"7z\xbc\xaf\x27\x1c", 0, "a 7z archive", _UNPACK_COMMAND),
    (b"Rar!\x1a\x07", 0, "a RAR archive", _UNPACK_COMMAND),
    (b"MSCF", 0, "a cabinet (.cab)", _UNPACK_COMMAND),
    (b"CD001", _ISO_MAGIC_OFFSET, "an image of a disc (.iso)", _UNPACK_COMMAND),
    (b"MSWIM\0\0\0", 0, "a Windows image (.wim)", _UNPACK_COMMAND),
    (b"xar!", 0, "a xar archive", _UNPACK_COMMAND),
    (b"-lh", 2, "an LHA archive", _UNPACK_COMMAND),
    (b"\x60\xea", 0, "an ARJ archive", _UNPACK_COMMAND),
    (b"StuffIt", 0, "a StuffIt archive", "unar -o {folder} {file}"),
    (b"SIT!", 0, "a StuffIt archive", "unar -o {folder} {file}"),
    (b"070701", 0, "a cpio archive", _UNPACK_COMMAND),
    (b"070707", 0, "a cpio archive", _UNPACK_COMMAND),
    (b"!<arch>\n", 0, "an ar archive", _UNPACK_COMMAND),
    (b"\x1f\x9d", 0, "compressed by compress (.Z)", _UNPACK_COMMAND),
    (b"\x04\x22\x4d\x18", 0, "compressed by lz4", "lz4 -d {file} {folder}.tar"),
    (b"LZIP", 0, "compressed by lzip", "lzip -dk {file}"),
)
_PART_SUFFIX = re.compile(
    r"\.(z\d{2}|(zip|7z|rar|tar|gz|tgz)\.\d{3}|\d{3}|part0*\d+\.(rar|exe)|r\d{2})$", re.IGNORECASE
)


def detect_suffix(archive: ArchiveFile) -> str:
    """Return the usual suffix of an archive's format, detected by its content.

    Raises:
        UserError: it is of none that is read; the message says of which, and what to do.
    """
    if _is_part(archive):
        unread_format = _find_unread_format(archive, archive.read_start(tarfile.BLOCKSIZE))
        description = f"a part of a split archive{f' ({unread_format[0]})' if unread_format else ''}"
        raise UserError(f"{archive.label}: {description}; {_advise_joining(archive.name)}")
    if is_zip_file(archive):
        return ".zip"
    return "".join((".tar", *(f".{layer}" for layer in reversed(detect_tar_layers(archive)))))


def is_zip_file(archive: ArchiveFile) -> bool:
    """Return whether a file is a zip archive.

    It is recognised by its first bytes, or by its directory where something stands before it.
    """
    start = archive.read_start(tarfile.BLOCKSIZE)
    if start.startswith(_ZIP_MAGICS):
        return True
    if (
        _detect_compression(start)
        or _is_tar(start)
        or start.startswith(tuple(magic for magic, at, *_ in _UNREAD_FORMATS if not at))
    ):
        return False
    with io.BufferedReader(archive.open()) as stream:
        return zipfile.is_zipfile(cast("IO[bytes]", stream))


def detect_tar_layers(archive: ArchiveFile) -> TarLayers:
    """Return how a tar archive is compressed, the outermost compression first.

    Raises:
        UserError: it is no tar, compressed or not.
    """
    layers: TarLayers = ()
    while True:
        start = _read_unpacked_start(archive, layers)
        layer = _detect_compression(start)
        if layer is None:
            break
        if len(layers) == _MAX_LAYERS:
            raise UserError(f"{archive.label}: compressed more than {_MAX_LAYERS} times")
        layers += (layer,)
    blank = not layers and not any(start)  # an empty tar begins so, and an image of a disc
    if not _is_tar(start) or (blank and _find_unread_format(archive, start)):
        raise UserError(f"{archive.label}: {_explain_refusal(archive, start, layers)}")
    return layers


def open_layers(packed: IO[bytes], layers: TarLayers, stack: ExitStack) -> IO[bytes]:
    """Return the stream inside all compressions; `stack` closes them."""
    stream = packed
    for layer in layers:
        stream = stack.enter_context(_OPENERS[layer](stream))
    return stream


def _read_unpacked_start(archive: ArchiveFile, layers: TarLayers) -> bytes:
    with ExitStack() as stack:
        packed = stack.enter_context(io.BufferedReader(archive.open()))
        try:
            stream, start = open_layers(packed, layers, stack), b""
            while len(start) < tarfile.BLOCKSIZE and (more := stream.read(tarfile.BLOCKSIZE - len(start))):
                start += more
        except Exception as error:  # zlib.error, LZMAError, EOFError, BadGzipFile, ArrowInvalid ...
            if not layers:
                raise
            message = f"neither a zip nor a tar archive that can be read: damaged {layers[-1]} data: {error}"
            raise UserError(f"{archive.label}: {message}") from None
        return start


def _detect_compression(start: bytes) -> str | None:
    name = next((name for magic, name in _COMPRESSIONS.items() if start.startswith(magic)), None)
    if name == "lzma":  # no magic number: properties, the size of the dictionary, the size of the data
        usual = int.from_bytes(start[1:5], "little") <= _MAX_DICTIONARY_BYTES
        return name if usual and (start[5:13] == b"\xff" * 8 or start[10:13] == bytes(3)) else None
    return name


def _open_zstd(stream: IO[bytes]) -> Any:
    import pyarrow as pa

    return pa.CompressedInputStream(pa.PythonFile(stream, mode="r"), "zstd")


_COMPRESSIONS = {
    b"\x1f\x8b": "gz", b"BZh": "bz2", b"\xfd7zXZ": "xz", b"\x28\xb5\x2f\xfd": "zst", b"\x5d\0\0": "lzma",
}  # fmt: skip
_OPENERS: dict[str, Callable[[IO[bytes]], Any]] = {
    "gz": gzip.open,
    "bz2": bz2.open,
    "xz": lzma.open,
    "lzma": lzma.open,
    "zst": _open_zstd,
}


def _is_tar(block: bytes) -> bool:
    """Return whether a first block is a tar header, or the end of an empty tar."""
    try:
        tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except tarfile.HeaderError as error:
        return type(error).__name__ == "EOFHeaderError"
    return True


def _explain_refusal(archive: ArchiveFile, start: bytes, layers: TarLayers) -> str:
    """Return what a file is that is no readable archive, and what to do."""
    if layers:
        content = "a zip" if start.startswith(_ZIP_MAGICS) else "one file that is no tar archive"
        return (
            f"neither a zip nor a tar archive that can be read: {content}, compressed by {layers[-1]}; unpack it first"
        )
    if not start:
        return "neither a zip nor a tar archive that can be read: an empty file"
    if unread_format := _find_unread_format(archive, start):
        return f"{unread_format[0]}, which is not read; {_advise_unpacking(archive.name, unread_format[1])}"
    return "neither a zip nor a tar archive that can be read"


def _is_part(archive: ArchiveFile) -> bool:
    """Return whether an archive is named like a part of a split one and is incomplete."""
    part = _PART_SUFFIX.search(archive.name)
    if part is None:
        return False
    with io.BufferedReader(archive.open()) as stream:
        is_whole = zipfile.is_zipfile(cast("IO[bytes]", stream))
    return not is_whole and (part[2] is not None or not _is_tar(archive.read_start(tarfile.BLOCKSIZE)))


def _find_unread_format(archive: ArchiveFile, start: bytes) -> tuple[str, str] | None:
    with io.BufferedReader(archive.open()) as stream:
        head = stream.read(_EXECUTABLE_BYTES)
        stream.seek(max(0, stream.seek(0, io.SEEK_END) - 512))  # the trailer of an Apple disk image
        if stream.read(4) == b"koly":
            return "an Apple disk image (.dmg)", _UNPACK_COMMAND
    for magic, offset, description, command in _UNREAD_FORMATS:
        if head.startswith(magic, offset):
            return description, command
    if start.startswith(_EXECUTABLE_MAGICS):
        for magic, _, description, command in _UNREAD_FORMATS[:2]:
            if magic in head:
                return f"{description} that unpacks itself", command
    return None


def _advise_unpacking(name: str, command: str) -> str:
    folder = re.sub(r"(\.tar)?\.[^.]*$", "", name) or "unpacked"
    folder = folder if folder != name else f"{name}-unpacked"
    command_line = command.format(file=shlex.quote(name), folder=shlex.quote(folder))
    return f"unpack it (`{command_line}`) and add what comes out"


def _advise_joining(name: str) -> str:
    """Return what to do with a part of a split archive."""
    stem = _PART_SUFFIX.sub("", name)
    if re.search(r"\.z\d{2}$", name, re.IGNORECASE):
        command_line = f"zip -s 0 {shlex.quote(stem + '.zip')} --out {shlex.quote(stem + '-whole.zip')}"
        return f"with all parts in one folder, `{command_line}` makes it whole; add that"
    first = re.sub(r"\d{3}$", "001", name)
    return f"with all parts in one folder, {_advise_unpacking(first, _UNPACK_COMMAND.replace('{folder}', shlex.quote(stem)))}"


def refuse_split_zip(archive: ArchiveFile) -> None:
    """Refuse the last part of a split zip, which holds the directory of all parts.

    Raises:
        UserError: with what to do.
    """
    with io.BufferedReader(archive.open()) as stream:
        stream.seek(max(0, stream.seek(0, io.SEEK_END) - _END_RECORD_BYTES))
        tail = stream.read(_END_RECORD_BYTES)
    at = tail.rfind(b"PK\x05\x06")
    disk = int.from_bytes(tail[at + 4 : at + 6], "little") if at >= 0 else 0
    if 0 < disk < 0xFFFF:  # noqa: PLR2004  # there the number stands elsewhere
        message = (
            f"the last of {disk + 1} parts of a split zip; {_advise_joining(re.sub('[.][^.]*$', '.z01', archive.name))}"
        )
        raise UserError(f"{archive.label}: {message}")
