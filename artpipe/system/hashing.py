"""Hashes of bytes and of files, read in blocks."""

import hashlib
from pathlib import Path

_BLOCK_BYTES = 1 << 20


def sha256_bytes(data: bytes) -> str:
    """Return the SHA-256 of `data` in hex."""
    return hashlib.sha256(data).hexdigest()


def sha256_file(path: Path) -> str:
    """Return the SHA-256 of a file's content in hex, read in blocks of 1 MiB."""
    return _hash_file(path, hashlib.sha256())


def sha256_prefix(path: Path, size: int) -> str:
    """Return the SHA-256 of a file's first `size` bytes in hex.

    Empty where the file is shorter or missing.
    """
    digest, remaining = hashlib.sha256(), size
    try:
        with path.open("rb") as stream:
            while remaining and (block := stream.read(min(remaining, _BLOCK_BYTES))):
                digest.update(block)
                remaining -= len(block)
    except OSError:
        return ""
    return "" if remaining else digest.hexdigest()


def md5_bytes(data: bytes) -> str:
    """Return the MD5 of `data` in hex, as DVC uses it; it is no protection."""
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def md5_file(path: Path) -> str:
    """Return the MD5 of a file's content in hex, read in blocks of 1 MiB."""
    return _hash_file(path, hashlib.md5(usedforsecurity=False))


def _hash_file(path: Path, digest: "hashlib._Hash") -> str:
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()
