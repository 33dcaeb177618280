"""Run one stage by `dvc repro` in a child process and read its output."""

import contextvars
import re
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

from prefect import get_run_logger
from prefect.client.schemas.objects import State

from artpipe.artifacts import paths
from artpipe.config.params import load_params
from artpipe.errors import SIGKILL_MESSAGE, ArtpipeError
from artpipe.orchestration.reporting import console, openlineage_events, prefect_artifacts
from artpipe.orchestration.scheduling.dvc_graph import PARAMS_SECTIONS
from artpipe.orchestration.scheduling.run_context import RunContext, RunSettings
from artpipe.orchestration.scheduling.run_failures import MISTAKE, MistakeError, RetryableError
from artpipe.orchestration.scheduling.stage_costs import is_training
from artpipe.storage.dvc_busy import describe_busy, is_busy
from artpipe.storage.dvc_command import dvc_command, extract_dvc_reason
from artpipe.system.plain_text import to_printable
from artpipe.tracking.follower_requests import ask_follower
from artpipe.tracking.promotion import promote_first

_SYNC_SECONDS = 600.0  # against a server that neither answers nor refuses
_BUSY_SECONDS = 5.0  # between two tries while another dvc uses a path; DVC itself does not wait for that
_RETRYABLE = 75  # exit code of a stage that may work later: a lock, a server
_MESSAGE_PREFIX = "artpipe: "  # of the line in which a stage explains its failure
_SIGKILL = {-9, 137}  # in DVC's words, in a shell's
_NOT_FOUND = "ERROR: Stage '{}' not found inside 'dvc.yaml' file"  # DVC's StageNotFound; nothing was started then
_EXIT_CODE = re.compile(
    r"exited with (-?\d+)"
)  # in DVC's message on a stage's command; DVC's own exit code is always the same


class StageOutput:
    """Reads a stage's output: logs and prints it, and finds out why the stage failed."""

    def __init__(self, name: str, on_step: Callable[[str, int, int], None]) -> None:
        self.ran = False  # else DVC found it up to date, or took it from its run cache
        self.is_unknown = False  # DVC found no stage of the name
        self._busy_lines: list[str] = []
        self.code = 0  # of the stage's own command
        self._message = self._notice = ""
        self._dvc_errors: list[str] = []  # what DVC itself gives as its reason
        self._name, self._logger = name, get_run_logger()
        self._progress = prefect_artifacts.ProgressArtifact(name, on_step)

    def read_line(self, line: str) -> None:
        """Read one line.

        DVC's complaint that another dvc uses a path is its last word: `wait_for_other` tells of it.
        """
        line = to_printable(line.expandtabs())  # stored in Prefect's database
        if self._busy_lines or is_busy(line):
            self._busy_lines.append(line)
            return
        if not self.ran and line == _NOT_FOUND.format(self._name):  # said in our words, or as the reason of the failure
            self.is_unknown = True
            self._dvc_errors.append(line)
            return
        self._logger.info(line)
        console.print_output_line(self._name, line)
        self._progress.read_line(line)
        self.ran |= line.startswith("Running stage ")
        if line.startswith(_MESSAGE_PREFIX):
            self._message = line.removeprefix(_MESSAGE_PREFIX)
        if line.startswith("ERROR: "):
            self._dvc_errors.append(line)
        if match := _EXIT_CODE.search(line):
            self.code = int(match[1])

    @property
    def busy(self) -> bool:
        """Return whether DVC gave up because another dvc uses a path."""
        return bool(self._busy_lines)

    def wait_for_other(self) -> None:
        """Say once by whom a path is used, wait a moment, and be ready for another try."""
        notice = f"{describe_busy(chr(10).join(self._busy_lines))}; waiting"
        if notice != self._notice:
            self._notice = notice
            self._logger.info(notice)
            console.print_output_line(self._name, notice)
        self._busy_lines.clear()
        time.sleep(_BUSY_SECONDS)

    def make_error(self, code: int) -> RuntimeError:
        """Return the error of a stage whose `dvc` ended with `code`."""
        if self.busy:
            return RetryableError(describe_busy("\n".join(self._busy_lines)))
        if self.code == MISTAKE and self._message:
            return MistakeError(self._message)
        if self.code in _SIGKILL:
            return RuntimeError(SIGKILL_MESSAGE)
        kind = RetryableError if self.code == _RETRYABLE else RuntimeError
        if not self.code and self._dvc_errors:  # the stage's own command did not start
            return kind(f"dvc: {extract_dvc_reason(self._dvc_errors[-1], code)}")
        return kind(f"failed with exit code {self.code or code}")


def is_retryable(_task: object, _run: object, state: State[Any]) -> bool:
    """Return whether a task failed by what may be over soon, and is tried again."""
    return isinstance(state.result(raise_on_failure=False), RetryableError)


def reproduce_stage(name: str, settings: RunSettings, *, force: bool = False) -> None:
    """Bring one stage up to date in a child process, its output in the run's log.

    With `force` it is made again even if it is up to date.

    Raises:
        RetryableError: it failed by what may be over soon; the task is tried again.
        MistakeError: it failed by a mistake of the person.
        RuntimeError: it failed otherwise.
        TimeoutError, StoppedError: see `ChildProcesses.run`.
    """
    run_context, no_device = RunContext.for_run(settings), nullcontext[Mapping[str, str]]({})
    output = StageOutput(name, run_context.on_step)
    caller = contextvars.copy_context()  # the thread that reads the output knows no task run
    arguments = ["--wait-for-lock", "repro", "--single-item", *(["--force"] if force else []), name]
    if name == paths.LAST_STAGE:
        for folder in (paths.record(""), paths.run(""), paths.report("")):
            folder.mkdir(parents=True, exist_ok=True)  # DVC wants them even where nothing is in them yet
        with suppress(ArtpipeError):  # what is wrong with champions.json the stage says itself
            for line in promote_first():  # before the gallery reads who they are
                output.read_line(line)
    with (
        run_context.devices.acquire(_count_devices(name)) if is_training(name) else no_device as device_variables,
        console.time_stage(name) as clock,
        openlineage_events.report_stage(name, settings.run),
    ):
        env = {**settings.env, **device_variables}
        while True:
            code = run_context.children.run(
                dvc_command(*arguments), lambda line: caller.run(output.read_line, line), env, settings.timeout_seconds
            )
            if not (code and output.busy and clock() < settings.timeout_seconds):
                break
            output.wait_for_other()
        if code and not _is_left_out(name, output):
            raise output.make_error(code)
    if output.ran:
        prefect_artifacts.publish_works(name)


def _is_left_out(name: str, output: StageOutput) -> bool:
    """Return whether a stage was removed, so that DVC found none; say so.

    What failed by itself has failed, removed or not.
    """
    if not (output.is_unknown and is_removed(name)):
        return False
    output.read_line("removed from params.yaml since the run began; left out")
    return True


def is_removed(stage: str) -> bool:
    """Return whether a stage's entry has left params.yaml.

    `artpipe model remove` and `artpipe dataset remove` may take it from a run that has not come to it.
    """
    verb, _, name = stage.partition("@")
    if verb not in PARAMS_SECTIONS:
        return False
    try:
        return name not in getattr(load_params(), PARAMS_SECTIONS[verb])
    except ArtpipeError:  # it is being changed by hand; the stage failed for that, or for its own reasons
        return False


def sync_mlflow(settings: RunSettings) -> None:
    """Bring MLflow up to date with the run records.

    The process that followed the trainings does it if it is still there, else a new one. MLflow only mirrors the records,
    so an error here fails nothing.
    """
    logger = get_run_logger()
    if answer := ask_follower(Path(), _SYNC_SECONDS):
        logger.info(answer.message)
        is_done = answer.done
    else:
        command = [sys.executable, "-m", "artpipe", "sync"]
        is_done = not RunContext.for_run(settings).children.run(command, logger.info, settings.env, _SYNC_SECONDS)
    if not is_done:
        logger.warning("MLflow was not brought up to date; `artpipe sync` does it later")


def _count_devices(stage: str) -> int:
    """Return how many devices a training takes."""
    return int(str(load_params().models.get(stage.partition("@")[2], {}).get("ranks", 1)))
