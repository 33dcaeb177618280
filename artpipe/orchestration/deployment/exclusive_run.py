"""What a run of a deployment needs beside the flow: it ends with whoever started it, and one is at work at a time.

A lock of the operating system says who is at work, not a limit of Prefect's: its lease ends when the machine sleeps or
the server is away, and takes the run with it; a lease lost with a killed server blocks every later run.
"""

import contextlib
import os

from artpipe.artifacts.paths import STATE
from artpipe.errors import BusyError
from artpipe.system.locks import held, locked
from artpipe.system.processes import process, terminate_self, watching

LOCK = STATE / "flow.lock"
_GLANCE_SECONDS = 1.0  # somebody may only be looking, see `someone_works`
_held = contextlib.ExitStack()  # until this process ends


def take_turn(*, wait: bool) -> bool:
    """Begin: False where another run is at work and this one does not `wait` for it."""
    from prefect.runtime import flow_run  # here, because Prefect reads the environment as it is imported

    from artpipe.orchestration.reporting import console

    _end_with_parent()
    console.begun(flow_run.name or "", flow_run.parameters or {})
    try:
        _held.enter_context(locked(LOCK, wait_seconds=float("inf") if wait else _GLANCE_SECONDS, doing="a run"))
    except BusyError:
        return False
    return True


def someone_works() -> bool:
    """Say whether a run of a deployment of this project is alive."""
    return held(LOCK)


def _end_with_parent() -> None:
    """Have this process told to end (SIGTERM) when its parent has ended: the runner or worker that started the run."""
    if parent := process(os.getppid()):
        _held.enter_context(watching([parent], lambda _: terminate_self()))
    else:
        terminate_self()
