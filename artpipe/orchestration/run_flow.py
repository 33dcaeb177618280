"""Run the project's flow, `flows/gallery.py`, in a guarded child process.

All that it starts runs under the same guard, Prefect's temporary server included: however this process ends, no
process is left behind.
"""

import atexit
import contextlib
import json
import os
import sys
from pathlib import Path
from typing import Any, NamedTuple

from artpipe.errors import ArtpipeError, UserError
from artpipe.orchestration.services.addresses import is_prefect_named, local_prefect_variables
from artpipe.orchestration.services.ephemeral_server import run_ephemeral_server
from artpipe.system.interrupts import SignalInterruption, raise_on_signals
from artpipe.system.processes import end_child, interrupt_command, start_child

_GRACE_SECONDS = 25.0  # trainings save for 10 s, then Prefect reports
FLOW = Path("flows/gallery.py")
CHECKED = "ARTPIPE_CHECKED"  # environment variable: the project was checked already
_STARTER_FLOW = Path(__file__).parents[1] / "starters" / FLOW  # of a project that has none
_RUN_CODE = "import sys; from artpipe.orchestration.run_flow import run_flow_here; sys.exit(run_flow_here(sys.argv[1]))"


class RunOptions(NamedTuple):
    """The options of `artpipe run`; the flow's docstring says what each means."""

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
    env = {**os.environ, **local_prefect_variables()}
    child = start_child([sys.executable, "-c", _RUN_CODE, options], env=env, grace_seconds=_GRACE_SECONDS)
    try:
        with raise_on_signals():
            return child.wait()
    except SignalInterruption as interruption:
        interrupt_command(child, _GRACE_SECONDS)  # the command alone: Prefect's server has to take its last report
        return 128 + interruption.number
    finally:
        end_child(child, _GRACE_SECONDS)


def run_flow_here(options: str) -> int:
    """Run the flow in this process, print how it went, and return the exit code."""
    stack = contextlib.ExitStack()
    atexit.register(stack.close)  # registered before Prefect's handlers, so run after them: they still need the server
    from artpipe.orchestration.reporting import console

    try:
        code = _run_flow(RunOptions.from_json(options), stack)
    except KeyboardInterrupt:
        console.print_failure("stopped; the same command goes on where this one was")
        return 130
    except ArtpipeError as error:
        console.print_failure(str(error), error.details)
        return error.exit_code
    return code


def _run_flow(options: RunOptions, stack: contextlib.ExitStack) -> int:
    """Run the flow if there is anything to do, print failures, return the exit code.

    Raises:
        UserError: of the task runner that was chosen, for example; a stage that is not in the graph.
    """
    from artpipe.orchestration.preflight import find_stages_to_run, needs_preflight, pop_stages
    from artpipe.orchestration.reporting import console
    from artpipe.orchestration.reporting.run_watch import open_gallery
    from artpipe.orchestration.scheduling.dvc_graph import PRESET_STAGES

    stages = pop_stages()
    if stages is None and needs_preflight():
        stages = find_stages_to_run(options.targets, options.stage_timeout_seconds, gallery=options.gallery)
        if not stages:
            return 0
    PRESET_STAGES.set(stages)
    wait_for_server = None if is_prefect_named() else stack.enter_context(run_ephemeral_server())
    if stages:
        open_gallery(stages, options.slots or len(os.sched_getaffinity(0)))
    flow = load_flow()  # takes as long as the server to come up
    if wait_for_server is not None:
        wait_for_server()
    from artpipe.orchestration.scheduling.run_failures import StagesFailedError

    try:
        _call_flow(flow, options)
    except KeyError as error:
        raise UserError(f"there is no stage {error}; `dvc stage list` names them") from None
    except StagesFailedError as error:
        console.print_summary(error.undone, options.targets)
        console.print_failure(*error.describe())
        return error.exit_code
    console.print_summary(targets=options.targets)
    return 0


def _call_flow(flow: Any, options: RunOptions) -> None:
    """Call the project's flow.

    Raises:
        KeyboardInterrupt: somebody stopped it.
    """
    from prefect.exceptions import CancelledRun

    try:
        flow(
            options.targets or None,
            options.slots,
            options.stage_timeout_seconds,
            gallery=options.gallery,
            retries=options.retries,
            retry_seconds=options.retry_seconds,
        )
    except CancelledRun:  # Prefect's word for a Ctrl-C that was reported as such
        raise KeyboardInterrupt from None


def load_flow() -> Any:
    """Return the flow of `flows/gallery.py`, or artpipe's own if the file is missing.

    Raises:
        UserError: it cannot be loaded.
    """
    from prefect.exceptions import PrefectException, ScriptError
    from prefect.flows import load_flow_from_entrypoint

    path = FLOW if FLOW.is_file() else _STARTER_FLOW
    try:
        return load_flow_from_entrypoint(f"{path}:dataset_to_gallery", use_placeholder_flow=False)
    except PrefectException as error:
        cause = error.user_exc if isinstance(error, ScriptError) else error
        if isinstance(cause, ArtpipeError):
            raise cause from None
        raise UserError(f"{path}: {type(cause).__name__}: {cause}") from error


if __name__ == "__main__":
    sys.exit(guard_flow(sys.argv[1]))
