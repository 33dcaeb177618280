"""In MLflow a run says what it is of, a model loads and paints, and a project may move."""

import base64
import io
import json
import os
import shutil
import sqlite3
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from artpipe.artifacts.checkpoint import CheckpointCard, save_checkpoint
from artpipe.artifacts.mlflow_run_ids import load_mlflow_run_ids
from artpipe.artifacts.report import SavedExhibit, load_report, save_report
from artpipe.artifacts.run import RunRecord, save_run
from artpipe.artifacts.shards import Spec
from artpipe.errors import UserError
from artpipe.evaluation.paint_pictures import paint_pictures
from artpipe.language.message import Message
from artpipe.system.processes import find_process
from artpipe.tracking.mlflow_locations import update_locations
from artpipe.tracking.mlflow_store import MlflowStore
from artpipe.tracking.mlflow_sync import sync
from artpipe.tracking.training_load import TrainingLoad
from artpipe.training.restore import build_learner, restore_learner
from tests.conftest import PARAMS, load_module

made = load_module(Path(__file__).with_name("test_mlflow_sync.py"))
root, empty_store = made.root, made.empty_store

pytestmark = pytest.mark.filterwarnings("ignore")  # mlflow's and sqlalchemy's own
ENTRY = {
    "kind": "vae", "dataset": "digits", "pretrained": "data/shards/digits", "feature_extractor": "gan",
    "steps": 20, "width": 4, "hidden": 8, "latent_dim": 3, "flow_width": 8,
}  # fmt: skip


def trained(root: Path, classes: tuple[str, ...] = ()) -> None:
    """A complete training whose checkpoint is a real one of a small vae, and an evaluation with its samples."""
    made.published(root)
    torch.manual_seed(0)
    spec = Spec(dataset="digits", channels=1, height=8, width=8, classes=classes, count=9)
    weights = build_learner("gan", ENTRY, spec).state_dict()
    card = CheckpointCard(
        name="gan", kind="vae", params=ENTRY, seed=1, shards="d" * 64, pretrained=None, spec=spec,
        steps={"final": 20, "best": 20}, selection=None, history=(), files={},
    )  # fmt: skip
    sha256 = save_checkpoint(root / "data/checkpoints/gan", card, {"final": weights, "best": weights})
    record = RunRecord.open(root / "data/runs/gan")
    save_run(root / "data/runs/gan", record.card.model_copy(update={"checkpoint": sha256}))
    made.judged(root, kid=0.2, verdict="healthy")
    report, _ = load_report(root / "data/reports/gan")
    sample = SavedExhibit(
        file="sample-000.png", kind="image", role="sample", caption=Message.of("a"), seed=1, sha256="0" * 64
    )
    save_report(root / "data/reports/gan", report.model_copy(update={"exhibits": (sample,)}))


def test_a_model_of_the_registry_paints(root, monkeypatch, tmp_path):
    """`load_model` gives what the checkpoint gives, bit for bit, where DVC and the project are not; nothing is pickled."""
    trained(root)
    sync(root)
    sync(root)
    store = MlflowStore(root)
    (version,) = store.client.search_model_versions("name='digits-gan'")
    import mlflow
    import pandas as pd

    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    learner, _, _ = restore_learner(root / "data/checkpoints/gan")
    wanted = paint_pictures(learner, [1, 7], [-1, -1])
    (root / "data").rename(root / "gone")
    loaded = mlflow.pyfunc.load_model(version.source)
    rows = loaded.predict(pd.DataFrame({"seed": [1, 7]}))
    assert [base64.b64decode(text) for text in rows["png_base64"]] == [png for _, png in wanted]
    with Image.open(io.BytesIO(wanted[0][1])) as picture:
        assert (picture.size, np.asarray(picture).std() > 0) == ((8, 8), True)
    assert loaded.metadata.signature.inputs.input_names() == ["seed", "label"]
    folder = Path(version.source.removeprefix("file://"))
    assert not [path for path in folder.rglob("*") if path.suffix in {".pkl", ".pickle", ".pt"}]
    assert [len(run.outputs.model_outputs) for run in made.runs_of(root, "artpipe.run_id")] == [1]


def test_a_label_is_a_class(root):
    """-1 takes each class in turn, as on the wall; a class that is none is refused."""
    trained(root, ("a", "b", "c"))
    learner, _, _ = restore_learner(root / "data/checkpoints/gan")
    assert [label for label, _ in paint_pictures(learner, [4, 5], [-1, 0])] == [1, 0]
    with pytest.raises(UserError, match="classes from 0 to 2"):
        paint_pictures(learner, [1], [3])


def test_the_list_of_runs_says_what_each_is_of(root):
    """Model, dataset, kind, verdict and two scores have a column each; who and by which command are MLflow's own."""
    trained(root)
    sync(root)
    tags = made.the_run(root).data.tags
    assert [tags[name] for name in ("model", "dataset", "kind", "verdict")] == ["gan", "digits", "gan", "fair"]
    assert tags["score"].startswith("kid 0.2 (0.18")
    assert tags["mlflow.source.name"] == "artpipe train gan"
    assert "mlflow.user" not in tags  # it was trained on another machine
    above = made.the_pipeline_run(root)
    assert above.info.run_name == "run of 1970-01-01 00:16: gan"
    assert above.data.metrics == {
        "trainings": 1, "passing": 1, "core_seconds": 50, "energy_wh": pytest.approx(0.173333), "deciding/gan": 0.2
    }  # fmt: skip
    client = MlflowStore(root).client
    assert client.get_experiment_by_name("digits").tags["mlflow.experimentKind"] == "custom_model_development"


def test_an_experiment_has_a_view_of_its_trainings(root):
    """MLflow's pages find it by its tag: the columns that runs have, no pipeline runs; a second sync leaves it as it is."""
    trained(root)
    sync(root)
    client = MlflowStore(root).client
    saved = client.get_experiment_by_name("digits").tags["mlflow.sharedViewState.artpipe"]
    view = json.loads(saved)
    state, run = json.loads(view["state"]), made.the_run(root)
    assert view["name"] == "artpipe"
    columns = [column.removeprefix("tags.`").removesuffix("`") for column in state["selectedColumns"]]
    assert columns == [
        "kind",
        "verdict",
        "score",
        "second score",
    ]  # a run's name is its model, the experiment its dataset
    assert set(columns[:3]) <= set(run.data.tags)
    store = MlflowStore(root)
    assert [one.info.run_id for one in store.search_runs(state["searchFilter"])] == [run.info.run_id]
    store.get_or_create_experiment("digits")
    assert client.get_experiment_by_name("digits").tags["mlflow.sharedViewState.artpipe"] == saved


def test_a_run_leads_to_its_page(root, monkeypatch):
    """A link where the gallery is served, the file else; the next sync brings it up to date, unless a person wrote there."""
    trained(root)
    monkeypatch.delenv("ARTPIPE_GALLERY_URL", raising=False)
    sync(root)
    assert "data/gallery/models/gan/index.html" in made.the_run(root).data.tags["mlflow.note.content"].replace("\\", "")
    monkeypatch.setenv("ARTPIPE_GALLERY_URL", "http://127.0.0.1:8000")
    sync(root)
    note = made.the_run(root).data.tags["mlflow.note.content"]
    assert note.endswith("[Its page in the gallery](http://127.0.0.1:8000/models/gan/index.html)")
    address = "gallery: {base_url: https://example.org/art, "
    (root / "params.yaml").write_text(PARAMS.replace("gallery: {", address))
    sync(root)
    note = made.the_run(root).data.tags["mlflow.note.content"]
    assert note.endswith("(https://example.org/art/models/gan/index.html)")
    run = made.the_run(root)
    assert list(load_mlflow_run_ids(root).values()) == [(run.info.experiment_id, run.info.run_id)]
    MlflowStore(root).client.set_tag(run.info.run_id, "mlflow.note.content", "Shown in spring.")
    monkeypatch.delenv("ARTPIPE_GALLERY_URL")
    sync(root)
    assert made.the_run(root).data.tags["mlflow.note.content"] == "Shown in spring."


@pytest.mark.parametrize("ids", ["0123456789abcdef", ["1"], ["1", "a/b"], ["1", 2], None])
def test_ids_of_another_form_lead_nowhere(tmp_path, ids):
    """As one from before there were experiments in it; the next sync writes the file anew."""
    (tmp_path / ".state/mlflow").mkdir(parents=True)
    (tmp_path / ".state/mlflow/run-ids.json").write_text(json.dumps({"a": ids, "b": ["1", "0f"]}))
    assert load_mlflow_run_ids(tmp_path) == {"b": ("1", "0f")}


def test_a_copied_project_writes_into_its_own_folder(root, tmp_path):
    """Its runs, models and versions lead into the copy; the original has no file more, and the model loads."""
    trained(root)
    sync(root)
    copy = tmp_path / "copy" / "of it"
    for folder in (".state", "data"):
        shutil.copytree(root / folder, copy / folder)
    before = sorted((root / ".state/mlflow/artifacts").rglob("*"))
    Image.new("L", (16, 16)).save(copy / "data/runs/gan/progress/step-00000020.png")
    record = RunRecord.open(root / "data/runs/gan").card
    save_run(copy / "data/runs/gan", record.model_copy(update={"run_id": "b" * 32}))
    sync(copy)
    assert sorted((root / ".state/mlflow/artifacts").rglob("*")) == before
    with sqlite3.connect(copy / ".state/mlflow/mlflow.db") as connection:
        text = "\n".join(connection.iterdump())
    assert f"{root.as_uri()}/.state" not in text
    (version,) = MlflowStore(copy).client.search_model_versions("name='digits-gan'")
    assert Path(version.source.removeprefix("file://").replace("%20", " "), "MLmodel").is_file()
    assert update_locations(copy / ".state/mlflow") == 0


def test_the_load_of_a_training_is_seen_from_outside():
    """Of this process: memory as Linux has it, a share of the cores; of one that has ended nothing."""
    load = TrainingLoad(os.getpid())
    _, first = load.sample()
    assert set(first) == {"system/process_memory_megabytes"}
    assert first["system/process_memory_megabytes"] > 10
    begun = time.process_time()
    while time.process_time() < begun + 0.05:  # the kernel counts in hundredths of a second
        pass
    second, values = load.sample()
    assert 0 < values["system/process_cpu_percentage"] <= 100
    assert second >= 0
    assert TrainingLoad(find_process(os.getpid()).pid + 4_000_000).sample() == (0, {})
