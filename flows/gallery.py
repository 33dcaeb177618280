"""`python -m flows.gallery [STAGE ...]`: DVC's graph as a Prefect flow; the flow itself is in `flows/flow.py`.

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

from artpipe.errors import ArtpipeError
from artpipe.processes import end_child, interrupt_command, run_child, start_child
from artpipe.project_root import run_in_project
from artpipe.stopping import SignalInterruption, signals_raise
from flows.addresses import prefect_beside, prefect_named
from flows.short import short_server

_GRACE_SECONDS = 25.0  # trainings save for 10 s, then Prefect reports
_NO_STAGE = "there is no stage {}; `dvc stage list` names them"
_HERE = "import sys; from flows.gallery import run_here; sys.exit(run_here(sys.argv[1:]))"


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
        interrupt_command(
            child, _GRACE_SECONDS
        )  # Prefect's server, also in its group, still has to take its last report
        return 128 + told.number
    finally:
        end_child(child, _GRACE_SECONDS)


def run_here(arguments: Sequence[str]) -> int:
    """Run the flow in this process, tell how it went, and return the exit code."""
    beside = contextlib.ExitStack()
    atexit.register(beside.close)  # before Prefect's own, so after them: at the end it still tells the server something
    from flows import account

    options = _parser().parse_args(arguments)
    try:
        if not (done := _up_to_date(options)) and not prefect_named():
            beside.enter_context(short_server())
        code = 0 if done else _run(options)
    except KeyboardInterrupt:
        account.failed("stopped; the same command goes on where this one was")
        return 130
    except ArtpipeError as error:
        account.failed(str(error))
        return error.exit_code
    except KeyError as error:
        account.failed(f"there is no stage {error}; `dvc stage list` names them")
        return 2
    if code == 0:
        account.summary()
    return code


def _run(options: argparse.Namespace) -> int:
    """Run the flow; what failed is told.

    Raises:
        UserError: of the task runner that was chosen, for example.
        KeyError: a stage that is not in the graph.
    """
    from flows import account
    from flows.flow import StagesFailedError, dataset_to_gallery

    try:
        dataset_to_gallery(
            options.targets or None,
            options.slots,
            options.stage_timeout_seconds,
            hang=options.hang,
            retries=options.retries,
            retry_seconds=options.retry_seconds,
        )
    except StagesFailedError as error:
        account.summary(error.undone)
        account.failed(str(error))
        return error.exit_code
    return 0


def _up_to_date(options: argparse.Namespace) -> bool:
    """Say so where nothing is to do: without a server that could keep a record of the run, no Prefect is brought up for it."""
    if prefect_named() or os.environ.get("ARTPIPE_RUNNER", "threads") != "threads":
        return False
    from flows import account
    from flows.dvc_graph import mended, stale_stages

    account.mended(mended())
    if stale_stages(options.targets or None, options.stage_timeout_seconds, hang=options.hang):
        return False
    account.planned([])
    if os.environ.get("ARTPIPE_TRACKING") != "off":
        run_child([sys.executable, "-m", "artpipe", "sync"], lambda _: None, timeout_seconds=600.0)
    return True


def _check() -> int:
    """Return what `artpipe check` ends with; a child, because it imports torch and we stay as long as the flow."""
    if "ARTPIPE_CHECKED" in os.environ:
        return 0
    return subprocess.run([sys.executable, "-m", "artpipe", "check"], stdout=subprocess.DEVNULL, check=False).returncode


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m flows.gallery", description="Run the pipeline as a Prefect flow.")
    parser.add_argument("targets", nargs="*", metavar="STAGE", help="such as train@digits-gan; none: everything")
    parser.add_argument("--hang", action="store_true", help="with STAGEs: hang the gallery over what there is then")
    parser.add_argument("--slots", type=int, help="stages at a time (default: one per core)")
    parser.add_argument("--stage-timeout-seconds", type=float, default=86_400.0, help="default: a day")
    parser.add_argument("--retries", type=int, default=2, help="of a stage that a lock or a server failed (default: 2)")
    parser.add_argument("--retry-seconds", type=float, default=10.0, help="before the first; then three times as long")
    return parser


if __name__ == "__main__":
    sys.exit(run_in_project(lambda: main(sys.argv[1:])))
