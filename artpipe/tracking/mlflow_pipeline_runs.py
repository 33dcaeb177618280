"""The pipeline runs in MLflow, each above its trainings, with their sums."""

import time
from collections.abc import Callable, Sequence
from typing import Any

from artpipe.artifacts.report import PASSING
from artpipe.tracking.grade_table import format_grade_table
from artpipe.tracking.mlflow_rows import to_milliseconds
from artpipe.tracking.mlflow_store import PARENT, PROJECT, MlflowStore, TrackedRun
from artpipe.tracking.run_columns import KIND, MODEL_COLUMN, PIPELINE_KIND, SCORE, VERDICT

PIPELINE = "artpipe.pipeline"
_NOTE = "mlflow.note.content"
_MAX_NOTE = 7500  # characters of a table; longer tags are cut
_SOURCE = {"mlflow.source.name": "artpipe run", "mlflow.source.type": "LOCAL"}
_MAX_NAMES = 3  # of models in a name
_SUMMED = {"core_seconds": "artpipe.core_seconds", "energy_wh": "artpipe.energy_wh"}  # metric -> tag of trainings


class PipelineRuns:
    """The runs of a store that stand for pipeline runs."""

    def __init__(self, store: MlflowStore) -> None:
        self._store = store
        self._groups: set[str] = set()  # ids of those whose trainings were written

    def put_below(self, run: TrackedRun, flow_run: str, dataset: str, find_start: Callable[[], float]) -> None:
        """Put a training below its pipeline run.

        `find_start` tells when that began; it is called only where the pipeline run is new.
        """
        group = run.tags.get(PARENT) or self._get_or_create(flow_run, dataset, find_start)
        if PARENT not in run.tags:
            run.log_tags({PARENT: group})
        self._groups.add(group)

    def update(self) -> None:
        """Update the pipeline runs from their trainings."""
        running = self._store.search_runs(
            f"attributes.status = 'RUNNING' and tags.`{PROJECT}` = '{self._store.project}'"
        )
        for group in sorted(self._groups | {run.info.run_id for run in running if PIPELINE in run.data.tags}):
            trainings = sorted(
                self._store.search_runs(f"tags.`{PARENT}` = '{group}'"), key=lambda run: str(run.info.run_name)
            )
            self._update(group, trainings)

    def _update(self, group: str, trainings: Sequence[Any]) -> None:
        client = self._store.client
        run = client.get_run(group)
        states = {training.info.status for training in trainings}
        status = next((state for state in ("RUNNING", "KILLED") if state in states), "FINISHED")
        ended = max((training.info.end_time or 0 for training in trainings), default=0) or None
        if status == "RUNNING" != run.info.status:
            client.update_run(group, status)
        elif status != "RUNNING" and (run.info.status, run.info.end_time) != (status, ended):
            client.set_terminated(group, status, end_time=ended)
        tags = _describe(run, trainings) | {_NOTE: format_grade_table(trainings, _MAX_NOTE)}
        for name, value in tags.items():
            if run.data.tags.get(name) != value:
                client.set_tag(group, name, value)
        if run.data.tags.get(SCORE) == "":  # as an older artpipe wrote it: a tag of nothing on the run's page
            client.delete_tag(group, SCORE)
        for name, number in _sum_up(trainings).items():
            if run.data.metrics.get(name) != number:
                client.log_metric(group, name, number, timestamp=ended, step=0)

    def _get_or_create(self, flow_run: str, dataset: str, find_start: Callable[[], float]) -> str:
        """Return the id of a pipeline run's MLflow run, created if there is none."""
        store = self._store
        with store.hold_store_lock():
            experiment = store.get_or_create_experiment(dataset)
            runs = store.client.search_runs([experiment], f"tags.`{PIPELINE}` = '{flow_run}'", max_results=1)
            if not runs:
                started = find_start()
                name = _format_start(to_milliseconds(started))
                tags = {PIPELINE: flow_run, PROJECT: store.project, "mlflow.runName": name, "dataset": dataset}
                runs = [store.client.create_run(experiment, to_milliseconds(started), tags, name)]
        return str(runs[0].info.run_id)


def _describe(run: Any, trainings: Sequence[Any]) -> dict[str, str]:
    """Return name and columns of a pipeline run: its start, models, how many pass."""
    models = [str(training.info.run_name) for training in trainings]
    grades = [training.data.tags.get("artpipe.grade") for training in trainings]
    more = f" and {len(models) - _MAX_NAMES} more" if len(models) > _MAX_NAMES else ""
    verdict = f"{sum(grade in PASSING for grade in grades)} of {len(models)} fair or good"
    names = f"{', '.join(models[:_MAX_NAMES])}{more}"
    tags = _SOURCE | {"mlflow.runName": f"run of {_format_start(run.info.start_time)}: {names}", MODEL_COLUMN: names}
    users = {training.data.tags.get("mlflow.user") for training in trainings} - {None}
    return {
        **tags,
        KIND: PIPELINE_KIND,
        VERDICT: verdict,
        **({"mlflow.user": users.pop()} if users else {}),
    }


def _sum_up(trainings: Sequence[Any]) -> dict[str, float]:
    """Return the numbers of a pipeline run: trainings, costs, each deciding score."""
    tags = [training.data.tags for training in trainings]
    numbers = {
        "trainings": float(len(tags)),
        "passing": float(sum(one.get("artpipe.grade") in PASSING for one in tags)),
    }
    for name, tag in _SUMMED.items():
        numbers[name] = sum(float(one[tag]) for one in tags if tag in one)
    for training in trainings:
        if value := training.data.tags.get("artpipe.grade.value"):
            numbers[f"deciding/{training.info.run_name}"] = float(value)
    return numbers


def _format_start(milliseconds: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.gmtime(milliseconds / 1000))
