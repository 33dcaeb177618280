"""Have the process that follows trainings sync MLflow.

It has MLflow loaded; a new process takes seconds for that. Each request and its answer are files of the follower's folder.
"""

import contextlib
import os
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from artpipe.artifacts.paths import STATE
from artpipe.system.atomic_files import write_text
from artpipe.system.hashing import sha256_bytes
from artpipe.system.locks import is_locked

FOLLOWER_FOLDER = STATE / "follower"
FOLLOWER_LOCK = FOLLOWER_FOLDER / "lock"
_ASKED, _ANSWERED = "asked-", "answered-"
_POLL_SECONDS = 0.2
_LOOKS_PER_LOCK = 5  # files are looked at so often before the lock is asked for

T = TypeVar("T", bound=BaseModel)


class SyncAnswer(NamedTuple):
    """How a sync went."""

    done: bool
    message: str  # one line


class _Request(BaseModel):
    model_config = ConfigDict(extra="ignore")

    server: str  # where who asks writes to, as a hash: it may hold a password


class _Answer(BaseModel):
    model_config = ConfigDict(extra="ignore")

    done: bool
    message: str


def ask_follower(root: Path, wait_seconds: float) -> SyncAnswer | None:
    """Have a running follower sync MLflow, and wait for it.

    Returns:
        How it went; None where there is no follower, it ended before it had answered, it writes to another server, or
        `wait_seconds` were over.
    """
    if not is_locked(root / FOLLOWER_LOCK):
        return None
    folder, number = root / FOLLOWER_FOLDER, uuid.uuid4().hex
    asked, answered = folder / f"{_ASKED}{number}", folder / f"{_ANSWERED}{number}"
    try:
        write_text(asked, _Request(server=_find_server()).model_dump_json())
        return _wait_for_answer(root, answered, wait_seconds)
    except OSError:
        return None
    finally:
        for file in (asked, answered):
            with contextlib.suppress(OSError):
                file.unlink(missing_ok=True)


def _wait_for_answer(root: Path, answered: Path, wait_seconds: float) -> SyncAnswer | None:
    deadline, looks = time.monotonic() + wait_seconds, 0
    while time.monotonic() < deadline:
        is_last = looks % _LOOKS_PER_LOCK == 0 and not is_locked(root / FOLLOWER_LOCK)
        if answer := _read(_Answer, answered):  # after the lock: it may have answered, then ended
            return SyncAnswer(answer.done, answer.message) if answer.message else None
        if is_last:
            return None
        looks += 1
        time.sleep(_POLL_SECONDS)
    return None


def answer_request(root: Path, sync: Callable[[], SyncAnswer]) -> bool:
    """Sync once if somebody asked for it, and tell all who did; return whether.

    Who writes to another server is told that this follower cannot do it.
    """
    files = sorted(file for file in (root / FOLLOWER_FOLDER).glob(f"{_ASKED}*") if not file.suffix)  # else half written
    requests = [(file, request) for file in files if (request := _read(_Request, file))]
    own_server = _find_server()
    answer = sync() if any(request.server == own_server for _, request in requests) else None
    for file, request in requests:
        told = answer if answer and request.server == own_server else SyncAnswer(done=False, message="")
        answered = file.with_name(_ANSWERED + file.name.removeprefix(_ASKED))
        with contextlib.suppress(OSError):  # who asked sees that nobody answers
            write_text(answered, _Answer(done=told.done, message=told.message).model_dump_json())
            file.unlink(missing_ok=True)
    return bool(requests)


def _find_server() -> str:
    return sha256_bytes(os.environ.get("MLFLOW_TRACKING_URI", "").encode())


def _read(form: type[T], file: Path) -> T | None:
    try:
        return form.model_validate_json(file.read_bytes()) if file.is_file() else None
    except (OSError, ValidationError):
        return None
