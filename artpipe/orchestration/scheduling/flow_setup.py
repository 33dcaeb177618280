"""What a flow over DVC's graph needs before its first stage and, when it is interrupted, at its end."""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from httpx import HTTPError
from prefect.runtime import flow_run
from prefect.settings import get_current_settings

from artpipe.orchestration.deployment.run_liveness import bury
from artpipe.orchestration.reporting import console
from artpipe.orchestration.run_flow import CHECKED
from artpipe.orchestration.scheduling.dvc_graph import KNOWN_STAGES, Stage, mended, stale_stages
from artpipe.orchestration.scheduling.run_context import Crew, Setting
from artpipe.orchestration.scheduling.task_runners import cores_of_runner
from artpipe.orchestration.services.ephemeral_server import SHORT

_BIN = Path(sys.executable).parent  # not resolved: the virtual environment's own folder


@contextmanager
def prepared(slots: int | None, stage_timeout_seconds: float) -> Iterator[Setting]:
    """Yield what all tasks of this run are told, the project checked; every child is ended if the run is interrupted.

    Raises:
        RuntimeError: `artpipe check` found a mistake.
    """
    cores = slots or cores_of_runner()
    setting = Setting(str(flow_run.id), cores, _environment(), stage_timeout_seconds, _server_stays())
    crew = Crew.of(setting)
    try:
        _check(setting)
        console.mended(_bury_killed_runs())
        yield setting
    except BaseException:
        crew.stop()  # else the threads that wait for them would hold the interpreter
        raise


def find_stages(
    targets: list[str] | None, wait_seconds: float, *, gallery: bool, dataset: str | None, force: bool
) -> Sequence[Stage]:
    """Mend what an ended process left half-done and return the stages to run, see `stale_stages`, unless they are known."""
    if (stages := KNOWN_STAGES.get()) is not None:
        return stages
    console.mended(mended())
    return stale_stages(targets, wait_seconds, gallery=gallery, dataset=dataset, force=force)


def _check(setting: Setting) -> None:
    if CHECKED in os.environ:
        return
    lines: list[str] = []
    if Crew.of(setting).children.run([sys.executable, "-m", "artpipe", "check"], lines.append, setting.env, 600.0):
        raise RuntimeError("\n".join(lines))


def _bury_killed_runs() -> list[str]:
    """Report the runs that were killed, and say so; while the server is away, a later run does it."""
    try:
        count = bury()
    except HTTPError:
        return []
    return [f"{count} earlier run{'s were' if count > 1 else ' was'} killed: Prefect now knows"] if count else []


def _server_stays() -> bool:
    """Say whether a server was named that stays when the run has ended."""
    return bool(get_current_settings().api.url) and SHORT not in os.environ


def _environment() -> dict[str, str]:
    """Return what the stages see: our interpreter's commands are found, and which flow run they belong to is known."""
    search = os.environ.get("PATH", os.defpath).split(os.pathsep)
    if str(_BIN) not in search:
        search = [str(_BIN), *search]
    told = {"ARTPIPE_FLOW_RUN": str(flow_run.id or ""), "ARTPIPE_SYNC": "later"}  # the flow syncs once, at its end
    return {**os.environ, "PATH": os.pathsep.join(search), **told}
