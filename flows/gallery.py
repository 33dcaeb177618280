"""The flow from datasets to a gallery, and its tasks, for you to read and change.

`artpipe run` runs it now, and so does this file; prefect.yaml says when it runs by itself. DVC knows the graph and
what is stale in it; here each stage starts as soon as what it reads is ready.
"""

import os
import sys
from collections.abc import Callable, Sequence
from typing import Any, Literal

import artpipe.orchestration  # noqa: F401  # before Prefect is imported, because it has its settings

if __name__ == "__main__":
    from artpipe.__main__ import main

    main(["run", *sys.argv[1:]])  # ends this process

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.futures import PrefectFuture
from prefect.runtime import deployment, flow_run
from prefect.states import Cancelled

from artpipe.artifacts.paths import LAST_STAGE
from artpipe.orchestration.deployment.exclusive_run import begin_exclusive_run
from artpipe.orchestration.deployment.run_liveness import hold_run_lock
from artpipe.orchestration.reporting import console, prefect_artifacts
from artpipe.orchestration.scheduling import flow_setup, stage_run
from artpipe.orchestration.scheduling.dispatcher import Outcome, dispatch
from artpipe.orchestration.scheduling.dvc_graph import Stage
from artpipe.orchestration.scheduling.partitions import make_splitter, read_part_megabytes, run_part
from artpipe.orchestration.scheduling.run_context import RunSettings, max_parallel_trainings
from artpipe.orchestration.scheduling.run_failures import StagesFailedError
from artpipe.orchestration.scheduling.task_runners import choose_task_runner, runs_here
from artpipe.tracking.mlflow_sync_signature import is_synced

Start = Callable[[Stage, list[PrefectFuture[None]]], PrefectFuture[None]]


@task(task_run_name="{name}", cache_policy=NO_CACHE, retry_condition_fn=stage_run.is_retryable)
def reproduce(name: str, settings: RunSettings, *, force: bool = False) -> None:
    """Bring one stage up to date, with `force` make it again.

    It is tried again where it failed by what may be over soon, such as a lock.
    """
    stage_run.reproduce_stage(name, settings, force=force)


@task(cache_policy=NO_CACHE)
def sync(settings: RunSettings) -> None:
    """Bring MLflow up to date with the run records."""
    stage_run.sync_mlflow(settings)


@flow(name="dataset-to-gallery", task_runner=choose_task_runner(__name__))
def dataset_to_gallery(
    targets: list[str] | None = None,
    slots: int | None = None,
    stage_timeout_seconds: float = 86_400.0,
    *,
    gallery: bool = False,
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
        gallery: with targets, build the gallery from what there is then, whatever else is stale.
        dataset: instead of targets, all that is made from this dataset, and the gallery.
        force: make the targets (or what is made from the dataset, or everything) again, up to date or not.
        overlap: what a run of a deployment does while another one is at work.
        retries: how often a stage is tried again that failed by what passes (a lock, a server).
        retry_seconds: before the first of these; each further one waits three times as long.

    Raises:
        StagesFailedError: after all else was done, naming every stage that failed.
    """
    hold_run_lock(str(flow_run.id))
    if deployment.id and not begin_exclusive_run(wait=overlap == "wait"):
        return Cancelled(message="another run is at work")
    with flow_setup.prepare_run(slots, stage_timeout_seconds) as settings:
        stages = flow_setup.find_stages(targets, stage_timeout_seconds, gallery=gallery, dataset=dataset, force=force)
        outcome = _run_stages(stages, settings, [retry_seconds * 3**number for number in range(retries)])
    prefect_artifacts.publish_summary(undone={*outcome.failed, *outcome.not_run})
    if outcome.failed:
        raise StagesFailedError(outcome)
    return None


def _run_stages(stages: Sequence[Stage], settings: RunSettings, waits: list[float]) -> Outcome:
    """Run all stages, then bring MLflow up to date; return which failed."""
    console.print_stage_count(stages)
    tracks, syncs = os.environ.get("ARTPIPE_TRACKING") != "off", list[PrefectFuture[None]]()

    def start_sync() -> None:
        if tracks and runs_here():
            syncs.append(sync.submit(settings))

    start, split = _make_start(settings, waits, start_sync), make_splitter(settings.cores, read_part_megabytes())
    with flow_setup.watch_stages(stages, settings) as watch:
        outcome = dispatch(stages, start, settings.cores, max_parallel_trainings(settings), split, watch)
    for started in syncs:
        started.wait()
    if tracks and not (syncs and is_synced()):
        sync(settings)
    return outcome


def _make_start(settings: RunSettings, waits: list[float], start_sync: Callable[[], None]) -> Start:
    """Return a function that submits a stage as a task.

    With the gallery it begins what needs no gallery.

    Args:
        settings: of the run.
        waits: the seconds before each further try.
        start_sync: begins to bring MLflow up to date.
    """
    submit: Any = reproduce.with_options(
        retries=len(waits), retry_delay_seconds=waits
    ).submit  # of stubs without wait_for

    def start(stage: Stage, upstream: list[PrefectFuture[None]]) -> PrefectFuture[None]:
        if stage.is_share:
            part: PrefectFuture[None] = run_part.submit(stage.name, settings)
            return part
        if stage.name == LAST_STAGE:  # hung with named gaps
            start_sync()
            upstream = [future for future in upstream if future.state.is_completed()]
        started: PrefectFuture[None] = submit(stage.name, settings, force=stage.force, wait_for=upstream)
        return started

    return start
