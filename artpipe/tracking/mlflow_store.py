"""MLflow as a projection for people: everything in it can be made again from the run records and reports.

A store is a sqlite file in `.state/mlflow`, or the server that MLFLOW_TRACKING_URI names. One MLflow run belongs to
one training (tag `artpipe.run_id`), so a resumed training, a follower and a later `artpipe sync` all meet in it.
"""

import json
import math
import os
import re
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from artpipe.artifacts.integrity_note import write_integrity_note
from artpipe.artifacts.paths import STATE
from artpipe.system.atomic_files import write_text
from artpipe.system.locks import locked
from artpipe.system.sqlite_address import sqlite_url

RUN_ID, CARD, REPORT = "artpipe.run_id", "artpipe.run_record", "artpipe.report"
PROJECT, RECORD, PIPELINE = "artpipe.project", "artpipe.record", "artpipe.pipeline"
_PARENT, _NOTE = "mlflow.parentRunId", "mlflow.note.content"
Status = Literal["RUNNING", "FINISHED", "KILLED"]
_ROWS_A_BATCH = 1000  # MLflow's own limit
_PARAMS_A_BATCH = 100  # likewise
_LONGEST_VALUE = 5000  # of a param or tag, under MLflow's 6000 and 8000
_LONGEST_DIGEST = 36  # of a dataset, MLflow's own limit
_STEP = re.compile(r"step-(\d+)")
_ID = re.compile(r"[0-9a-f]{32}")
_QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_ENABLE_ASYNC_LOGGING": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",  # a lost server is found lost in seconds; what is missing comes later
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "GIT_PYTHON_REFRESH": "quiet",
}


@dataclass
class Tally:
    """What was newly written."""

    runs: int = 0
    rows: int = 0
    pictures: int = 0


@dataclass
class TrackedRun:
    """One MLflow run; every method may be called again with what was given before and adds only what is new."""

    client: Any
    id: str
    tags: Mapping[str, str]
    tally: Tally
    _seen: dict[tuple[str, int], set[float]] = field(default_factory=dict)
    _params: set[str] = field(default_factory=set)
    _fetched: set[str] = field(default_factory=set)

    def log_params(self, params: Mapping[str, Any]) -> None:
        """Log params by name; a known name is left as it is."""
        from mlflow.entities import Param

        fresh = [Param(key, str(value)[:_LONGEST_VALUE]) for key, value in params.items() if key not in self._params]
        for batch in _batches(fresh, _PARAMS_A_BATCH):
            self.client.log_batch(self.id, params=batch)
            self._params.update(param.key for param in batch)

    def log_tags(self, tags: Mapping[str, Any]) -> None:
        """Set tags; None is left out."""
        from mlflow.entities import RunTag

        told = [RunTag(key, str(value)[:_LONGEST_VALUE]) for key, value in tags.items() if value is not None]
        self.client.log_batch(self.id, tags=told)

    def log_rows(self, rows: Iterable[Mapping[str, Any]], *, even_known: bool = False) -> None:
        """Log the losses and measures of journal rows with their recorded times.

        A value known at its step is left out, whatever its time: a resumed training repeats steps bit by bit. Another
        value at a known step is a fact of its own (a return after divergence) and stands beside it.
        """
        from mlflow.entities import Metric

        fresh: list[Any] = []
        for key, value, milliseconds, step in _metrics(rows):
            known = self._known(key).setdefault((key, step), set())
            if even_known or value not in known:
                fresh.append(Metric(key, value, milliseconds, step))
        for batch in _batches(fresh, _ROWS_A_BATCH):
            self.client.log_batch(self.id, metrics=batch)
            for metric in batch:
                self._seen[metric.key, metric.step].add(metric.value)
            self.tally.rows += len(batch)

    def log_pictures(self, files: Sequence[Path]) -> None:
        """Log sample grids by the step in their name, for MLflow's step slider."""
        from PIL import Image

        known = {Path(entry.path).name for entry in self.client.list_artifacts(self.id, "images")} if files else set()
        for file in files:
            found = _STEP.search(file.name)
            if found is None or file.suffix != ".png":
                continue
            key, step = file.name[found.end() :].removesuffix(".png").strip("-") or "progress", int(found[1])
            if not any(name.startswith(f"{key}+step+{step}+") and name.endswith("webp") for name in known):
                with Image.open(file) as image:
                    image.load()
                    self.client.log_image(self.id, image, key=key, step=step, synchronous=True)
                self.tally.pictures += 1

    def log_dataset(self, name: str, sha256: str, source: str, counts: Mapping[str, Any] | None = None) -> None:
        """Log what the training read as the run's input, with its hash and the `counts` of what ingest made of it."""
        from mlflow.entities import Dataset, DatasetInput, InputTag

        dataset = Dataset(
            name=name,
            digest=sha256[:_LONGEST_DIGEST],
            source_type="local",
            source=json.dumps({"uri": source}),
            profile=json.dumps({"sha256": sha256, **(counts or {})}),
        )
        self.client.log_inputs(self.id, [DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])])

    def set_status(self, status: Status, ended: float | None = None) -> None:
        """Set the status; `ended` in seconds since the epoch."""
        if status == "RUNNING":
            self.client.update_run(self.id, status)
        else:
            self.client.set_terminated(self.id, status, end_time=None if ended is None else _milliseconds(ended))

    def _known(self, key: str) -> dict[tuple[str, int], set[float]]:
        if key not in self._fetched:
            for metric in self.client.get_metric_history(self.id, key):
                self._seen.setdefault((key, metric.step), set()).add(metric.value)
            self._fetched.add(key)
        return self._seen


class Store:
    """The MLflow store of a project."""

    def __init__(self, root: Path = Path()) -> None:
        for name, value in _QUIET.items():
            os.environ.setdefault(name, value)
        self._folder = (root / STATE / "mlflow").absolute()
        given = os.environ.get("MLFLOW_TRACKING_URI")
        self.uri = given or sqlite_url(self._folder / "mlflow.db")
        self._artifacts = None if given else (self._folder / "artifacts").as_uri()
        if self._artifacts:  # MLflow writes it into SQL unquoted, and would write ./mlruns in a folder `it's`
            os.environ["_MLFLOW_SERVER_ARTIFACT_ROOT"] = self._artifacts
        self.tally = Tally()
        self._groups: set[str] = set()  # ids of the pipeline runs whose trainings were told
        with self.alone():  # two first users at once would migrate an empty database twice, and one would die
            from mlflow import MlflowClient

            self.project = _project_id(root / STATE / "project-id")
            self.client = MlflowClient(self.uri)
            self.ask()

    def vouch(self) -> None:
        """Note what a store of our own holds, so that `artpipe verify` can tell what a disk did to it."""
        if self._artifacts:
            pictures = sorted(path for path in (self._folder / "artifacts").rglob("*") if path.is_file())
            with self.alone():
                write_integrity_note(self._folder, [self._folder / "mlflow.db", *pictures])

    def ask(self) -> None:
        """Ask the store something cheap; raises what MLflow raises where the store is away."""
        self.client.search_experiments(max_results=1)

    def run(self, run_id: str, dataset: str, name: str, started: float) -> TrackedRun:
        """Return the MLflow run of a training, made if there is none."""
        with self.alone():
            found = self.find(run_id)
            if found is None:
                tags = {RUN_ID: run_id, PROJECT: self.project, "mlflow.runName": name}
                made = self.client.create_run(self._experiment(dataset), _milliseconds(started), tags, name)
                found = self._tracked(made)
                self.tally.runs += 1
        return found

    def put_below(self, run: TrackedRun, flow_run: str, dataset: str, started: float) -> None:
        """Show a training below the pipeline run that it was part of; `started` is when that began."""
        group = run.tags.get(_PARENT) or self._group(flow_run, dataset, started)
        if _PARENT not in run.tags:
            run.log_tags({_PARENT: group})
        self._groups.add(group)

    def settle(self) -> None:
        """Bring the pipeline runs in line with their trainings: status, end, and a table of verdicts as description."""
        running = self._search(f"attributes.status = 'RUNNING' and tags.`{PROJECT}` = '{self.project}'")
        groups = self._groups | {run.info.run_id for run in running if PIPELINE in run.data.tags}
        for group in sorted(groups):
            below = sorted(self._search(f"tags.`{_PARENT}` = '{group}'"), key=lambda run: str(run.info.run_name))
            states = {run.info.status for run in below}
            status = next((state for state in ("RUNNING", "KILLED") if state in states), "FINISHED")
            ended = max((run.info.end_time or 0 for run in below), default=0) or None
            self._settled(group, status, None if status == "RUNNING" else ended, _verdicts(below))

    def _settled(self, group: str, status: str, ended: int | None, note: str) -> None:
        run = self.client.get_run(group)
        if run.data.tags.get(_NOTE) != note:
            self.client.set_tag(group, _NOTE, note)
        if status == "RUNNING" != run.info.status:
            self.client.update_run(group, status)
        elif status != "RUNNING" and (run.info.status, run.info.end_time) != (status, ended):
            self.client.set_terminated(group, status, end_time=ended)

    def _group(self, flow_run: str, dataset: str, started: float) -> str:
        """Return the id of the run that stands for a pipeline run in a dataset's experiment, made if there is none."""
        with self.alone():
            experiment = self._experiment(dataset)
            found = self.client.search_runs([experiment], f"tags.`{PIPELINE}` = '{flow_run}'", max_results=1)
            if not found:
                name = time.strftime("%Y-%m-%d %H:%M", time.gmtime(started))  # all that fits into the list
                tags = {PIPELINE: flow_run, PROJECT: self.project, "mlflow.runName": name}
                found = [self.client.create_run(experiment, _milliseconds(started), tags, name)]
        return str(found[0].info.run_id)

    def find(self, run_id: str) -> TrackedRun | None:
        """Return the MLflow run of a training, if there is one."""
        found = list(self._search(f"tags.`{RUN_ID}` = '{run_id}'"))
        return self._tracked(found[0]) if found else None

    def running(self) -> dict[str, TrackedRun]:
        """Return the runs of this project's folder that MLflow believes to be running, by the id of their training."""
        found = self._search(f"attributes.status = 'RUNNING' and tags.`{PROJECT}` = '{self.project}'")
        return {run.data.tags[RUN_ID]: self._tracked(run) for run in found if RUN_ID in run.data.tags}

    def _tracked(self, run: Any) -> TrackedRun:
        return TrackedRun(self.client, run.info.run_id, run.data.tags, self.tally, _params=set(run.data.params))

    def _search(self, condition: str) -> Iterator[Any]:
        everywhere = [experiment.experiment_id for experiment in self.client.search_experiments()]
        yield from self.client.search_runs(everywhere, condition, max_results=1000)

    def _experiment(self, name: str) -> str:
        found = self.client.get_experiment_by_name(name)
        return str(found.experiment_id if found else self.client.create_experiment(name, self._artifacts))

    def alone(self) -> Any:
        """Hold the lock under which something is looked for and made if it is not there."""
        return locked(self._folder / "lock", wait_seconds=120.0, doing="setting up MLflow's store")


def _project_id(file: Path) -> str:
    """Return what tells this project's folder from others on the same server; made at random at the first use."""
    known = file.read_text().strip() if file.is_file() else ""
    if not _ID.fullmatch(known):
        known = uuid.uuid4().hex
        write_text(file, f"{known}\n")
    return known


def _verdicts(runs: Iterable[Any]) -> str:
    """Return a table in Markdown, a training in each row."""
    rows = ["| model | verdict | decided by |", "|---|---|---|"]
    for run in runs:
        told = [run.data.tags.get(f"artpipe.verdict{part}", "") for part in ("", ".score", ".value")]
        rows.append(f"| {run.info.run_name} | {told[0] or run.info.status.lower()} | {told[1]} {told[2][:7]} |")
    return "\n".join(rows)


def _metrics(rows: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, float, int, int]]:
    for row in rows:
        for room in ("losses", "validation", "scores"):
            for name, value in row.get(room, {}).items():
                if isinstance(value, int | float) and math.isfinite(value):
                    yield f"{room}/{name}", float(value), _milliseconds(row["time"]), int(row["step"])


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)


def _batches(items: Sequence[Any], size: int) -> Iterator[list[Any]]:
    for start in range(0, len(items), size):
        yield list(items[start : start + size])
