"""Tell live runs from killed ones: each holds a file lock until its process ends.

Prefect knows of a run only what the run itself reports: one that was killed would be shown as running for ever.
Heartbeats would tell, but they stop while a machine sleeps too, and then a run that was given up goes on afterwards.
"""

import contextlib
from typing import Any
from uuid import UUID

from httpx import HTTPError
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State, StateType
from prefect.context import FlowRunContext
from prefect.exceptions import ObjectNotFound, PrefectException

from artpipe.storage.running_work import RUN_LOCKS
from artpipe.system.locks import hold_lock, is_locked

_STOPPED_MESSAGE = "stopped on request; the next run goes on where it was"
_KILLED_MESSAGE = "killed before it could report; the next run goes on where it was"
_open_locks = contextlib.ExitStack()  # until this process ends, and the run with it


def hold_run_lock(run: str) -> None:
    """Hold the lock that shows that a run of this process is alive; `run` is its id."""
    path = RUN_LOCKS / f"{run}.lock"
    _open_locks.enter_context(hold_lock(path, wait_seconds=60.0, doing="this run"))  # somebody may just be looking


def report_stopped_run() -> None:
    """Report this process's run as cancelled, since somebody asked it to stop.

    Prefect would call it crashed. One that is being cancelled on its page is Prefect's to report, and so is one whose
    server is away.
    """
    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        return
    run: Any = context.flow_run
    with contextlib.suppress(HTTPError, PrefectException), get_client(sync_client=True) as client:
        state = client.read_flow_run(run.id).state
        if state is None or not (state.is_final() or state.is_cancelling()):
            run.state = State(type=StateType.CANCELLED, name="Cancelled", message=_STOPPED_MESSAGE)
            client.set_flow_run_state(run.id, run.state, force=True)


def report_killed_runs() -> int:
    """Report this project's killed runs to Prefect and return how many there were.

    Where all runs are known to have ended, the server is not asked.

    Raises:
        httpx.HTTPError: the server does not answer.
    """
    count = 0
    for path in sorted(RUN_LOCKS.glob("*.lock")):
        if not is_locked(path):
            count += _report_killed_run(UUID(path.stem))
            path.unlink(missing_ok=True)
    return count


def _report_killed_run(run: UUID) -> bool:
    """Set the final state of a run that has ended, if it has none."""
    with get_client(sync_client=True) as client, contextlib.suppress(ObjectNotFound):  # another server's, or deleted
        state: Any = client.read_flow_run(run).state
        if state is None or not state.is_final():
            was_cancelled = state is not None and state.is_cancelling()
            kind = StateType.CANCELLED if was_cancelled else StateType.CRASHED
            client.set_flow_run_state(run, State(type=kind, message=_KILLED_MESSAGE), force=True)
            return True
    return False
