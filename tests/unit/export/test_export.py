"""A model that left says what it said in the project: as ONNX, as a folder for the Hub, as MLflow's; a dataset keeps its files."""

import contextlib
import importlib
import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from huggingface_hub import ModelCard
from PIL import Image

from artpipe import plugins
from artpipe.artifacts.checkpoint import CheckpointCard, save_checkpoint
from artpipe.artifacts.report import load_report, save_report
from artpipe.artifacts.run import RunRecord, save_run
from artpipe.artifacts.shards import Spec
from artpipe.artifacts.works import Works
from artpipe.contracts.exported_network import ExportedPainter
from artpipe.contracts.model import Prompt
from artpipe.contracts.plugin_info import model_info
from artpipe.errors import UserError
from artpipe.evaluation.apply_network import apply_network, open_picture_network
from artpipe.evaluation.paint_pictures import paint_pictures
from artpipe.export import onnx_folder
from artpipe.export.exported_model import load_exported_model
from artpipe.export.formats import export
from artpipe.export.standalone_code import write_standalone_code
from artpipe.numerics.pixels import to_bytes
from artpipe.training.exhibit_files import encode_content
from artpipe.training.restore import build_learner, restore_learner
from tests.conftest import load_module

SMALL = {
    "gan": {"latent_dim": 8, "generator_width": 8, "discriminator_width": 8, "least_width": 4},
    "vae": {"width": 4, "hidden": 8, "latent_dim": 3, "flow_width": 8},
    "flow": {
        "width": 8,
        "inner_width": 8,
        "inner_blocks": 2,
        "condition_dim": 8,
        "sampling_steps": 2,
        "solver": "heun",
    },
    "classifier": {"width": 4, "max_width": 8},
    "superres": {"width": 4, "blocks": 1},
    "faststyle": {"width": 4, "blocks": 1, "crop": 8},
}
PAINTERS = ("gan", "vae", "flow")
SPEC = Spec(dataset="shapes", channels=3, height=32, width=32, classes=("circle", "square"), count=9)


def save_small(root: Path, kind: str, **params: object) -> None:
    """A checkpoint of a small untrained model whose weights all matter."""
    pretrained = {"faststyle": "data/weights/vgg16"}.get(kind, "data/shards/shapes")
    entry = (
        {"kind": kind, "dataset": "shapes", "pretrained": pretrained, "feature_extractor": "gan"} | SMALL[kind] | params
    )
    torch.manual_seed(0)
    learner = build_learner("gan", entry, SPEC)
    weights = {
        key: value + 0.05 * torch.randn(value.shape) if value.is_floating_point() else value
        for key, value in learner.state_dict().items()
    }
    full = learner.params.model_dump(mode="json")
    card = CheckpointCard(
        name="gan", kind=kind, params=full, seed=1, shards="d" * 64, pretrained=None, spec=SPEC,
        steps={"final": 20, "best": 20}, selection=None, history=(), files={},
    )  # fmt: skip
    sha256 = save_checkpoint(root / "data/checkpoints/gan", card, {"final": weights, "best": weights})
    report, run = load_report(root / "data/reports/gan")[0], RunRecord.open(root / "data/runs/gan").card
    save_report(root / "data/reports/gan", report.model_copy(update={"checkpoint": sha256, "kind": kind}))
    save_run(root / "data/runs/gan", run.model_copy(update={"checkpoint": sha256}))


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A project with a dataset that was really ingested, and a report and run of a model `gan`."""
    publish = load_module(Path(__file__).parents[1] / "publishing" / "make_published.py")
    return publish.make_published(tmp_path_factory.mktemp("exported"))


def run_standalone(folder: Path, *arguments: str) -> str:
    """Run `modeling.py` where artpipe cannot be imported."""
    code = (
        "import sys, runpy; sys.modules['artpipe'] = None; sys.argv = sys.argv[1:]; sys.path.insert(0, '');"
        "runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    command = [sys.executable, "-I", "-c", code, "modeling.py", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("kind", SMALL)
def test_an_exported_network_computes_what_the_learner_does(root, kind):
    """The network of tensors alone gives the learner's own result, for each kind."""
    save_small(root, kind)
    learner, _, _ = restore_learner(root / "data/checkpoints/gan")
    network = load_exported_model(root, "gan", "onnx").network
    inputs = network.example_inputs(3)
    with torch.no_grad():
        found = network(**inputs)
        if isinstance(network, ExportedPainter):
            expected = learner.sample(Prompt([1, 2, 3]))
        elif kind == "classifier":
            expected = learner.logits(inputs["images"])
        elif kind == "superres":
            expected = learner.enlarge(inputs["images"])
        else:
            expected = learner.paint(inputs["images"], inputs["mix"])
    assert expected.std() > 0.01
    torch.testing.assert_close(found, expected, atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize("changed", [{"architecture": "dcgan"}, {"conditional": False}])
def test_a_gan_without_labels_leaves_too(root, changed):
    """A GAN that heeds no label is asked with noise alone."""
    save_small(root, "gan", **changed)
    learner, _, _ = restore_learner(root / "data/checkpoints/gan")
    network = load_exported_model(root, "gan", "onnx").network
    assert list(network.example_inputs(1)) == ["noise"]
    torch.testing.assert_close(
        network(**network.example_inputs(2)), learner.sample(Prompt([1, 2])), atol=2e-5, rtol=1e-4
    )


def test_each_kind_has_a_network_or_says_why_not():
    """Each kind names a class that is there, or a reason of its own."""
    for kind in plugins.list_plugins("models"):
        leaving = model_info(kind).export
        if leaving.network:
            module, _, name = leaving.network.partition(":")
            assert hasattr(importlib.import_module(module), name), kind
        else:
            assert leaving.reason != type(leaving)().reason, kind


@pytest.mark.parametrize("kind", ["gan", *(pytest.param(kind, marks=pytest.mark.nightly) for kind in ("vae", "flow"))])
def test_modeling_py_paints_without_artpipe_what_sample_paints(root, tmp_path, kind):
    """The same seed gives the same picture, to one level of 255, where artpipe cannot be imported."""
    save_small(root, kind)
    written = export("gan", "huggingface", tmp_path / "left", root)
    assert written.to_text().endswith("run it with `python modeling.py --seed 1`")
    assert written.to_json()["files"] == ["README.md", "config.json", "model.safetensors", "modeling.py"]
    run_standalone(tmp_path / "left", "--seed", "3", "--out", "picture.png")
    learner, _, _ = restore_learner(root / "data/checkpoints/gan")
    (tmp_path / "own.png").write_bytes(paint_pictures(learner, [3], [-1])[0][1])
    pictures = [
        np.asarray(Image.open(path)).astype(int) for path in (tmp_path / "left/picture.png", tmp_path / "own.png")
    ]
    assert abs(pictures[0] - pictures[1]).max() <= 1
    assert pictures[1].std() > 1
    card = ModelCard.load(tmp_path / "left/README.md")
    assert card.data.library_name == "artpipe"
    assert "## Use without artpipe" in card.text


@pytest.mark.nightly
def test_modeling_py_reads_a_picture_without_artpipe(root, tmp_path):
    """A classifier that left names the classes of a picture file, with the chances it gives in the project."""
    save_small(root, "classifier")
    export("gan", "huggingface", tmp_path / "left", root)
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "left/p.png")
    learner, _, _ = restore_learner(root / "data/checkpoints/gan")
    images = torch.from_numpy(pixels).permute(2, 0, 1)[None] / 127.5 - 1
    chances = dict(zip(SPEC.classes, learner.logits(images).softmax(1)[0].tolist(), strict=True))
    said = [line.split() for line in run_standalone(tmp_path / "left", "p.png").splitlines()]
    assert {name: float(chance) for chance, name in said} == pytest.approx(chances, abs=2e-4)


def test_modeling_py_mentions_nothing_that_it_does_not_hold(root, tmp_path):
    """Of every kind the written file has all names that it uses, and no import of artpipe."""
    for kind in SMALL:
        save_small(root, kind)
        export("gan", "huggingface", tmp_path / kind, root)
        written = (tmp_path / kind / "modeling.py").read_text()
        assert "import artpipe" not in written
        assert "from artpipe" not in written
    ruff = [
        sys.executable,
        "-m",
        "ruff",
        "check",
        "--isolated",
        "--select",
        "F",
        *map(str, tmp_path.glob("*/modeling.py")),
    ]
    done = subprocess.run(ruff, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_two_definitions_of_one_name_are_refused():
    """One file cannot hold two definitions of one name; the message has both places."""
    entries = [("artpipe.nn.flow_matching.unet", "_groups"), ("artpipe.models.classifier", "_groups")]
    with pytest.raises(UserError, match=r"`_groups` is defined in artpipe\.nn\.flow_matching\.unet too"):
        write_standalone_code(entries, "", "")


@pytest.mark.nightly  # the exporter alone is imported for 8 core-seconds
@pytest.mark.filterwarnings("ignore")  # torch's own
def test_onnx_computes_what_torch_does(root, tmp_path):
    """onnxruntime paints what torch paints, of as many rows as are asked for, and the file says how pictures are prepared."""
    import onnx
    import onnxruntime

    save_small(root, "gan")
    assert "differ by" in export("gan", "onnx", tmp_path / "left", root).note
    model = onnx.load(tmp_path / "left/model.onnx")
    onnx.checker.check_model(model, full_check=True)
    assert [one.version for one in model.opset_import if not one.domain] == [18]
    said = json.loads(next(one.value for one in model.metadata_props if one.key == "artpipe"))
    assert said == json.loads((tmp_path / "left/config.json").read_text())
    assert said["preprocessing"]["range"] == [-1, 1]
    assert said["id2label"] == {"0": "circle", "1": "square"}
    session = onnxruntime.InferenceSession(str(tmp_path / "left/model.onnx"), providers=["CPUExecutionProvider"])
    learner, _, _ = restore_learner(root / "data/checkpoints/gan")
    prompt = Prompt([5, 6, 7, 8], torch.tensor([1, 0, 1, 1]))
    found = session.run(None, {"noise": prompt.noise(8).numpy(), "labels": prompt.labels.numpy()})[0]
    np.testing.assert_allclose(found, learner.sample(prompt).numpy(), atol=1e-4)


@pytest.mark.nightly
@pytest.mark.filterwarnings("ignore")  # torch's own
@pytest.mark.parametrize("kind", ["vae", "flow", "classifier", "superres", "faststyle"])
def test_every_kind_leaves_as_onnx(root, tmp_path, kind):
    """The command itself compares onnxruntime with torch, and refuses what differs."""
    save_small(root, kind)
    assert "differ by" in export("gan", "onnx", tmp_path / "left", root).note


def test_onnx_that_computes_something_else_is_refused_and_not_written(root, tmp_path, monkeypatch):
    """A difference above the tolerance is one line, and nothing stays behind."""
    save_small(root, "gan")
    monkeypatch.setattr(onnx_folder, "_convert", lambda model, path: path.touch())
    monkeypatch.setattr(onnx_folder, "_compare", lambda model, path: onnx_folder._require_close("gan", 0.5))
    with pytest.raises(UserError, match=r"gan: onnxruntime and torch differ by 5\.0e-01, at most 1e-03 is expected"):
        export("gan", "onnx", tmp_path / "left", root)
    assert list(tmp_path.iterdir()) == []


def test_without_the_packages_one_line_says_what_to_install(root, tmp_path, monkeypatch):
    """Where onnx is not installed, the extra that brings it is named."""
    monkeypatch.setattr(onnx_folder, "find_spec", lambda name: None)
    with pytest.raises(
        UserError, match=r"--to onnx: onnx, onnxscript, onnxruntime not installed; `pip install 'artpipe\[export\]'`"
    ):
        export("gan", "onnx", tmp_path / "left", root)
    assert list(tmp_path.iterdir()) == []


def test_an_imagefolder_has_every_work_byte_for_byte(root, tmp_path):
    """Each work stands in its split with label, licence, creator and source; the card names them."""
    assert "in train" in export("shapes", "imagefolder", tmp_path / "left", root).note
    works = Works.open(root / "data/works/shapes")
    tables = {
        path.parent.name: [json.loads(line) for line in path.read_text().splitlines()]
        for path in tmp_path.glob("left/*/metadata.jsonl")
    }
    assert set(tables) == {"train", "validation", "test"}
    rows = {row["file_name"]: (split, row) for split, table in tables.items() for row in table}
    assert len(rows) == works.card.count
    for work, data in works.originals():
        split, row = rows[f"{work.sha256}.png"]
        assert (tmp_path / "left" / split / row["file_name"]).read_bytes() == data
        assert row["label"] == work.label
        assert row["text"] == "a shape"
        assert {"licence", "creator", "source", "title", "year"} < set(row)
    assert (tmp_path / "left/README.md").read_text().startswith("---\n")


def test_datasets_reads_the_imagefolder(root, tmp_path):
    """Where the package `datasets` is installed, it finds the splits and the columns."""
    datasets = pytest.importorskip("datasets")
    export("shapes", "imagefolder", tmp_path / "left", root)
    read = datasets.load_dataset("imagefolder", data_dir=str(tmp_path / "left"), cache_dir=str(tmp_path / "cache"))
    assert set(read) == {"train", "validation", "test"}
    assert {"image", "label", "licence"} <= set(read["train"].column_names)


@pytest.mark.nightly
@pytest.mark.filterwarnings("ignore")  # mlflow's own
def test_mlflow_loads_the_folder(root, tmp_path):
    """`mlflow.pyfunc.load_model` of the folder paints what the learner paints, far from the project."""
    import base64

    import mlflow
    import pandas as pd

    save_small(root, "vae")
    export("gan", "mlflow", tmp_path / "left", root)
    with contextlib.chdir(tmp_path):
        painted = mlflow.pyfunc.load_model("left").predict(pd.DataFrame({"seed": [4], "label": [-1]}))
    learner, _, _ = restore_learner(root / "data/checkpoints/gan")
    assert base64.b64decode(painted["png_base64"][0]) == paint_pictures(learner, [4], [-1])[0][1]


@pytest.mark.nightly
@pytest.mark.filterwarnings("ignore")  # mlflow's own
@pytest.mark.parametrize(("kind", "columns"), [("classifier", ["label", "probability"]), ("superres", ["png_base64"])])
def test_mlflow_loads_what_is_given_pictures(root, tmp_path, kind, columns):
    """A picture goes in, far from the project; a class or a picture comes out, and the example is one that it takes."""
    import mlflow

    save_small(root, kind)
    export("gan", "mlflow", tmp_path / "left", root)
    with contextlib.chdir(tmp_path):
        loaded = mlflow.pyfunc.load_model("left")
        rows = loaded.predict(loaded.input_example)
    assert list(rows.columns) == columns
    assert loaded.metadata.signature.outputs.input_names() == columns
    assert not [path for path in (tmp_path / "left").rglob("*") if path.suffix in {".pkl", ".pickle", ".pt"}]


def test_a_given_picture_is_classified_as_by_the_exported_network(root):
    """Bit for bit the same pixels, also where the picture has another size; what is no picture is one line."""
    save_small(root, "classifier")
    network = open_picture_network(root / "data/checkpoints/gan")
    oracle = load_exported_model(root, "gan", "onnx").network
    images = oracle.example_inputs(1)["images"].mul(127.5).round().div(127.5)
    png = encode_content(images[0])[1]
    (row,) = apply_network(network, [png])
    wanted = oracle(to_bytes(images).float() / 127.5 - 1).softmax(1)[0]
    assert row == {
        "label": oracle.classes[int(wanted.argmax())],
        "probability": pytest.approx(float(wanted.max()), abs=1e-6),
    }
    with Image.open(io.BytesIO(png)) as picture:
        larger = io.BytesIO()
        picture.resize((picture.width * 2, picture.height * 2)).save(larger, "PNG")
    assert set(apply_network(network, [larger.getvalue()])[0]) == {"label", "probability"}
    with pytest.raises(UserError, match="picture 1: no PNG, JPEG or WebP"):
        apply_network(network, [png, b"nothing"])


@pytest.mark.parametrize(
    ("name", "to", "expected"),
    [
        ("gan", "onxn", "--to onxn: one of onnx, huggingface, mlflow, imagefolder is expected, did you mean `onnx`?"),
        ("gn", "onnx", "gn: no model or dataset of params.yaml, did you mean `gan`?"),
        ("shapes", "onnx", "shapes: is one of the datasets; they are exported to imagefolder, not to onnx"),
        ("gan", "imagefolder", "gan: is one of the models; they are exported to onnx, huggingface, mlflow, not to imagefolder"),
    ],
)  # fmt: skip
def test_what_cannot_leave_is_one_line(root, tmp_path, name, to, expected):
    """Place, found, expected and the nearest name; nothing is written."""
    with pytest.raises(UserError) as raised:
        export(name, to, tmp_path / "left", root)
    assert str(raised.value) == expected
    assert list(tmp_path.iterdir()) == []


def test_a_kind_without_a_form_says_why(root, tmp_path):
    """An inpainter has no ONNX form, and no network that MLflow could give pictures."""
    SMALL["inpaint"] = {"width": 4, "levels": 1}
    save_small(root, "inpaint")
    with pytest.raises(UserError, match="gan: its kind, inpaint, cannot be exported to mlflow: it neither paints"):
        export("gan", "mlflow", tmp_path / "left", root)
    with pytest.raises(UserError, match="gan: its kind, inpaint, cannot be exported to onnx: its first guess"):
        export("gan", "onnx", tmp_path / "left", root)
    del SMALL["inpaint"]
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_holds_something_is_left_alone(root, tmp_path):
    """A folder with files, or a file, is refused before anything is made."""
    (tmp_path / "mine.txt").write_text("mine")
    for folder in (tmp_path, tmp_path / "mine.txt"):
        with pytest.raises(UserError, match="is there already; name a folder that is empty or not there yet"):
            export("shapes", "imagefolder", folder, root)
    assert (tmp_path / "mine.txt").read_text() == "mine"
