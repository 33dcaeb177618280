"""Delete what MLflow has of trainings that learned from a work: all but numbers."""

import json
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from artpipe.config.params import read_yaml
from artpipe.system.atomic_files import remove_path
from artpipe.tracking.mlflow_registry import ABOUT, ORIGIN
from artpipe.tracking.mlflow_store import MODEL, PROJECT, RUN_ID, MlflowStore


def delete_learned(store: MlflowStore, models: Collection[str], datasets: Collection[str]) -> int:
    """Delete files, logged models and registered versions; return of how many runs.

    Params, metrics and tags of the runs stay. Those of models that left params.yaml count by their experiment, which is
    the dataset's; those that a person deleted in MLflow count too, since their files are still there.

    Args:
        store: MLflow's.
        models: names of models that learned from the work, directly or not.
        datasets: names of datasets that held it.
    """
    with store.hold_store_lock():
        runs = list(_find_runs(store, models, datasets))
        if not runs:
            return 0
        _delete_versions(store, runs)
        changed = [run for run in runs if _delete_models(store, run) + store.delete_files(run.info.artifact_uri)]
        if store.artifacts:
            _remove_model_folders(store.artifacts / "models", {run.info.run_id for run in runs})
    return len(changed)


def _find_runs(store: MlflowStore, models: Collection[str], datasets: Collection[str]) -> Iterator[Any]:
    names = {one.experiment_id: one.name for one in store.search_experiments(even_deleted=True)}
    for run in store.search_runs(f"tags.`{PROJECT}` = '{store.project}'", even_deleted=True):
        if names.get(run.info.experiment_id) in datasets or run.data.tags.get(MODEL) in models:
            yield run


def _delete_versions(store: MlflowStore, runs: Collection[Any]) -> None:
    """Delete the versions of runs, with their aliases, and what then is empty."""
    ids = {run.info.run_id for run in runs}
    trainings = {run.data.tags[RUN_ID] for run in runs if RUN_ID in run.data.tags}
    for model in store.search_pages(store.client.search_registered_models):
        if model.description != ABOUT:  # a shared server has other people's too
            continue
        search, condition = store.client.search_model_versions, f"name='{model.name}'"
        versions = list(store.search_pages(search, filter_string=condition))
        leaving = [one for one in versions if one.run_id in ids or _read_training(one) in trainings]
        for version in leaving:
            store.client.delete_model_version(model.name, version.version)
        if leaving and len(leaving) == len(versions):
            store.client.delete_registered_model(model.name)


def _read_training(version: Any) -> str:
    """Return the id of the training that a version is of; empty where none is known."""
    with suppress(ValueError, AttributeError):
        return str(json.loads(version.tags.get(ORIGIN, "")).get("run_id", ""))
    return ""


def _delete_models(store: MlflowStore, run: Any) -> int:
    """Delete the logged models of a run with their weights; return how many."""
    search, condition = store.client.search_logged_models, f"source_run_id = '{run.info.run_id}'"
    models = list(store.search_pages(search, experiment_ids=[run.info.experiment_id], filter_string=condition))
    for model in models:
        store.delete_files(model.artifact_location)
        store.client.delete_logged_model(model.model_id)
    return len(models)


def _remove_model_folders(models: Path, runs: Collection[str]) -> None:
    """Remove what is left of the logged models of runs in the project's own store.

    A model that a person deleted in MLflow still has its files.
    """
    for folder in models.glob("*"):
        described = folder / "artifacts/MLmodel"
        run_id = (read_yaml(described) or {}).get("run_id") if described.is_file() else None
        if run_id in runs or not any(folder.glob("artifacts/*")):
            remove_path(folder)
