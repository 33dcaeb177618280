"""Ingest and preprocess a large dataset in parts, on all workers of a cluster.

The stage itself then only joins their results. The parts are optional: what a failed part did not compute, the stage
computes itself.
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
from artpipe.orchestration.scheduling.run_context import RunContext, RunSettings
from artpipe.orchestration.scheduling.task_runners import RUNNER
from artpipe.system.file_tree import total_bytes

MEGABYTES = "ARTPIPE_PART_MEGABYTES"
_CLUSTER_MEGABYTES = 64.0  # of packed works: decoded in some ten seconds
_VERBS = ("ingest", "preprocess")


def read_part_megabytes() -> float:
    """Return the size of a part in megabytes of works, 0 for no parts.

    A cluster has parts by default; threads have none, because they share the cores that a stage uses anyway.

    Raises:
        UserError: the environment variable is no size.
    """
    text = os.environ.get(MEGABYTES, "")
    if not text:
        return 0.0 if os.environ.get(RUNNER, "threads") == "threads" else _CLUSTER_MEGABYTES
    try:
        megabytes = float(text)
    except ValueError:
        megabytes = -1.0
    if not 0 <= megabytes < float("inf"):
        raise UserError(f"{MEGABYTES} is {text!r}; it is a number of megabytes, or 0 for no parts")
    return megabytes


def make_splitter(slots: int, megabytes: float) -> Callable[[Stage], list[Stage]]:
    """Return a function that splits a stage into parts; into none if too small."""

    def split(stage: Stage) -> list[Stage]:
        verb, _, name = stage.name.partition("@")
        if not megabytes or verb not in _VERBS:
            return []
        entry = load_params().dataset(name)
        folder = Path(entry.path) if verb == "ingest" else paths.works(name)
        count = min(slots, int(total_bytes(folder) / megabytes / 1e6))
        if count < 2 or (verb == "ingest" and entry.ingest.max_works) or not _is_stale(stage):  # noqa: PLR2004
            return []
        return [replace(stage, name=f"{stage.name} {number}/{count}", is_share=True) for number in range(1, count + 1)]

    return split


@task(task_run_name="{name}", cache_policy=NO_CACHE, retries=1)
def run_part(name: str, settings: RunSettings) -> None:
    """Compute one part of a stage beforehand, in a child process on one core.

    Raises:
        RuntimeError: it failed.
        TimeoutError, StoppedError: see `ChildProcesses.run`.
    """
    stage, _, part = name.partition(" ")
    verb, _, dataset = stage.partition("@")
    command = [sys.executable, "-m", "artpipe", verb, dataset, "--part", part]
    with console.time_stage(name):
        code = RunContext.for_run(settings).children.run(
            command, get_run_logger().info, settings.env, settings.timeout_seconds
        )
        if code:
            raise RuntimeError(f"failed with exit code {code}; its stage does without it")


def _is_stale(stage: Stage) -> bool:
    """Return whether a stage is stale now.

    One that only lay below a stale stage may have turned out to be up to date.
    """
    return stage.stale or stage.force or stage.name in read_graph([stage.name]).changes
