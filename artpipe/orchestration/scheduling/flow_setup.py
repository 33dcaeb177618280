"""Prepare a flow over DVC's graph, and end its processes when it is interrupted."""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from httpx import HTTPError
from prefect.exceptions import TerminationSignal
from prefect.runtime import flow_run
from prefect.settings import get_current_settings

from artpipe.orchestration.deployment.run_liveness import report_killed_runs, report_stopped_run
from artpipe.orchestration.reporting import console, prefect_artifacts
from artpipe.orchestration.reporting.run_watch import RunWatch, watch_run
from artpipe.orchestration.run_flow import CHECKED
from artpipe.orchestration.scheduling.dvc_graph import PRESET_STAGES, Stage, find_stale_stages, repair_dvc_files
from artpipe.orchestration.scheduling.run_context import RunContext, RunSettings
from artpipe.orchestration.scheduling.task_runners import default_slots
from artpipe.orchestration.services.ephemeral_server import EPHEMERAL

_BIN = Path(sys.executable).parent  # not resolved: the virtual environment's own folder


@contextmanager
def prepare_run(slots: int | None, stage_timeout_seconds: float) -> Iterator[RunSettings]:
    """Check the project and yield the run's settings; end all children on an error.

    Raises:
        RuntimeError: `artpipe check` found a mistake.
    """
    cores = slots or default_slots()
    settings = RunSettings(
        str(flow_run.id), cores, _build_environment(), stage_timeout_seconds, _has_persistent_server()
    )
    context = RunContext.for_run(settings)
    try:
        _check_project(settings)
        console.print_repairs(_report_killed_runs())
        yield settings
    except BaseException as error:
        context.stop()  # else the threads that wait for them would hold the interpreter
        if isinstance(error, KeyboardInterrupt | TerminationSignal):
            report_stopped_run()
        raise


def find_stages(
    targets: list[str] | None, wait_seconds: float, *, gallery: bool, dataset: str | None, force: bool
) -> Sequence[Stage]:
    """Repair torn files of DVC and return the stages to run.

    See `find_stale_stages`; where they are known already, nothing is asked.
    """
    if (stages := PRESET_STAGES.get()) is not None:
        return stages
    console.print_repairs(repair_dvc_files())
    return find_stale_stages(targets, wait_seconds, gallery=gallery, dataset=dataset, force=force)


@contextmanager
def watch_stages(stages: Sequence[Stage], settings: RunSettings) -> Iterator[RunWatch]:
    """Show the run while the body dispatches its stages."""
    prefect_artifacts.name_run(stages)
    with watch_run(stages, settings.cores) as watch:
        RunContext.for_run(settings).on_step = watch.progress.on_step
        yield watch
    prefect_artifacts.publish_durations(watch.seconds)


def _check_project(settings: RunSettings) -> None:
    if CHECKED in os.environ:
        return
    lines, command = list[str](), [sys.executable, "-m", "artpipe", "check"]
    if RunContext.for_run(settings).children.run(command, lines.append, settings.env, 600.0):
        raise RuntimeError("\n".join(lines))


def _report_killed_runs() -> list[str]:
    """Report killed runs to Prefect and return a sentence on them.

    While the server is away nothing is done; a later run reports them.
    """
    try:
        count = report_killed_runs()
    except HTTPError:
        return []
    return [f"{count} earlier run{'s were' if count > 1 else ' was'} killed: Prefect now knows"] if count else []


def _has_persistent_server() -> bool:
    """Return whether a server is named that stays when the run has ended."""
    return bool(get_current_settings().api.url) and EPHEMERAL not in os.environ


def _build_environment() -> dict[str, str]:
    """Return the stages' environment: this interpreter on PATH, the run's id."""
    search_path = os.environ.get("PATH", os.defpath).split(os.pathsep)
    if str(_BIN) not in search_path:
        search_path = [str(_BIN), *search_path]
    run_variables = {
        "ARTPIPE_FLOW_RUN": str(flow_run.id or ""),
        "ARTPIPE_SYNC": "later",
    }  # the flow syncs once, at its end
    return {**os.environ, "PATH": os.pathsep.join(search_path), **run_variables}
