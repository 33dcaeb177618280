"""One file per kind of place works come from; each exports SOURCE."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from artpipe.config.params import About, DatasetEntry

ChangeFile = Callable[[str, bytes], bytes | None]  # from a file's name and bytes to its new bytes; None removes it


@dataclass(frozen=True)
class Candidate:
    """One input, not yet believed: bytes, or the reason why there are none."""

    name: str  # as the source calls it; any text
    data: bytes = b""
    label: str | None = None
    split: str | None = None  # "train", "validation" or "test" where the source has an official split
    title: str | None = None
    creator: str | None = None
    year: str | None = None
    licence: str | None = None
    origin: str | None = None
    caption: str | None = None  # what it shows or says, in words; kept in the record
    rejected: str | None = None  # reason for quarantine, decided by the source (symlink, traversal, bomb ...)
    notes: tuple[str, ...] = field(default_factory=tuple)


@dataclass(frozen=True)
class Source:
    """What a file in `sources/` exports as SOURCE.

    `check` raises UserError before any stage has run (missing path, malformed pin card); it runs often, so it reads a
    few works at most.
    `candidates` yields every input in a stable order, one at a time, so memory does not grow with their number.
    `part` yields the bytes of every so many'th of the inputs, from a number (0 is the first) on, without reading the others.
    `about` returns what the place itself says of the dataset; what params.yaml says goes before it.
    `edit` calls a function with name and bytes of each file of the place, and writes what it returns in their stead: other
    bytes, or none where it returns None. It is called for places in the project only, and returns how many files changed.
    `fetched_copies` names what lies in `.state` of the place and is fetched again where it is missing.
    """

    check: Callable[[DatasetEntry], None]
    candidates: Callable[[DatasetEntry], Iterator[Candidate]]
    part: Callable[[DatasetEntry, int, int], Iterator[Candidate]] | None = None
    about: Callable[[Path], About] | None = None
    edit: Callable[[DatasetEntry, ChangeFile], int] | None = None
    fetched_copies: Callable[[DatasetEntry], Iterable[Path]] | None = None
