"""The flow over DVC's graph: what is stale and what lies below it, each stage as soon as what it reads is ready."""

import contextvars
import os
import re
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any, Literal

from httpx import HTTPError
from prefect import flow, get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.futures import PrefectFuture
from prefect.runtime import deployment, flow_run
from prefect.settings import get_current_settings
from prefect.states import Cancelled

from artpipe.artifacts.paths import LAST_STAGE
from artpipe.config.params import load_params
from artpipe.errors import KILLED, plain
from artpipe.orchestration.deployment.exclusive_run import take_turn
from artpipe.orchestration.deployment.run_liveness import bury, hold
from artpipe.orchestration.reporting import console, prefect_artifacts
from artpipe.orchestration.scheduling.dispatcher import Outcome, dispatched, is_training
from artpipe.orchestration.scheduling.dvc_graph import BUSY, KNOWN_STAGES, Stage, mended, stale_stages
from artpipe.orchestration.scheduling.partitions import answer, divider, part_megabytes
from artpipe.orchestration.scheduling.run_context import Crew, Setting
from artpipe.orchestration.scheduling.task_runners import chosen, cores_of_runner
from artpipe.orchestration.services.ephemeral_server import SHORT
from artpipe.project.estimates import remember
from artpipe.storage.dvc_command import dvc_command, reason_of

CHECKED = "ARTPIPE_CHECKED"  # set by whoever has validated the project already
_BUSY_SECONDS = 5.0  # between two tries while another dvc holds what a stage needs: for that, DVC itself does not wait
_PASSES = 75  # what a stage ends with when the same command may work later: a lock, a server
_MISTAKE = 2  # what a stage ends with when the person has to change something first
_TOLD = "artpipe: "  # before the one line in which a stage says what is wrong
_SIGKILL = {-9, 137}  # as DVC says it, as a shell says it
_EXITED = re.compile(r"exited with (-?\d+)")  # DVC, of a stage's command; its own exit code says nothing
_BIN = Path(sys.executable).parent  # not resolved: the virtual environment's own folder


class StagesFailedError(Exception):
    """Some stages failed; the message names them all."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome)
        self._not_run = ", ".join(outcome.not_run)
        self._failed = ", ".join(outcome.failed)
        self._mistakes = [
            f"{name}: {error}" for name, error in outcome.failed.items() if isinstance(error, MistakeError)
        ]
        self.exit_code = _MISTAKE if len(self._mistakes) == len(outcome.failed) else 1
        self.undone = frozenset([*outcome.failed, *outcome.not_run])

    def __str__(self) -> str:
        """Return what failed, what was not run for that reason, and below it a line for each mistake."""
        below = f"; not run, because what they read from failed: {self._not_run}" if self._not_run else ""
        return "\n".join([f"failed: {self._failed}{below}", *self._mistakes])


class MistakeError(RuntimeError):
    """A stage failed by a mistake of the person; the message is the line in which it says so."""


class PassingError(RuntimeError):
    """A stage failed by what may have passed in a while: a lock somebody held, a server that was away."""


class Heard:
    """What a stage's output says beside what a person reads in it."""

    def __init__(self, name: str) -> None:
        self.ran = False  # else DVC found it up to date, or took it from its run cache
        self.busy = False
        self.code = 0  # of the stage's own command
        self._told = ""
        self._dvcs: list[str] = []  # what DVC itself gives as its reason
        self._name, self._logger, self._progress = name, get_run_logger(), prefect_artifacts.Progress(name)

    def line(self, line: str) -> None:
        """Take one line."""
        line = plain(line.expandtabs())  # it stays in Prefect's database
        self._logger.info(line)
        console.said(self._name, line)
        self._progress.heard(line)
        self.ran |= line.startswith("Running stage ")
        self.busy |= BUSY in line
        if line.startswith(_TOLD):
            self._told = line.removeprefix(_TOLD)
        if line.startswith("ERROR: "):
            self._dvcs.append(line)
        if found := _EXITED.search(line):
            self.code = int(found[1])

    def error(self, code: int) -> RuntimeError:
        """Return what a stage failed by whose `dvc` ended with `code`."""
        if self.code == _MISTAKE and self._told:
            return MistakeError(self._told)
        if self.code in _SIGKILL:
            return RuntimeError(KILLED)
        kind = PassingError if self.code == _PASSES else RuntimeError
        if not self.code and self._dvcs:  # it never came to the stage's own command
            return kind(f"dvc: {reason_of(self._dvcs[-1], code)}")
        return kind(f"failed with exit code {self.code or code}")


def _may_pass(_task: object, _run: object, state: State[Any]) -> bool:
    return isinstance(state.result(raise_on_failure=False), PassingError)


@task(task_run_name="{name}", cache_policy=NO_CACHE, retry_condition_fn=_may_pass)
def reproduce(name: str, setting: Setting, *, force: bool = False) -> None:
    """Bring one stage up to date (with `force` make it again) as a child process, its output in the run's log.

    Raises:
        PassingError: it failed by what passes; the task is tried again.
        MistakeError: it failed by a mistake of the person.
        RuntimeError: it failed otherwise.
        TimeoutError, StoppedError: see `Children.run`.
    """
    heard, context = Heard(name), contextvars.copy_context()  # the output is read by a thread that knows no task run
    words = ["--wait-for-lock", "repro", "--single-item", *(["--force"] if force else []), name]
    crew, alone = Crew.of(setting), nullcontext[Mapping[str, str]]({})
    with crew.devices.held(_ranks(name)) if is_training(name) else alone as seen, console.timed(name) as clock:
        env = {**setting.env, **seen}
        while True:
            heard.busy = False
            code = crew.children.run(
                dvc_command(*words), lambda line: context.run(heard.line, line), env, setting.timeout_seconds
            )
            if not (code and heard.busy and clock() < setting.timeout_seconds):
                break
            time.sleep(_BUSY_SECONDS)
        if code:
            raise heard.error(code)
    if heard.ran:
        remember(name, clock())
        prefect_artifacts.hung(name)


def _ranks(stage: str) -> int:
    """Return how many devices a training takes."""
    return int(str(load_params().models.get(stage.partition("@")[2], {}).get("ranks", 1)))


@task(cache_policy=NO_CACHE)
def sync(setting: Setting) -> None:
    """Bring MLflow up to date with the run records; it is a projection, so its failure fails nothing."""
    logger = get_run_logger()
    code = Crew.of(setting).children.run([sys.executable, "-m", "artpipe", "sync"], logger.info, setting.env, 600.0)
    if code:
        logger.warning("MLflow was not brought up to date (exit code %d); `artpipe sync` does it later", code)


@flow(name="dataset-to-gallery", task_runner=chosen())
def dataset_to_gallery(
    targets: list[str] | None = None,
    slots: int | None = None,
    stage_timeout_seconds: float = 86_400.0,
    *,
    hang: bool = False,
    dataset: str | None = None,
    force: bool = False,
    overlap: Literal["wait", "refuse"] = "wait",
    retries: int = 2,
    retry_seconds: float = 10.0,
) -> State[None] | None:
    """Bring what is stale up to date, each stage as soon as what it reads is ready.

    Args:
        targets: stages wanted, with all they need; None: everything.
        slots: stages at a time; None: one per core this process may use.
        stage_timeout_seconds: a stage that takes longer is ended and has failed.
        hang: with targets, hang the gallery over what there is then, whatever else is stale.
        dataset: instead of targets, all that is made from this dataset, and the gallery.
        force: make the targets (or what is made from the dataset, or everything) again, up to date or not.
        overlap: what a run of a deployment does while another one is at work.
        retries: how often a stage is tried again that failed by what passes (a lock, a server).
        retry_seconds: before the first of these; each further one waits three times as long.

    Raises:
        StagesFailedError: after all else was done, naming every stage that failed.
    """
    hold(str(flow_run.id))
    if deployment.id and not take_turn(wait=overlap == "wait"):
        return Cancelled(message="another run is at work")
    cores = slots or cores_of_runner()
    setting = Setting(str(flow_run.id), cores, _environment(), stage_timeout_seconds, _server_stays())
    ask = partial(stale_stages, targets, stage_timeout_seconds, hang=hang, dataset=dataset, force=force)
    outcome = _bring(ask, setting, [retry_seconds * 3**number for number in range(retries)])
    prefect_artifacts.summary(undone={*outcome.failed, *outcome.not_run})
    if outcome.failed:
        raise StagesFailedError(outcome)
    return None


def _bring(ask: Callable[[], list[Stage]], setting: Setting, waits: list[float]) -> Outcome:
    """Run what is asked for, and say what failed."""
    crew = Crew.of(setting)
    try:
        _check(setting)
        console.mended(_buried())
        if (stages := KNOWN_STAGES.get()) is None:
            console.mended(mended())
            stages = ask()
        console.planned(stages)
        divided = divider(setting.cores, part_megabytes())
        trainings = min(setting.cores, crew.devices.count)
        outcome = dispatched(stages, _starter(setting, waits), setting.cores, trainings, divided)
        if os.environ.get("ARTPIPE_TRACKING") != "off":
            sync(setting)
    except BaseException:
        crew.stop()  # else the threads that wait for them would hold the interpreter
        raise
    return outcome


def _starter(setting: Setting, waits: list[float]) -> Callable[[Stage, list[PrefectFuture[None]]], PrefectFuture[None]]:
    submit: Any = reproduce.with_options(
        retries=len(waits), retry_delay_seconds=waits
    ).submit  # of stubs without wait_for

    def start(stage: Stage, upstream: list[PrefectFuture[None]]) -> PrefectFuture[None]:
        if stage.part:
            part: PrefectFuture[None] = answer.submit(stage.name, setting)
            return part
        if stage.name == LAST_STAGE:  # hung with named gaps
            upstream = [future for future in upstream if future.state.is_completed()]
        started: PrefectFuture[None] = submit(stage.name, setting, force=stage.force, wait_for=upstream)
        return started

    return start


def _check(setting: Setting) -> None:
    if CHECKED in os.environ:
        return
    lines: list[str] = []
    if Crew.of(setting).children.run([sys.executable, "-m", "artpipe", "check"], lines.append, setting.env, 600.0):
        raise RuntimeError("\n".join(lines))


def _buried() -> list[str]:
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
