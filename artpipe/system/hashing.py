"""Hashes of bytes and of files, read in blocks."""

import hashlib
from pathlib import Path

_BLOCK = 1 << 20


def sha256_bytes(data: bytes) -> str:
    """Return the SHA-256 of `data` in hex."""
    return hashlib.sha256(data).hexdigest()


def sha256_file(path: Path) -> str:
    """Return the SHA-256 of a file's content in hex, read in blocks of 1 MiB."""
    return _of_file(path, hashlib.sha256())


def sha256_start(path: Path, size: int) -> str:
    """Return the SHA-256 of a file's first `size` bytes in hex; nothing where it is shorter or not there."""
    digest, left = hashlib.sha256(), size
    try:
        with path.open("rb") as stream:
            while left and (block := stream.read(min(left, _BLOCK))):
                digest.update(block)
                left -= len(block)
    except OSError:
        return ""
    return "" if left else digest.hexdigest()


def md5_bytes(data: bytes) -> str:
    """Return the MD5 of `data` in hex, by which DVC calls things; it vouches for nothing against a person."""
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def md5_file(path: Path) -> str:
    """Return the MD5 of a file's content in hex, read in blocks of 1 MiB."""
    return _of_file(path, hashlib.md5(usedforsecurity=False))


def _of_file(path: Path, digest: "hashlib._Hash") -> str:
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
