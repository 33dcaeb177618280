"""Run the project's flow: `artpipe run`, `python -m flows.gallery [STAGE ...]`; the flow itself is in `flows/gallery.py`.

The flow runs in a child under a guard, and so does all it starts, Prefect's temporary server included: however this
process ends, nothing is left behind.
"""

import argparse
import atexit
import contextlib
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from artpipe.errors import ArtpipeError, UserError
from artpipe.orchestration.services.addresses import prefect_beside, prefect_named
from artpipe.orchestration.services.ephemeral_server import short_server
from artpipe.system.interrupts import SignalInterruption, signals_raise
from artpipe.system.processes import end_child, interrupt_command, start_child
from artpipe.system.project_root import run_in_project

_GRACE_SECONDS = 25.0  # trainings save for 10 s, then Prefect reports
FLOW = Path("flows/gallery.py")
_SHIPPED = Path(__file__).parents[1] / "starters" / FLOW  # of a project that has none
_HERE = "import sys; from artpipe.orchestration.run_flow import run_here; sys.exit(run_here(sys.argv[1:]))"


def main(arguments: Sequence[str]) -> int:
    """Run the flow and return the exit code: 0 done, 1 stages failed, 2 only by a person's mistakes, 128 + n signal n."""
    _parser().parse_args(arguments)
    if mistake := _check():
        return mistake
    env = {**os.environ, **prefect_beside(), "ARTPIPE_CHECKED": "1"}
    child = start_child([sys.executable, "-c", _HERE, *arguments], env=env, grace_seconds=_GRACE_SECONDS)
    try:
        with signals_raise():
            return child.wait()
    except SignalInterruption as told:
        interrupt_command(child, _GRACE_SECONDS)  # it alone: Prefect's server still has to take its last report
        return 128 + told.number
    finally:
        end_child(child, _GRACE_SECONDS)


def run_here(arguments: Sequence[str]) -> int:
    """Run the flow in this process, tell how it went, and return the exit code."""
    beside = contextlib.ExitStack()
    atexit.register(beside.close)  # before Prefect's own, so after them: at the end it still tells the server something
    from artpipe.orchestration.reporting import console

    options = _parser().parse_args(arguments)
    try:
        code = _run(options, beside)
    except KeyboardInterrupt:
        console.failed("stopped; the same command goes on where this one was")
        return 130
    except ArtpipeError as error:
        console.failed(str(error))
        return error.exit_code
    return code


def _run(options: argparse.Namespace, beside: contextlib.ExitStack) -> int:
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


def _check() -> int:
    """Return what `artpipe check` ends with; a child, because it imports torch and we stay as long as the flow."""
    if "ARTPIPE_CHECKED" in os.environ:
        return 0
    return subprocess.run([sys.executable, "-m", "artpipe", "check"], stdout=subprocess.DEVNULL, check=False).returncode


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m flows.gallery", description="Run the pipeline as a Prefect flow.")
    parser.add_argument("targets", nargs="*", metavar="STAGE", help="such as train@digits-gan; none: everything")
    parser.add_argument("--gallery", action="store_true", help="with STAGEs: build the gallery from what there is then")
    parser.add_argument("--slots", type=int, help="stages at a time (default: one per core)")
    parser.add_argument("--stage-timeout-seconds", type=float, default=86_400.0, help="default: a day")
    parser.add_argument("--retries", type=int, default=2, help="of a stage that a lock or a server failed (default: 2)")
    parser.add_argument("--retry-seconds", type=float, default=10.0, help="before the first; then three times as long")
    return parser


def run_in_child(arguments: Sequence[str]) -> int:
    """Run the flow of the project around the current folder in a guarded child and return the exit code, see `main`."""
    return run_in_project(lambda: main(arguments))


if __name__ == "__main__":
    sys.exit(run_in_child(sys.argv[1:]))
