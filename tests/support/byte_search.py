"""Search every file below a folder for bytes, also in what packs them: parquet, zip, gzip, data: addresses."""

import base64
import contextlib
import gzip
import io
import re
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

_DATA_URL = re.compile(rb"base64,([A-Za-z0-9+/=]{16,})")


def find_bytes(root: Path, needles: Mapping[str, bytes], skip: tuple[str, ...] = (".git",)) -> list[tuple[str, str]]:
    """Return the name of each needle that is found, with the file that has it, relative to `root`."""
    found = []
    for path in sorted(root.rglob("*")):
        if path.is_file() and not path.is_symlink() and path.relative_to(root).parts[0] not in skip:
            for payload in _payloads(path.name, path.read_bytes()):
                found += [(name, str(path.relative_to(root))) for name, needle in needles.items() if needle in payload]
        if path.relative_to(root).parts[0] not in skip:
            found += [
                (name, f"name of {path.relative_to(root)}")
                for name, needle in needles.items()
                if needle in path.name.encode()
            ]
    return sorted(set(found))


def _payloads(name: str, data: bytes) -> Iterator[bytes]:
    """Yield a file's bytes, and those of what is packed in it."""
    yield data
    if data.startswith(b"PAR1"):
        import pyarrow.parquet as pq

        with contextlib.suppress(Exception):
            yield repr(pq.read_table(io.BytesIO(data)).to_pydict()).encode()
    elif data.startswith(b"PK\x03\x04"):
        with contextlib.suppress(zipfile.BadZipFile), zipfile.ZipFile(io.BytesIO(data)) as archive:
            for member in archive.infolist():
                yield from _payloads(member.filename, archive.read(member))
    elif data.startswith(b"\x1f\x8b"):
        with contextlib.suppress(OSError, EOFError):
            yield from _payloads(name, gzip.decompress(data))
    for match in _DATA_URL.finditer(data):
        with contextlib.suppress(ValueError):
            yield base64.b64decode(match[1])
