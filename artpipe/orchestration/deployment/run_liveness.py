"""Which runs of this project are alive, whoever started them: each holds a lock of the operating system until its process ends.

Prefect hears of a run only what the run itself reports: one that was killed would stand as running for ever. Heartbeats
would tell, but they stop while a machine sleeps too, and what was given up then goes on after it.
"""

import contextlib
from typing import Any
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State, StateType
from prefect.exceptions import ObjectNotFound

from artpipe.artifacts.paths import STATE
from artpipe.system.locks import held, locked

FOLDER = STATE / "flows"
_BURIED = "killed before it could report; the next run goes on where it was"
_held = contextlib.ExitStack()  # until this process ends, and the run with it


def hold(run: str) -> None:
    """Say of a run of this process, by its id, that it is alive."""
    path = FOLDER / f"{run}.lock"
    _held.enter_context(locked(path, wait_seconds=60.0, doing="this run"))  # somebody may just be looking


def bury() -> int:
    """Report the runs of this project that were killed, and return how many; where all are known to have ended, nobody is asked.

    Raises:
        httpx.HTTPError: the server does not answer.
    """
    count = 0
    for path in sorted(FOLDER.glob("*.lock")):
        if not held(path):
            count += _bury(UUID(path.stem))
            path.unlink(missing_ok=True)
    return count


def _bury(run: UUID) -> bool:
    """Give a run that has ended its last state, if it has none."""
    with get_client(sync_client=True) as client, contextlib.suppress(ObjectNotFound):  # another server's, or deleted
        state: Any = client.read_flow_run(run).state
        if state is None or not state.is_final():
            asked = state is not None and state.is_cancelling()
            kind = StateType.CANCELLED if asked else StateType.CRASHED
            client.set_flow_run_state(run, State(type=kind, message=_BURIED), force=True)
            return True
    return False
