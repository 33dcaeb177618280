"""Recognise the works of a medium by their names and first bytes.

Each medium declares them in its own file.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

START_BYTES = 512


@dataclass(frozen=True)
class WorkKind:
    """The files of one medium."""

    noun: str  # "picture"
    files: str  # the kinds of file it reads, for messages
    matches: Callable[[bytes, str], bool]  # whether first bytes and name are those of a work
    suffixes: tuple[str, ...] = ()  # of names that need no look at the bytes
    sidecars: tuple[str, ...] = ()  # of files beside a work, under its name, that are no works
    many: bool = False  # one file may hold many works
    is_preferred: bool = False  # it is this one where as many files may be of another medium
    reads_sidecars: bool = True  # they tell of their works
    explain_unread: Callable[[bytes], str] = lambda start: ""  # noqa: ARG005 - of a known format that is not read, what to do with it


WorkKinds = Mapping[str, WorkKind]


def get_suffix(name: str) -> str:
    """Return the last suffix in lower case, with its dot; empty where there is none."""
    stem, dot, ending = name.rpartition(".")
    return f".{ending.lower()}" if dot and stem else ""


def medium_by_suffix(name: str, kinds: WorkKinds) -> str | None:
    """Return the only medium whose works have this suffix, None where bytes decide."""
    suffix = get_suffix(name)
    return next((medium for medium, kind in kinds.items() if suffix in kind.suffixes), None)


def match_media(start: bytes, name: str, kinds: WorkKinds) -> tuple[str, ...]:
    """Return the media that a file may be a work of, by its name and first bytes."""
    return tuple(medium for medium, kind in kinds.items() if start and kind.matches(start, name))


def format_count(count: int, noun: str) -> str:
    """Return a number with its noun: ``1 picture``, ``1,200 pictures``, ``2 classes``."""
    plural = noun if count == 1 else f"{noun}{'es' if noun.endswith(('s', 'x')) else 's'}"
    return f"{count:,} {plural}"


def format_counts(counts: Iterable[tuple[str, int]]) -> str:
    """Return counts as ``cat 20, dog 20``."""
    return ", ".join(f"{name} {count:,}" for name, count in counts)
