"""Files that are costly to make, by the hash of all they are made from."""

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from artpipe.system.hashing import sha256_bytes

_HASH_DIGITS = 64


class FileCache:
    """A folder of files by key; what nobody asked for is forgotten at the end."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._used: set[str] = set()

    def get_or_make(self, parts: list[bytes], make: Callable[[], bytes]) -> bytes:
        """Return the file of these parts; make it where it is missing or half-written."""
        key = sha256_bytes("".join(map(sha256_bytes, parts)).encode())
        self._used.add(key)
        path = self._folder / key
        with suppress(OSError):  # missing, or another command has removed it meanwhile
            content = path.read_bytes()
            if sha256_bytes(content[_HASH_DIGITS:]).encode() == content[:_HASH_DIGITS]:
                return content[_HASH_DIGITS:]
        data = make()
        with suppress(OSError):  # a full disk costs the next rendering time, and this one nothing
            self._folder.mkdir(parents=True, exist_ok=True)
            temporary = path.with_name(f"{key}.tmp.{os.getpid()}.{threading.get_ident()}")
            temporary.write_bytes(sha256_bytes(data).encode() + data)
            temporary.replace(path)
        return data

    def forget_oldest(self, kept: int) -> None:
        """Remove all but the `kept` newest files."""
        for path in sorted(self._folder.glob("*"), key=_modified, reverse=True)[kept:]:
            path.unlink(missing_ok=True)

    def forget_unused(self) -> None:
        """Remove what `get_or_make` was not asked for."""
        for path in self._folder.glob("*"):
            if path.name not in self._used:
                path.unlink(missing_ok=True)  # another rendering may have


def _modified(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:  # another command has removed it
        return 0
