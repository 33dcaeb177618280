"""What learned from a work goes from MLflow by its bytes, whoever deleted what before; the numbers stay."""

from pathlib import Path

import pytest

from artpipe.tracking import mlflow_store
from artpipe.tracking.mlflow_removal import delete_learned
from artpipe.tracking.mlflow_store import MODEL, PROJECT, MlflowStore
from artpipe.tracking.mlflow_sync import sync
from tests.conftest import load_module

trainings = load_module(Path(__file__).with_name("test_mlflow_models.py"))
made, root, empty_store = trainings.made, trainings.made.root, trainings.made.empty_store

pytestmark = pytest.mark.filterwarnings("ignore")  # mlflow's and sqlalchemy's own
ARTIFACTS = Path(".state/mlflow/artifacts")


def synced(root: Path) -> MlflowStore:
    """A training with pictures, a logged model, a version and its alias, and files of a person's own."""
    trainings.trained(root)
    checkpoint = (root / "data/checkpoints/gan/checkpoint.json.sha256").read_text().split()[0]
    made.crowned(root, checkpoint)
    sync(root)
    store = MlflowStore(root)
    run = made.the_run(root).info.run_id
    store.client.log_text(run, "<p>zorblax</p>", "pages/work.html")
    store.client.log_text(run, "zorblax", "table.json")
    return store


def list_files(root: Path) -> list[str]:
    """Return the suffixes of what is left among the artifacts."""
    return sorted({path.suffix for path in (root / ARTIFACTS).rglob("*") if path.is_file()})


@pytest.mark.parametrize("deleted_before", [False, True])
def test_weights_files_version_and_alias_go_and_numbers_stay(root, deleted_before):
    """Also what a person deleted on MLflow's pages: its files are still there."""
    store = synced(root)
    assert {".webp", ".png", ".safetensors", ".html", ".json"} <= set(list_files(root))
    run, metrics = made.the_run(root), made.rows(root)
    if deleted_before:
        (model,) = store.client.search_logged_models([run.info.experiment_id])
        store.client.delete_logged_model(model.model_id)
        store.client.delete_run(run.info.run_id)
    assert delete_learned(store, ["gan"], []) == 1
    assert list_files(root) == []
    assert list((root / ARTIFACTS / "models").iterdir()) == []
    assert list(store.client.search_registered_models()) == []
    assert list(store.client.search_logged_models([run.info.experiment_id])) == []
    assert (made.rows(root), store.client.get_run(run.info.run_id).data.params) == (metrics, run.data.params)
    assert delete_learned(store, ["gan"], []) == 0


def test_a_model_that_left_params_yaml_counts_by_its_dataset(root):
    """Its experiment is the dataset's; another dataset's trainings keep everything."""
    store = synced(root)
    before = list_files(root)
    assert delete_learned(store, ["vae"], ["letters"]) == 0
    assert list_files(root) == before
    assert made.versions(root) != {}
    delete_learned(store, [], ["digits"])
    assert list_files(root) == []


def test_all_pages_of_runs_are_asked_for(root, monkeypatch):
    """Whatever one answer holds at most."""
    monkeypatch.setattr(mlflow_store, "_PAGE_RUNS", 2)
    store = MlflowStore(root)
    experiment = store.client.create_experiment("digits", (root / ARTIFACTS).as_uri())
    for number in range(5):
        run = store.client.create_run(experiment, tags={PROJECT: store.project, MODEL: "gan"})
        store.client.log_text(run.info.run_id, "zorblax", f"{number}.txt")
    assert delete_learned(store, ["gan"], []) == 5
    assert list_files(root) == []
