"""The flow over DVC's graph: what is stale and what lies below it, each stage as soon as what it reads is ready."""

import os
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prefect import flow, get_run_logger, task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE
from prefect.futures import PrefectFuture
from prefect.runtime import flow_run
from prefect.task_runners import ThreadPoolTaskRunner
from prefect.utilities.annotations import allow_failure

from artpipe.artifacts.paths import LAST_STAGE
from artpipe.costs import remember
from flows import account
from flows.children import Children
from flows.dvc_graph import BUSY, Stage, mended, stale_stages

CHECKED = "ARTPIPE_CHECKED"  # set by whoever has validated the project already
_BUSY_SECONDS = 5.0  # between two tries while another dvc holds what a stage needs: for that, DVC itself does not wait
_BIN = Path(sys.executable).parent  # not resolved: the virtual environment's own folder


class StagesFailedError(Exception):
    """Some stages failed; the message names them all."""


@dataclass(frozen=True)
class Setting:
    """What all tasks of one flow share."""

    children: Children
    env: Mapping[str, str]
    timeout_seconds: float


@task(task_run_name="{name}", cache_policy=NO_CACHE)
def reproduce(name: str, setting: Setting, urgency: float = 0.0) -> None:
    """Bring one stage up to date as a child process, its output line by line in the run's log.

    Raises:
        RuntimeError: the stage failed.
        TimeoutError, StoppedError: see `Children.run`.
    """
    logger, ran, busy = get_run_logger(), threading.Event(), threading.Event()

    def tell(line: str) -> None:
        logger.info(line)
        account.said(name, line)
        if line.startswith("Running stage "):  # else DVC found it up to date, or took it from its run cache
            ran.set()
        if BUSY in line:
            busy.set()

    command = [str(_BIN / "dvc"), "--wait-for-lock", "repro", "--single-item", name]
    with setting.children.slot(urgency), account.timed(name) as clock:
        code = setting.children.run(command, tell, setting.env, setting.timeout_seconds)
        while code and busy.is_set() and clock() < setting.timeout_seconds:
            busy.clear()
            time.sleep(_BUSY_SECONDS)
            code = setting.children.run(command, tell, setting.env, setting.timeout_seconds)
        if code:
            raise RuntimeError(f"failed with exit code {code}")
        if ran.is_set():
            remember(name, clock())


@task(cache_policy=NO_CACHE)
def sync(setting: Setting) -> None:
    """Bring MLflow up to date with the run records; it is a projection, so its failure fails nothing."""
    logger = get_run_logger()
    code = setting.children.run([sys.executable, "-m", "artpipe", "sync"], logger.info, setting.env, 600.0)
    if code:
        logger.warning("MLflow was not brought up to date (exit code %d); `artpipe sync` does it later", code)


# A task that waits for another holds a thread of the runner: threads for all of them, and the slots in Children.
_RUNNER: Any = ThreadPoolTaskRunner(max_workers=1000)


@flow(name="dataset-to-gallery", task_runner=_RUNNER)
def dataset_to_gallery(
    targets: list[str] | None = None,
    slots: int | None = None,
    stage_timeout_seconds: float = 86_400.0,
    *,
    hang: bool = False,
) -> None:
    """Bring what is stale up to date, each stage as soon as what it reads is ready.

    Args:
        targets: stages wanted, with all they need; None: everything.
        slots: stages at a time; None: one per core this process may use.
        stage_timeout_seconds: a stage that takes longer is ended and has failed.
        hang: with targets, hang the gallery over what there is then, whatever else is stale.

    Raises:
        StagesFailedError: after all else was done, naming every stage that failed.
    """
    children = Children(slots or len(os.sched_getaffinity(0)), gather_seconds=0.4)
    setting = Setting(children, _environment(), stage_timeout_seconds)
    try:
        _check(setting)
        account.mended(mended())
        stages = stale_stages(targets, wait_seconds=stage_timeout_seconds, hang=hang)
        account.planned(stages)
        failures = _collect(_submit(stages, setting))
        if os.environ.get("ARTPIPE_TRACKING") != "off":
            sync(setting)
    except BaseException:
        children.stop()  # else the threads that wait for them would hold the interpreter
        raise
    create_markdown_artifact(account.markdown(), key="gallery", description="Verdicts, and where the gallery is")
    if failures:
        raise StagesFailedError(failures)


def _submit(stages: Sequence[Stage], setting: Setting) -> dict[str, PrefectFuture[None]]:
    futures: dict[str, PrefectFuture[None]] = {}
    submit: Any = reproduce.submit  # its stubs know no wait_for beside parameters
    for stage in stages:
        upstream: list[Any] = [futures[name] for name in stage.upstream if name in futures]
        wait_for = [allow_failure(future) for future in upstream] if stage.name == LAST_STAGE else upstream
        futures[stage.name] = submit(stage.name, setting, stage.urgency, wait_for=wait_for)
    return futures


def _collect(futures: Mapping[str, PrefectFuture[None]]) -> str:
    """Wait for every stage; say what failed and what was not run for that reason, nothing where all went well."""
    failed, waiting = [], []
    for name, future in futures.items():
        future.wait()
        if future.state.is_pending():  # Prefect's NotReady
            waiting.append(name)
        elif not future.state.is_completed():
            failed.append(name)
    below = f"; not run, because what they read from failed: {', '.join(waiting)}" if waiting else ""
    return f"failed: {', '.join(failed)}{below}" if failed else ""


def _check(setting: Setting) -> None:
    if CHECKED in os.environ:
        return
    lines: list[str] = []
    if setting.children.run([sys.executable, "-m", "artpipe", "check"], lines.append, setting.env, 600.0):
        raise RuntimeError("\n".join(lines))


def _environment() -> dict[str, str]:
    """Return what the stages see: our interpreter's commands are found, and which flow run they belong to is known."""
    search = os.environ.get("PATH", os.defpath).split(os.pathsep)
    if str(_BIN) not in search:
        search = [str(_BIN), *search]
    told = {"ARTPIPE_FLOW_RUN": str(flow_run.id or ""), "ARTPIPE_SYNC": "later"}  # the flow syncs once, at its end
    return {**os.environ, "PATH": os.pathsep.join(search), **told}
