"""Decode the names of an archive's entries.

The encoding is declared by the archive, set in params.yaml, or guessed over all names.
"""

import struct
import zlib
from collections.abc import Iterable

from artpipe.untrusted.encodings.name_encodings import guess_encoding

_UNICODE_PATH = 0x7075  # Info-ZIP's extra field: version 1, CRC-32 of the name it stands for, the name in UTF-8


class NameDecoder:
    """Decode names of an unknown encoding, all of them in the same one."""

    def __init__(self, names: Iterable[bytes], encoding: str = "") -> None:
        guess = None if encoding else guess_encoding(names)
        self.encoding = encoding or (guess.encoding if guess else "utf-8")

    def decode(self, raw: bytes) -> tuple[str, tuple[str, ...]]:
        """Return a name and the notes on it.

        Bytes that are not in the encoding become lone surrogates.
        """
        name = raw.decode(self.encoding, "surrogateescape")
        if raw.isascii() or self.encoding == "utf-8":
            return name, ()
        return name, (f"name read as {self.encoding}",)


def unicode_path(raw: bytes, extra: bytes) -> str | None:
    """Return the UTF-8 name in a zip entry's extra field.

    None where it has none, or one that belongs to another name.
    """
    while len(extra) >= 4:  # noqa: PLR2004  # a header of two 16-bit numbers
        kind, size = struct.unpack("<HH", extra[:4])
        field, extra = extra[4 : 4 + size], extra[4 + size :]
        if kind == _UNICODE_PATH and len(field) > 5 and field[0] == 1:  # noqa: PLR2004  # version and CRC-32
            try:
                name = field[5:].decode()
            except UnicodeDecodeError:
                return None
            return name if int.from_bytes(field[1:5], "little") == zlib.crc32(raw) else None
    return None
