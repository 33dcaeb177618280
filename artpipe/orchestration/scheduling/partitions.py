"""Ingest and preprocess of a large dataset in parts, all over a cluster; the stage itself then only joins what they found.

A part is help, and no more: what a part that failed did not answer, the stage works out by itself.
"""

import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE

from artpipe.artifacts import paths
from artpipe.config.params import load_params
from artpipe.errors import UserError
from artpipe.orchestration.reporting import console
from artpipe.orchestration.scheduling.dvc_graph import Stage, read_graph
from artpipe.orchestration.scheduling.run_context import Crew, Setting
from artpipe.orchestration.scheduling.task_runners import RUNNER
from artpipe.system.file_tree import weight

MEGABYTES = "ARTPIPE_PART_MEGABYTES"
_USUAL_MEGABYTES = 64.0  # of packed works: some ten seconds of decoding
_VERBS = ("ingest", "preprocess")


def part_megabytes() -> float:
    """Return the size of a part in megabytes of works, 0 for none: usual on a cluster, while threads share cores that a stage takes anyway.

    Raises:
        UserError: the environment says what is no size.
    """
    said = os.environ.get(MEGABYTES, "")
    if not said:
        return 0.0 if os.environ.get(RUNNER, "threads") == "threads" else _USUAL_MEGABYTES
    try:
        found = float(said)
    except ValueError:
        found = -1.0
    if not 0 <= found < float("inf"):
        raise UserError(f"{MEGABYTES} is {said!r}; it is a number of megabytes, or 0 for no parts")
    return found


def divider(slots: int, megabytes: float) -> Callable[[Stage], list[Stage]]:
    """Return what says in which parts a stage that may start now goes first; none where that is not worth it."""

    def divided(stage: Stage) -> list[Stage]:
        verb, _, name = stage.name.partition("@")
        if not megabytes or verb not in _VERBS:
            return []
        entry = load_params().dataset(name)
        place = Path(entry.path) if verb == "ingest" else paths.works(name)
        count = min(slots, int(weight(place) / megabytes / 1e6))
        if count < 2 or (verb == "ingest" and entry.ingest.max_works) or not _is_stale(stage):  # noqa: PLR2004
            return []
        return [replace(stage, name=f"{stage.name} {number}/{count}", part=True) for number in range(1, count + 1)]

    return divided


@task(task_run_name="{name}", cache_policy=NO_CACHE, retries=1)
def answer(name: str, setting: Setting) -> None:
    """Work out one part of a stage beforehand, as a child process on one core.

    Raises:
        RuntimeError: it failed.
        TimeoutError, StoppedError: see `Children.run`.
    """
    stage, _, part = name.partition(" ")
    verb, _, dataset = stage.partition("@")
    command = [sys.executable, "-m", "artpipe", verb, dataset, "--part", part]
    with console.timed(name):
        code = Crew.of(setting).children.run(command, get_run_logger().info, setting.env, setting.timeout_seconds)
        if code:
            raise RuntimeError(f"failed with exit code {code}; its stage does without it")


def _is_stale(stage: Stage) -> bool:
    """Ask again about what only lay below a stale stage: it may have turned out to be up to date."""
    return stage.stale or stage.force or stage.name in read_graph([stage.name]).changes
