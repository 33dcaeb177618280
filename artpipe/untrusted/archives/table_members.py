"""Read pictures out of Parquet and Arrow tables, as members of an archive.

A process of its own reads them, see `table_rows`: whatever a table does to it, only that table is refused.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any, cast

from artpipe.errors import UserError
from artpipe.language.message import Message, decode_value
from artpipe.system.processes import kill_child
from artpipe.untrusted.archives.archive_limits import ArchiveFile, ArchiveLimits, Member
from artpipe.untrusted.archives.table_rows import (
    ARROW_FILE,
    LENGTHS,
    PARQUET,
    SECONDS,
    too_many_bytes,
    too_many_entries,
)
from artpipe.untrusted.rejection import RejectedError

_ARROW_STREAM = b"\xff\xff\xff\xff"


def detect_table_suffix(path: Path) -> str | None:
    """Return `.parquet` or `.arrow` for a table, by its first bytes; else None.

    Raises:
        UserError: it cannot be read.
    """
    archive = ArchiveFile.from_path(path)
    start = archive.read_start(8)
    if start.startswith(PARQUET):
        return ".parquet"
    is_stream = start.startswith(_ARROW_STREAM) and archive.name.lower().endswith(".arrow")
    return ".arrow" if start.startswith(ARROW_FILE) or is_stream else None


def require_picture_table(path: Path) -> None:
    """Refuse a table that cannot be read or has no pictures.

    Raises:
        UserError: with what it is and what is expected.
    """
    members = _read_rows(path, ArchiveLimits())
    try:
        next(members, None)
    except RejectedError as error:
        raise UserError(f"{path}: {error}") from None
    finally:
        members.close()


def read_table_members(
    path: Path, limits: ArchiveLimits, is_wanted: Callable[[str], bool]
) -> Generator[Member, None, None]:
    """Yield a picture and its fields for each row.

    What is not wanted comes without its bytes. Damage or a bomb ends the table; that is an entry of its own, with the table's name.

    Raises:
        UserError: it has no column of pictures.
    """
    total = 0
    try:
        for count, member in enumerate(_read_rows(path, limits), start=1):
            total += len(member.data)
            if count > limits.entries:
                raise too_many_entries(limits)
            if total > limits.gigabytes * 2**30:
                raise too_many_bytes(limits)
            yield member if member.rejected or is_wanted(member.name) else Member(member.name)
    except RejectedError as error:
        message = Message(code="archive_not_read_on", values={"detail": decode_value(error.detail)})
        yield Member(path.name, rejected=error.reason, detail=message.encode())


def _read_rows(path: Path, limits: ArchiveLimits) -> Generator[Member, None, None]:
    """Yield what the other process reads.

    Raises:
        UserError: the table has no pictures, or cannot be opened.
        RejectedError: it is damaged, a bomb, or ended the process.
    """
    ArchiveFile.from_path(path)
    values = (str(path), asdict(limits), os.getpid())
    command = [sys.executable, "-m", "artpipe.untrusted.archives.table_rows", *map(json.dumps, values)]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    answers = cast("IO[bytes]", process.stdout)
    try:
        yield from _receive_members(answers)
    except EOFError:
        raise _explain_end(process.wait()) from None
    finally:
        kill_child(process)
        process.wait()
        answers.close()


def _receive_members(answers: IO[bytes]) -> Iterator[Member]:
    while True:
        head_bytes, data_bytes = LENGTHS.unpack(_read_exactly(answers, LENGTHS.size))
        said: dict[str, Any] = json.loads(_read_exactly(answers, head_bytes))
        if "error" in said:
            raise UserError(said["error"])
        if "reason" in said:
            raise RejectedError(said["reason"], said["detail"])
        if "end" in said:
            return
        yield Member(data=_read_exactly(answers, data_bytes), **said)


def _read_exactly(answers: IO[bytes], count: int) -> bytes:
    data = answers.read(count)
    if len(data) < count:
        raise EOFError
    return data


def _explain_end(exit_code: int) -> RejectedError:
    """Return why there is no more: the table ended the process that read it."""
    if exit_code == -signal.SIGPROF:
        return RejectedError("timed out", Message(code="took_more_than_seconds", values={"seconds": SECONDS}))
    if exit_code < 0:
        name = signal.Signals(-exit_code).name
        return RejectedError("crashed", Message(code="decoder_ended_by_signal", values={"signal": name}))
    return RejectedError("crashed", Message(code="decoder_ended_with_code", values={"exit": exit_code}))
