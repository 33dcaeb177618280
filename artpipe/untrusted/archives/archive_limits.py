"""Limits and members of an archive, and the member names that are refused."""

import io
import os
import re
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

from artpipe.errors import UserError
from artpipe.untrusted.rejection import Reason, RejectedError

_DRIVE = re.compile(r"[A-Za-z]:[\\/]")


@dataclass(frozen=True)
class ArchiveLimits:
    """How much one archive may unpack to, and the encoding of its names.

    More than that is a bomb. The encoding applies to names whose encoding the archive does not declare.
    """

    megabytes: float = 256.0  # one member
    gigabytes: float = 64.0  # all of them
    entries: int = 1_000_000
    ratio: float = 200.0  # unpacked to packed
    names: str = ""  # as Python calls encodings; empty: guessed over all names


@dataclass(frozen=True)
class Member:
    """One entry that is not a folder: its bytes, or why there are none."""

    name: str
    data: bytes = b""
    rejected: Reason | None = None
    detail: str = ""
    notes: tuple[str, ...] = ()  # how it was read, where the archive leaves that open


@dataclass(frozen=True)
class ArchiveFile:
    """The bytes of an archive: a file, or a member of another archive.

    Each `open` reads from the beginning.
    """

    label: str  # for messages
    name: str  # of the file alone
    identity: tuple[int | str, ...]  # changes with the content
    open: Callable[[], io.RawIOBase] = field(compare=False)

    @classmethod
    def from_path(cls, path: Path) -> "ArchiveFile":
        """Return the archive at a path.

        Raises:
            UserError: it cannot be read.
        """
        try:
            with path.open("rb") as stream:
                state = os.fstat(stream.fileno())
        except OSError as error:
            raise UserError(f"{path}: cannot be read: {error.strerror}") from None
        identity = (str(path), state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns)
        return cls(str(path), path.name, identity, partial(io.FileIO, path))

    def read_start(self, size: int) -> bytes:
        """Return the first bytes."""
        with io.BufferedReader(self.open()) as stream:
            return stream.read(size)


class Spool:
    """An unnamed temporary file, closed when its last user is gone."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.file: IO[bytes] = TemporaryFile(dir=folder, prefix="archive-")  # noqa: SIM115
        weakref.finalize(self, self.file.close)


class SpooledArchive(io.RawIOBase):
    """A reader of a temporary file, with a position of its own."""

    def __init__(self, spool: Spool, size: int) -> None:
        super().__init__()
        self._spool, self._size, self._position = spool, size, 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any, /) -> int:
        """Fill the buffer from the position on and return the number of bytes."""
        view = memoryview(buffer).cast("B")
        data = os.pread(self._spool.file.fileno(), len(view), self._position)
        view[: len(data)] = data
        self._position += len(data)
        return len(data)

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Move the position and return it."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise OSError(22, "a position before the beginning")
        self._position = base + offset
        return self._position

    def tell(self) -> int:
        """Return the position."""
        return self._position


def check_member_name(name: str, *, is_repeated: bool) -> None:
    """Refuse a name that leads out of the archive's root, or that occurred before.

    Raises:
        RejectedError: with the reason.
    """
    if ".." in re.split(r"[\\/]", name):
        raise RejectedError("traversal", "its name has `..` in it")
    if name.startswith(("/", "\\")) or _DRIVE.match(name):
        raise RejectedError("outside the root", "its name is absolute")
    if is_repeated:
        raise RejectedError("duplicate name")
