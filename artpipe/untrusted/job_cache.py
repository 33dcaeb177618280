"""Cache the outcomes of jobs by the content of their inputs.

Outcomes may be computed beforehand, part by part and on other machines.

The cache lies in `.state` and is never an output. The key is the input's bytes, so a file that changed meanwhile is not
found; job, settings, limits, code and libraries are in the folder's name, so no outcome of another version is found
either. Only outcomes of the job itself are cached: where a worker died, the next caller tries again.
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

from artpipe.artifacts.paths import job_cache
from artpipe.errors import UserError
from artpipe.system.atomic_files import remove_path, remove_stale_temporaries, write_file
from artpipe.system.hashing import sha256_bytes, sha256_file
from artpipe.untrusted.worker_pool import JobOutcome, WorkerLimits, outcomes

KeyT = TypeVar("KeyT")
_SUFFIX = ".answers"
_UNCACHED_REASONS = {"crashed", "out of memory", "timed out"}  # they may be the machine's fault
_LIBRARIES = ("charset-normalizer", "numpy", "pillow")
_PACKAGE = Path(__file__).parents[1]
_CODE_FOLDERS = ("layout", "modalities", "preprocessing", "untrusted")  # what an answer depends on, beside libraries


class JobCache:
    """The cached outcomes of one stage's job, of all parts; safe to use from threads."""

    def __init__(self, folder: Path) -> None:
        self._databases = [_open_database(path) for path in sorted(folder.glob(f"*{_SUFFIX}"))]
        self._lock, self._next_index = threading.Lock(), 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for database in self._databases:
            database.close()

    def find(self, data: bytes) -> JobOutcome | None:
        """Return the outcome of an input, None where there is none or it is damaged."""
        row = self._find_row(bytes.fromhex(sha256_bytes(data))) if self._databases else None
        if row is None or row[3] != _row_checksum(*row[:3]):
            return None
        return JobOutcome(payload=row[0], reason=row[1], detail=row[2])

    def _find_row(self, key: bytes) -> tuple[bytes, str | None, str, str] | None:
        """Search all databases, beginning after the one with the last hit.

        Inputs are dealt out to the parts in turn.
        """
        query = 'SELECT payload, reason, detail, "check" FROM answers WHERE key = ?'
        with self._lock:
            for step in range(len(self._databases)):
                index = (self._next_index + step) % len(self._databases)
                with suppress(sqlite3.DatabaseError):  # a damaged database has no outcomes
                    if row := self._databases[index].execute(query, (key,)).fetchone():
                        self._next_index = index + 1
                        return tuple(row)
        return None


def cached_outcomes(
    inputs: Iterable[tuple[KeyT, bytes]], *, stage: str, job: str, settings: Any, limits: WorkerLimits
) -> Generator[tuple[KeyT, JobOutcome], None, None]:
    """Yield what `outcomes` does, without working again on cached inputs."""
    with JobCache(_cache_folder(stage, job, settings, limits)) as cache:
        yield from outcomes(inputs, job=job, settings=settings, limits=limits, find_cached=cache.find)


def fill_cache(
    inputs: Iterable[bytes], *, stage: str, part: tuple[int, int], job: str, settings: Any, limits: WorkerLimits
) -> int:
    """Cache the outcomes of one part of a stage's inputs, all of them or none.

    Returns their number.
    """
    folder = _cache_folder(stage, job, settings, limits)
    remove_stale_temporaries(folder)
    keyed = ((bytes.fromhex(sha256_bytes(data)), data) for data in inputs)
    with closing(cached_outcomes(keyed, stage=stage, job=job, settings=settings, limits=limits)) as outcomes_by_key:
        rows = (
            (
                key,
                outcome.payload,
                outcome.reason,
                outcome.detail,
                _row_checksum(outcome.payload, outcome.reason, outcome.detail),
            )
            for key, outcome in outcomes_by_key
            if outcome.reason not in _UNCACHED_REASONS
        )
        with (
            write_file(folder / f"{part[0]}-of-{part[1]}{_SUFFIX}") as temporary,
            _create_database(temporary) as database,
        ):
            database.executemany("INSERT OR IGNORE INTO answers VALUES (?, ?, ?, ?, ?)", rows)
            count = database.execute("SELECT count(*) FROM answers").fetchone()[0]
    return int(count)


def clear_cache(stage: str) -> None:
    """Remove a stage's cached outcomes, of whatever job."""
    remove_path(job_cache(stage))


def parse_part(text: str) -> tuple[int, int]:
    """Return number and count of a part, written like `2/8`.

    Raises:
        UserError: it is none.
    """
    number, _, count = text.partition("/")
    if not (number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count)):
        raise UserError(f"--part {text}: expected a part such as 2/8, the second of eight")
    return int(number), int(count)


def _cache_folder(stage: str, job: str, settings: Any, limits: WorkerLimits) -> Path:
    identity = [job, settings, limits.seconds, limits.memory_megabytes, *_cache_version()]
    return job_cache(stage) / sha256_bytes(json.dumps(identity, sort_keys=True).encode())[:16]


@cache
def _cache_version() -> tuple[str, ...]:
    """Return what else an outcome depends on.

    That is the code that reads inputs and makes tensors of them, libraries, and the kind of machine.
    """
    code = sorted(path for folder in _CODE_FOLDERS for path in (_PACKAGE / folder).rglob("*.py"))
    return (
        *(sha256_file(path) for path in code),
        *(version(name) for name in _LIBRARIES),
        platform.python_version(),
        platform.machine(),
    )


def _row_checksum(payload: bytes, reason: str | None, detail: str) -> str:
    return sha256_bytes(b"\0".join([payload, (reason or "").encode(), detail.encode()]))


def _open_database(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode=ro&immutable=1", uri=True, check_same_thread=False)


@contextmanager
def _create_database(path: Path) -> Iterator[sqlite3.Connection]:
    """Yield a new database at a temporary path, committed at the end.

    It gets its name when it is complete, so it needs no journal of its own.
    """
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA journal_mode=OFF")
        database.execute("PRAGMA synchronous=OFF")
        database.execute(
            'CREATE TABLE answers (key BLOB PRIMARY KEY, payload BLOB, reason TEXT, detail TEXT, "check" TEXT) WITHOUT ROWID'
        )
        yield database
        database.commit()
