"""Run one stage as a child process: `dvc repro` of it alone, its output read line by line."""

import contextvars
import re
import sys
import time
from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any

from prefect import get_run_logger
from prefect.client.schemas.objects import State

from artpipe.artifacts import paths
from artpipe.config.params import load_params
from artpipe.errors import SIGKILL_MESSAGE
from artpipe.orchestration.reporting import console, prefect_artifacts
from artpipe.orchestration.scheduling.dispatcher import is_training
from artpipe.orchestration.scheduling.dvc_graph import BUSY
from artpipe.orchestration.scheduling.run_context import Crew, Setting
from artpipe.orchestration.scheduling.run_failures import MISTAKE, MistakeError, PassingError
from artpipe.project.estimates import remember
from artpipe.storage.dvc_command import dvc_command, reason_of
from artpipe.system.plain_text import plain

_BUSY_SECONDS = 5.0  # between two tries while another dvc holds what a stage needs: for that, DVC itself does not wait
_PASSES = 75  # what a stage ends with when the same command may work later: a lock, a server
_TOLD = "artpipe: "  # before the one line in which a stage says what is wrong
_SIGKILL = {-9, 137}  # as DVC says it, as a shell says it
_EXITED = re.compile(r"exited with (-?\d+)")  # DVC, of a stage's command; its own exit code says nothing


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
        if self.code == MISTAKE and self._told:
            return MistakeError(self._told)
        if self.code in _SIGKILL:
            return RuntimeError(SIGKILL_MESSAGE)
        kind = PassingError if self.code == _PASSES else RuntimeError
        if not self.code and self._dvcs:  # it never came to the stage's own command
            return kind(f"dvc: {reason_of(self._dvcs[-1], code)}")
        return kind(f"failed with exit code {self.code or code}")


def may_pass(_task: object, _run: object, state: State[Any]) -> bool:
    """Return whether a task failed by what passes, so that it is tried again."""
    return isinstance(state.result(raise_on_failure=False), PassingError)


def reproduce_stage(name: str, setting: Setting, *, force: bool = False) -> None:
    """Bring one stage up to date (with `force` make it again) as a child process, its output in the run's log.

    Raises:
        PassingError: it failed by what passes; the task is tried again.
        MistakeError: it failed by a mistake of the person.
        RuntimeError: it failed otherwise.
        TimeoutError, StoppedError: see `Children.run`.
    """
    heard, context = Heard(name), contextvars.copy_context()  # the output is read by a thread that knows no task run
    words = ["--wait-for-lock", "repro", "--single-item", *(["--force"] if force else []), name]
    if name == paths.LAST_STAGE:
        for folder in (
            paths.record(""),
            paths.run(""),
            paths.report(""),
        ):  # nothing may be in them yet; DVC misses them
            folder.mkdir(parents=True, exist_ok=True)
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


def sync_mlflow(setting: Setting) -> None:
    """Bring MLflow up to date with the run records; it is a projection, so its failure fails nothing."""
    logger = get_run_logger()
    code = Crew.of(setting).children.run([sys.executable, "-m", "artpipe", "sync"], logger.info, setting.env, 600.0)
    if code:
        logger.warning("MLflow was not brought up to date (exit code %d); `artpipe sync` does it later", code)


def _ranks(stage: str) -> int:
    """Return how many devices a training takes."""
    return int(str(load_params().models.get(stage.partition("@")[2], {}).get("ranks", 1)))
