"""Run the project's flow, which is in `flows/gallery.py`, in a child under a guard.

So does all it starts, Prefect's temporary server included: however this process ends, nothing is left behind.
"""

import atexit
import contextlib
import json
import os
import sys
from pathlib import Path
from typing import Any, NamedTuple

from artpipe.errors import ArtpipeError, UserError
from artpipe.orchestration.services.addresses import prefect_beside, prefect_named
from artpipe.orchestration.services.ephemeral_server import short_server
from artpipe.system.interrupts import SignalInterruption, signals_raise
from artpipe.system.processes import end_child, interrupt_command, start_child

_GRACE_SECONDS = 25.0  # trainings save for 10 s, then Prefect reports
FLOW = Path("flows/gallery.py")
CHECKED = "ARTPIPE_CHECKED"  # in the environment of whoever need not check the project again
_SHIPPED = Path(__file__).parents[1] / "starters" / FLOW  # of a project that has none
_HERE = "import sys; from artpipe.orchestration.run_flow import run_here; sys.exit(run_here(sys.argv[1]))"


class RunOptions(NamedTuple):
    """What `artpipe run` was asked for; the flow's docstring says what each means."""

    targets: list[str]
    gallery: bool
    slots: int | None
    stage_timeout_seconds: float
    retries: int
    retry_seconds: float

    def as_json(self) -> str:
        """Return the options as text, for another process."""
        return json.dumps(self._asdict())

    @classmethod
    def from_json(cls, text: str) -> "RunOptions":
        """Return the options that `as_json` wrote."""
        return cls(**json.loads(text))


def guard_flow(options: str) -> int:
    """Run the flow in a guarded child and return its exit code.

    Args:
        options: see `RunOptions.as_json`.

    Returns:
        0 done, 1 stages failed, 2 only by a person's mistakes, 128 + n signal n.
    """
    env = {**os.environ, **prefect_beside()}
    child = start_child([sys.executable, "-c", _HERE, options], env=env, grace_seconds=_GRACE_SECONDS)
    try:
        with signals_raise():
            return child.wait()
    except SignalInterruption as told:
        interrupt_command(child, _GRACE_SECONDS)  # it alone: Prefect's server still has to take its last report
        return 128 + told.number
    finally:
        end_child(child, _GRACE_SECONDS)


def run_here(options: str) -> int:
    """Run the flow in this process, tell how it went, and return the exit code."""
    beside = contextlib.ExitStack()
    atexit.register(beside.close)  # before Prefect's own, so after them: at the end it still tells the server something
    from artpipe.orchestration.reporting import console

    try:
        code = _run(RunOptions.from_json(options), beside)
    except KeyboardInterrupt:
        console.failed("stopped; the same command goes on where this one was")
        return 130
    except ArtpipeError as error:
        console.failed(str(error))
        return error.exit_code
    return code


def _run(options: RunOptions, beside: contextlib.ExitStack) -> int:
    """Run the flow, unless there is nothing to do that a server should know of; what failed is told.

    Raises:
        UserError: of the task runner that was chosen, for example; a stage that is not in the graph.
    """
    from artpipe.orchestration.preflight import asks_first, stages_to_run, taken_over
    from artpipe.orchestration.reporting import console
    from artpipe.orchestration.scheduling.dvc_graph import KNOWN_STAGES

    stages = taken_over()
    if stages is None and asks_first():
        stages = stages_to_run(options.targets, options.stage_timeout_seconds, gallery=options.gallery)
        if not stages:
            return 0
    KNOWN_STAGES.set(stages)
    if not prefect_named():
        beside.enter_context(short_server())
    from artpipe.orchestration.scheduling.run_failures import StagesFailedError

    try:
        load_flow()(
            options.targets or None,
            options.slots,
            options.stage_timeout_seconds,
            gallery=options.gallery,
            retries=options.retries,
            retry_seconds=options.retry_seconds,
        )
    except KeyError as error:
        raise UserError(f"there is no stage {error}; `dvc stage list` names them") from None
    except StagesFailedError as error:
        console.summary(error.undone)
        console.failed(str(error))
        return error.exit_code
    console.summary()
    return 0


def load_flow() -> Any:
    """Return the flow of the project's `flows/gallery.py`, or the one that artpipe brings where there is none.

    Raises:
        UserError: it cannot be loaded.
    """
    from prefect.exceptions import PrefectException, ScriptError
    from prefect.flows import load_flow_from_entrypoint

    path = FLOW if FLOW.is_file() else _SHIPPED
    try:
        return load_flow_from_entrypoint(f"{path}:dataset_to_gallery", use_placeholder_flow=False)
    except PrefectException as error:
        cause = error.user_exc if isinstance(error, ScriptError) else error
        if isinstance(cause, ArtpipeError):
            raise cause from None
        raise UserError(f"{path}: {type(cause).__name__}: {cause}") from error


if __name__ == "__main__":
    sys.exit(guard_flow(sys.argv[1]))
