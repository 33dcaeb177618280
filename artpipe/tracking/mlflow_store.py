"""MLflow as a mirror for people: all of it is made from run records and reports.

A store is a sqlite file in `.state/mlflow`, or the server that MLFLOW_TRACKING_URI names. One MLflow run belongs to
one training (tag `artpipe.run_id`), so a resumed training, a follower and a later `artpipe sync` all find the same one.
"""

import json
import os
import re
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from artpipe.artifacts.integrity_note import write_integrity_note
from artpipe.artifacts.mlflow_run_ids import MlflowRunId
from artpipe.artifacts.paths import STATE
from artpipe.system.atomic_files import write_text
from artpipe.system.locks import hold_lock
from artpipe.system.sqlite_address import sqlite_url
from artpipe.tracking.mlflow_locations import update_locations
from artpipe.tracking.mlflow_rows import iterate_metrics, split_batches, to_milliseconds
from artpipe.tracking.mlflow_view import update_view
from artpipe.tracking.sync_result import SyncTally

RUN_ID, CARD, REPORT = "artpipe.run_id", "artpipe.run_record", "artpipe.report"
PROJECT, RECORD = "artpipe.project", "artpipe.record"
MODEL, IMAGES = "artpipe.model", "images"  # a tag, and the folder of pictures among a run's artifacts
PARENT = "mlflow.parentRunId"
_KIND, _TRAINING = "mlflow.experimentKind", "custom_model_development"  # else MLflow 3 opens it as one of agents
Status = Literal["RUNNING", "FINISHED", "KILLED"]
_BATCH_ROWS = 1000  # MLflow's own limit
_BATCH_PARAMS = 100  # likewise
_MAX_VALUE = 5000  # of a param or tag, under MLflow's 6000 and 8000
_PAGE_RUNS = 1000  # of one answer
_MAX_DIGEST = 36  # of a dataset, MLflow's own limit
_STEP = re.compile(r"step-(\d+)")
_ID = re.compile(r"[0-9a-f]{32}")
_QUIET_VARIABLES = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_ENABLE_ASYNC_LOGGING": "false",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",  # a lost server is noticed in seconds; what is missing comes later
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "GIT_PYTHON_REFRESH": "quiet",
}


@dataclass
class TrackedRun:
    """One MLflow run; its methods may be called again and add only what is new."""

    client: Any
    id: str
    experiment: str
    tags: Mapping[str, str]
    tally: SyncTally
    _values: dict[tuple[str, int], set[float]] = field(default_factory=dict)
    _params: set[str] = field(default_factory=set)
    _fetched: set[str] = field(default_factory=set)

    def log_params(self, params: Mapping[str, Any]) -> None:
        """Log params by name; a known name is left as it is."""
        from mlflow.entities import Param

        new_params = [Param(key, str(value)[:_MAX_VALUE]) for key, value in params.items() if key not in self._params]
        for batch in split_batches(new_params, _BATCH_PARAMS):
            self.client.log_batch(self.id, params=batch)
            self._params.update(param.key for param in batch)

    def log_tags(self, tags: Mapping[str, Any]) -> None:
        """Set tags; None is left out."""
        from mlflow.entities import RunTag

        run_tags = [RunTag(key, str(value)[:_MAX_VALUE]) for key, value in tags.items() if value is not None]
        self.client.log_batch(self.id, tags=run_tags)

    def delete_tags(self, names: Iterable[str]) -> None:
        """Delete tags that the run has."""
        for name in names:
            self.client.delete_tag(self.id, name)

    def log_rows(self, rows: Iterable[Mapping[str, Any]], *, even_logged: bool = False) -> None:
        """Log the losses and measures of journal rows with their recorded times.

        A value already logged at its step is left out, whatever its time: a resumed training repeats steps bit by bit. Another
        value at a logged step is a fact of its own (a return after divergence) and is logged beside it.
        """
        from mlflow.entities import Metric

        new_metrics: list[Any] = []
        for key, value, milliseconds, step in iterate_metrics(rows):
            logged = self._logged_values(key).setdefault((key, step), set())
            if even_logged or value not in logged:
                new_metrics.append(Metric(key, value, milliseconds, step))
        for batch in split_batches(new_metrics, _BATCH_ROWS):
            self.client.log_batch(self.id, metrics=batch)
            for metric in batch:
                self._values[metric.key, metric.step].add(metric.value)
            self.tally.rows += len(batch)

    def log_system(self, values: Mapping[str, float], second: int) -> None:
        """Log system metrics at a second of the training."""
        from mlflow.entities import Metric

        now = to_milliseconds(time.time())
        if values:
            self.client.log_batch(self.id, metrics=[Metric(key, value, now, second) for key, value in values.items()])

    def log_pictures(self, files: Sequence[Path]) -> None:
        """Log sample grids by the step in their name, for MLflow's step slider."""
        from PIL import Image

        logged_names = (
            {Path(entry.path).name for entry in self.client.list_artifacts(self.id, IMAGES)} if files else set()
        )
        for file in files:
            match = _STEP.search(file.name)
            if match is None or file.suffix != ".png":
                continue
            key, step = file.name[match.end() :].removesuffix(".png").strip("-") or "progress", int(match[1])
            if not any(name.startswith(f"{key}+step+{step}+") and name.endswith("webp") for name in logged_names):
                with Image.open(file) as image:
                    image.load()
                    self.client.log_image(self.id, image, key=key, step=step, synchronous=True)
                self.tally.pictures += 1

    def log_dataset(self, name: str, sha256: str, source: str, counts: Mapping[str, Any] | None = None) -> None:
        """Log what the training read as the run's input, with its hash.

        `counts` are those of its ingest.
        """
        from mlflow.entities import Dataset, DatasetInput, InputTag

        dataset = Dataset(
            name=name,
            digest=sha256[:_MAX_DIGEST],
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
            self.client.set_terminated(self.id, status, end_time=None if ended is None else to_milliseconds(ended))

    def _logged_values(self, key: str) -> dict[tuple[str, int], set[float]]:
        if key not in self._fetched:
            for metric in self.client.get_metric_history(self.id, key):
                self._values.setdefault((key, metric.step), set()).add(metric.value)
            self._fetched.add(key)
        return self._values


class MlflowStore:
    """The MLflow store of a project."""

    def __init__(self, root: Path = Path()) -> None:
        for name, value in _QUIET_VARIABLES.items():
            os.environ.setdefault(name, value)
        self._folder = (root / STATE / "mlflow").absolute()
        tracking_uri = os.environ.get("MLFLOW_TRACKING_URI")
        self.uri = tracking_uri or sqlite_url(self._folder / "mlflow.db")
        self._artifacts = None if tracking_uri else (self._folder / "artifacts").as_uri()
        if self._artifacts:  # MLflow writes it into SQL unquoted, and would write ./mlruns in a folder `it's`
            os.environ["_MLFLOW_SERVER_ARTIFACT_ROOT"] = self._artifacts
        self.tally = SyncTally()
        self.run_ids: dict[str, MlflowRunId] = {}  # MLflow's, by those of the trainings that were brought over
        self._experiments: dict[str, str] = {}  # ids by name
        with self.hold_store_lock():  # two first users at once would migrate an empty database twice, and one would die
            from mlflow import MlflowClient

            self.project = _read_project_id(root / STATE / "project-id")
            self.client = MlflowClient(self.uri)
            self.require_reachable()
            if self._artifacts:
                update_locations(self._folder)  # the project may have been moved or copied

    @property
    def artifacts(self) -> Path | None:
        """Return the folder of the artifacts; None where a server keeps them."""
        return self._folder / "artifacts" if self._artifacts else None

    def note_hashes(self) -> None:
        """Record the hashes of our own store, for `artpipe verify`."""
        if self._artifacts:
            pictures = sorted(path for path in (self._folder / "artifacts").rglob("*") if path.is_file())
            with self.hold_store_lock():
                write_integrity_note(self._folder, [self._folder / "mlflow.db", *pictures])

    def require_reachable(self) -> None:
        """Ask the store something cheap; raise what MLflow raises where it is away."""
        self.client.search_experiments(max_results=1)

    def get_or_create_run(self, run_id: str, dataset: str, name: str, started: float) -> TrackedRun:
        """Return the MLflow run of a training, created if there is none."""
        with self.hold_store_lock():
            experiment = self.get_or_create_experiment(dataset)  # one from before is given its kind
            tracked_run = self.find_run(run_id)
            if tracked_run is None:
                tags = {RUN_ID: run_id, PROJECT: self.project, "mlflow.runName": name}
                run = self.client.create_run(experiment, to_milliseconds(started), tags, name)
                tracked_run = self._make_tracked_run(run)
                self.tally.runs += 1
        self.run_ids[run_id] = MlflowRunId(tracked_run.experiment, tracked_run.id)
        return tracked_run

    def delete_files(self, address: str) -> int:
        """Delete all files at an artifact address; return how many entries it had."""
        from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

        repository = get_artifact_repository(address)
        entries = repository.list_artifacts()
        for entry in entries:
            repository.delete_artifacts(entry.path)
        return len(entries)

    def find_run(self, run_id: str) -> TrackedRun | None:
        """Return the MLflow run of a training, if there is one."""
        runs = list(self.search_runs(f"tags.`{RUN_ID}` = '{run_id}'"))
        return self._make_tracked_run(runs[0]) if runs else None

    def find_running(self) -> dict[str, TrackedRun]:
        """Return this project's runs with status RUNNING, by the id of their training."""
        runs = self.search_runs(f"attributes.status = 'RUNNING' and tags.`{PROJECT}` = '{self.project}'")
        return {run.data.tags[RUN_ID]: self._make_tracked_run(run) for run in runs if RUN_ID in run.data.tags}

    def _make_tracked_run(self, run: Any) -> TrackedRun:
        return TrackedRun(
            self.client,
            run.info.run_id,
            run.info.experiment_id,
            run.data.tags,
            self.tally,
            _params=set(run.data.params),
        )

    def search_runs(self, condition: str, *, even_deleted: bool = False) -> Iterator[Any]:
        """Yield the runs of all experiments that fulfil a condition."""
        from mlflow.entities import ViewType

        ids = [experiment.experiment_id for experiment in self.search_experiments(even_deleted=even_deleted)]
        view = ViewType.ALL if even_deleted else ViewType.ACTIVE_ONLY
        search, options = self.client.search_runs, {"filter_string": condition, "run_view_type": view}
        yield from self.search_pages(search, experiment_ids=ids, max_results=_PAGE_RUNS, **options)

    def search_experiments(self, *, even_deleted: bool = False) -> Iterator[Any]:
        """Yield all experiments."""
        from mlflow.entities import ViewType

        view = ViewType.ALL if even_deleted else ViewType.ACTIVE_ONLY
        yield from self.search_pages(self.client.search_experiments, view_type=view)

    @staticmethod
    def search_pages(search: Callable[..., Any], **options: Any) -> Iterator[Any]:
        """Yield what all pages of one of MLflow's searches have."""
        token = None
        while True:
            page = search(**options, page_token=token)
            yield from page
            token = page.token
            if not token:
                return

    def get_or_create_experiment(self, name: str) -> str:
        """Return the id of a dataset's experiment, which is shown as model training."""
        if name not in self._experiments:
            self._experiments[name] = self._find_or_create_experiment(name)
        return self._experiments[name]

    def _find_or_create_experiment(self, name: str) -> str:
        experiment = self.client.get_experiment_by_name(name)
        if experiment is None:
            experiment = self.client.get_experiment(self.client.create_experiment(name, self._artifacts))
        update_view(self.client, experiment)
        if experiment.tags.get(_KIND) != _TRAINING:
            self.client.set_experiment_tag(experiment.experiment_id, _KIND, _TRAINING)
        return str(experiment.experiment_id)

    def hold_store_lock(self) -> Any:
        """Hold the lock under which something is looked for and created."""
        return hold_lock(self._folder / "lock", wait_seconds=120.0, doing="setting up MLflow's store")


def _read_project_id(file: Path) -> str:
    """Return this project's id on a shared server, made at random at the first use."""
    project_id = file.read_text().strip() if file.is_file() else ""
    if not _ID.fullmatch(project_id):
        project_id = uuid.uuid4().hex
        write_text(file, f"{project_id}\n")
    return project_id
