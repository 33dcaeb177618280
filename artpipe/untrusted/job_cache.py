"""Answers worked out beforehand, part by part and maybe on other machines: what a job says of an input, by the input's content.

They lie in `.state` and are never an output. Whoever asks hands in the input's bytes, so a file that changed meanwhile finds
no answer; job, settings, limits, code and libraries are in the folder's name, so no answer of another version is found
either. Only what the job itself said is kept: where a worker died, whoever asks tries for himself.
"""

import json
import platform
import sqlite3
import threading
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Self, TypeVar
from urllib.parse import quote

from artpipe.artifacts.paths import answers
from artpipe.errors import UserError
from artpipe.system.atomic_files import remove_path, remove_stale_temporaries, write_file
from artpipe.system.hashing import sha256_bytes, sha256_file
from artpipe.untrusted.worker_pool import Limits, Outcome, outcomes

KeyT = TypeVar("KeyT")
_SUFFIX = ".answers"
_DEATHS = {"crashed", "out of memory", "timed out"}  # they may be the machine's fault
_LIBRARIES = ("charset-normalizer", "numpy", "pillow")
_PACKAGE = Path(__file__).parents[1]
_CODE = ("layout", "modalities", "preprocessing", "untrusted")  # what an answer depends on, beside libraries


class Answers:
    """Those of one stage to one question, of all parts that are here; may be asked by several threads."""

    def __init__(self, folder: Path) -> None:
        self._books = [_opened(path) for path in sorted(folder.glob(f"*{_SUFFIX}"))]
        self._lock, self._turn = threading.Lock(), 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for book in self._books:
            book.close()

    def of(self, data: bytes) -> Outcome | None:
        """Return the answer to an input, None where there is none or it is not as it was written."""
        found = self._found(bytes.fromhex(sha256_bytes(data))) if self._books else None
        if found is None or found[3] != _check(*found[:3]):
            return None
        return Outcome(payload=found[0], reason=found[1], detail=found[2])

    def _found(self, key: bytes) -> tuple[bytes, str | None, str, str] | None:
        """Look in all books, first in that after the one where the last answer was: inputs are dealt out in turn."""
        query = 'SELECT payload, reason, detail, "check" FROM answers WHERE key = ?'
        with self._lock:
            for step in range(len(self._books)):
                place = (self._turn + step) % len(self._books)
                with suppress(sqlite3.DatabaseError):  # a damaged book has no answers
                    if found := self._books[place].execute(query, (key,)).fetchone():
                        self._turn = place + 1
                        return tuple(found)
        return None


def answered(
    inputs: Iterable[tuple[KeyT, bytes]], *, stage: str, job: str, settings: Any, limits: Limits
) -> Generator[tuple[KeyT, Outcome], None, None]:
    """Yield what `outcomes` does; inputs that were answered beforehand for this stage are not worked on again."""
    with Answers(_folder(stage, job, settings, limits)) as known:
        yield from outcomes(inputs, job=job, settings=settings, limits=limits, known=known.of)


def answer(
    inputs: Iterable[bytes], *, stage: str, part: tuple[int, int], job: str, settings: Any, limits: Limits
) -> int:
    """Keep the answers of one part of a stage's inputs, whole or not at all, and return how many they are."""
    folder = _folder(stage, job, settings, limits)
    remove_stale_temporaries(folder)
    keyed = ((bytes.fromhex(sha256_bytes(data)), data) for data in inputs)
    with closing(answered(keyed, stage=stage, job=job, settings=settings, limits=limits)) as found:
        rows = (
            (key, one.payload, one.reason, one.detail, _check(one.payload, one.reason, one.detail))
            for key, one in found
            if one.reason not in _DEATHS
        )
        with write_file(folder / f"{part[0]}-of-{part[1]}{_SUFFIX}") as temporary, _book(temporary) as book:
            book.executemany("INSERT OR IGNORE INTO answers VALUES (?, ?, ?, ?, ?)", rows)
            count = book.execute("SELECT count(*) FROM answers").fetchone()[0]
    return int(count)


def forget(stage: str) -> None:
    """Remove a stage's answers, of whatever question."""
    remove_path(answers(stage))


def part_of(text: str) -> tuple[int, int]:
    """Return number and count of a part, as it is written: `2/8`.

    Raises:
        UserError: it is none.
    """
    number, _, count = text.partition("/")
    if not (number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count)):
        raise UserError(f"--part {text}: expected a part such as 2/8, the second of eight")
    return int(number), int(count)


def _folder(stage: str, job: str, settings: Any, limits: Limits) -> Path:
    asked = [job, settings, limits.seconds, limits.memory_megabytes, *_version()]
    return answers(stage) / sha256_bytes(json.dumps(asked, sort_keys=True).encode())[:16]


@cache
def _version() -> tuple[str, ...]:
    """Return what else an answer depends on: code that reads inputs and makes tensors of them, libraries, the machine's kind."""
    code = sorted(path for folder in _CODE for path in (_PACKAGE / folder).rglob("*.py"))
    return (
        *(sha256_file(path) for path in code),
        *(version(name) for name in _LIBRARIES),
        platform.python_version(),
        platform.machine(),
    )


def _check(payload: bytes, reason: str | None, detail: str) -> str:
    return sha256_bytes(b"\0".join([payload, (reason or "").encode(), detail.encode()]))


def _opened(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode=ro&immutable=1", uri=True, check_same_thread=False)


@contextmanager
def _book(path: Path) -> Iterator[sqlite3.Connection]:
    """Yield a new book; it has its name only when it is whole, so it needs no journal of its own."""
    with closing(sqlite3.connect(path)) as book:
        book.execute("PRAGMA journal_mode=OFF")
        book.execute("PRAGMA synchronous=OFF")
        book.execute(
            'CREATE TABLE answers (key BLOB PRIMARY KEY, payload BLOB, reason TEXT, detail TEXT, "check" TEXT) WITHOUT ROWID'
        )
        yield book
        book.commit()
