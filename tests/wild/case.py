"""What a case from the wild is: an input that people reported, how it is made, and what is right for it."""

import hashlib
import io
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

NO_CLASS: frozenset[str] = frozenset()
SIDE = 24


class Machine(NamedTuple):
    """Where the project lies and what is peculiar there; the default is nothing."""

    project: str = "project"  # its folder, below that of the case
    prepare: Callable[[Path], Any] = lambda project: None  # after the project was made
    environment: Mapping[str, str] = {}
    site: str = ""  # Python that runs first in each process: what a file system or a system call does here
    commands: tuple[tuple[str, ...], ...] = ()  # further commands of artpipe that end with 0


class Case(NamedTuple):
    """One input and its outcome; what is None is not judged."""

    name: str
    kind: str  # layout, table, archive, score, text or machine
    source: str  # the public report: repository and number, its title
    right: str
    make: Callable[[Path], Path]  # makes it below a folder and returns what is added
    medium: str = "picture"
    kept: int = 0
    classes: tuple[frozenset[str], ...] | None = (NO_CLASS,)  # any of these sets
    splits: Mapping[str, int] | None = {}
    captions: Mapping[str, str] = {}  # or titles, by the end of a work's name
    quarantined: Mapping[str, int] = {}  # reasons that have to be there
    refused: str | None = None  # words of the one line, where the whole is refused
    or_line: str | None = None  # words of a line that would do as well
    options: tuple[str, ...] = ()
    machine: Machine = Machine()


def make_picture(name: str, seed: object = "") -> bytes:
    """Return a picture that is like no other, in the format of its name's suffix."""
    number = int.from_bytes(hashlib.sha256(f"{name}{seed}".encode()).digest()[:8])
    noise = np.random.default_rng(number).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
    kind = {"jpg": "JPEG", "jpeg": "JPEG", "webp": "WEBP"}.get(name.rpartition(".")[2].lower(), "PNG")
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, kind, quality=95)
    return buffer.getvalue()


def make_pictures(pattern: str, count: int, first: int = 0) -> dict[str, bytes]:
    """Return `count` pictures by name; ``{}`` in the pattern is the number."""
    names = (pattern.format(number) for number in range(first, first + count))
    return {name: make_picture(name) for name in names}


def make_files_beside(
    names: Iterable[str], rename: Callable[[str], str], content: Callable[[str], object]
) -> dict[str, bytes]:
    """Return a file for each name, called and filled as the functions say; what is no bytes is written as JSON."""
    files = {}
    for name in names:
        body = content(name)
        files[rename(name)] = body if isinstance(body, bytes) else json.dumps(body).encode()
    return files


def write_files(folder: Path, files: Mapping[str, bytes | str]) -> Path:
    """Write the files below a folder and return it; a name that ends with ``/`` is an empty folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        path = folder / name
        if name.endswith("/"):
            path.mkdir(parents=True, exist_ok=True)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def stem(name: str) -> str:
    """Return a name without its last suffix."""
    return name.rpartition(".")[0]


def classes(*names: str) -> tuple[frozenset[str], ...]:
    """Return the one set of classes that is right."""
    return (frozenset(names),)
