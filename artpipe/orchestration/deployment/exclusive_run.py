"""Let one run of a deployment work at a time, and end it with its parent.

The lock is one of the operating system, not a concurrency limit of Prefect: a lease of Prefect ends when the machine
sleeps or the server is away, and ends the run with it; a lease lost with a killed server blocks every later run.
"""

import contextlib
import os

from artpipe.artifacts.paths import STATE
from artpipe.errors import BusyError
from artpipe.system.ancestors import watch_processes
from artpipe.system.locks import hold_lock
from artpipe.system.processes import find_process, terminate_self

RUN_LOCK = STATE / "flow.lock"
_PROBE_SECONDS = 1.0  # somebody may only be looking
_open_contexts = contextlib.ExitStack()  # until this process ends


def begin_exclusive_run(*, wait: bool) -> bool:
    """Take the run lock; return False if another run has it and `wait` is false."""
    from prefect.runtime import flow_run  # here, because Prefect reads the environment as it is imported

    from artpipe.orchestration.reporting import console

    _end_with_parent()
    console.print_run_start(flow_run.name or "", flow_run.parameters or {})
    try:
        _open_contexts.enter_context(
            hold_lock(RUN_LOCK, wait_seconds=float("inf") if wait else _PROBE_SECONDS, doing="a run")
        )
    except BusyError:
        return False
    return True


def _end_with_parent() -> None:
    """Have SIGTERM sent to this process when its parent ends.

    The parent is the runner or worker that started the run.
    """
    if parent := find_process(os.getppid()):
        _open_contexts.enter_context(watch_processes([parent], lambda _: terminate_self()))
    else:
        terminate_self()
