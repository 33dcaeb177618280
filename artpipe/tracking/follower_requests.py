"""Have the process that follows trainings sync MLflow.

It has MLflow loaded; a new process takes seconds for that. One file asks, one answers, both in the follower's folder.
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
_ASKED, _ANSWERED = FOLLOWER_FOLDER / "asked", FOLLOWER_FOLDER / "answered"
_POLL_SECONDS = 0.2
_LOOKS_PER_LOCK = 5  # files are looked at so often before the lock is asked for

T = TypeVar("T", bound=BaseModel)


class SyncAnswer(NamedTuple):
    """How a sync went."""

    done: bool
    message: str  # one line


class _Request(BaseModel):
    model_config = ConfigDict(extra="ignore")

    id: str
    server: str  # where who asks writes to, as a hash: it may hold a password


class _Answer(BaseModel):
    model_config = ConfigDict(extra="ignore")

    id: str
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
    request = _Request(id=uuid.uuid4().hex, server=_find_server())
    deadline, looks = time.monotonic() + wait_seconds, 0
    try:
        write_text(root / _ASKED, request.model_dump_json())
        while time.monotonic() < deadline:
            is_last = looks % _LOOKS_PER_LOCK == 0 and not is_locked(root / FOLLOWER_LOCK)
            answer = _read(_Answer, root / _ANSWERED)  # after the lock: it may have answered, then ended
            if answer is not None and answer.id == request.id:
                return SyncAnswer(answer.done, answer.message) if answer.message else None
            if is_last:
                return None
            looks += 1
            time.sleep(_POLL_SECONDS)
    finally:
        with contextlib.suppress(OSError):
            (root / _ASKED).unlink(missing_ok=True)
    return None


def answer_request(root: Path, sync: Callable[[], SyncAnswer]) -> bool:
    """Sync if somebody asked for it, and say how it went; return whether somebody did.

    Who writes to another server is told that this follower cannot do it.
    """
    request = _read(_Request, root / _ASKED)
    if request is None:
        return False
    with contextlib.suppress(OSError):
        (root / _ASKED).unlink(missing_ok=True)
    answer = sync() if request.server == _find_server() else SyncAnswer(done=False, message="")
    written = _Answer(id=request.id, done=answer.done, message=answer.message)
    with contextlib.suppress(OSError):  # who asked sees that nobody answers
        write_text(root / _ANSWERED, written.model_dump_json())
    return True


def _find_server() -> str:
    return sha256_bytes(os.environ.get("MLFLOW_TRACKING_URI", "").encode())


def _read(form: type[T], file: Path) -> T | None:
    try:
        return form.model_validate_json(file.read_bytes())
    except (OSError, ValidationError):
        return None
