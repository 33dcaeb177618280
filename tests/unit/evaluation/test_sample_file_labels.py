"""What `artpipe sample` writes is labelled and signed as params.yaml says."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image

from artpipe.artifacts import paths
from artpipe.artifacts.checkpoint import CheckpointCard, save_checkpoint
from artpipe.artifacts.shards import Spec
from artpipe.training.restore import build_learner

SPEC = Spec(dataset="squares", channels=3, height=16, width=16, classes=("red", "green"), count=0)
ENTRY = {
    "kind": "gan", "dataset": "squares", "pretrained": "", "feature_extractor": "", "generator_width": 16,
    "least_width": 8, "discriminator_width": 8,
}  # fmt: skip
GALLERY = "gallery: {{sections: [], title: Squares, labels: [{labels}], credentials: {credentials}}}"


@pytest.fixture
def studio(tmp_path, monkeypatch):
    """A project with the checkpoint of a gan; it returns a function that writes `gallery` of its params.yaml."""
    torch.manual_seed(0)
    learner = build_learner("forger", ENTRY, SPEC)
    card = CheckpointCard(
        name="forger", kind="gan", params=ENTRY, seed=1, shards="5" * 64, pretrained=None, code="c", spec=SPEC,
        steps={"final": 1, "best": 7}, selection=None, history=(), files={},
    )  # fmt: skip
    folder = tmp_path / paths.checkpoint("forger")
    folder.mkdir(parents=True)
    save_checkpoint(folder, card, {"best": learner.state_dict(), "final": learner.state_dict()})
    monkeypatch.chdir(tmp_path)

    def write(labels, credentials="on"):
        gallery = GALLERY.format(labels=labels, credentials=credentials)
        head = "format: 2\nseed: 1\nevaluation: {metrics: []}\ndatasets: {}\n"
        Path("params.yaml").write_text(f"{head}models:\n  forger: {json.dumps(ENTRY)}\n{gallery}\n")

    return write


def test_a_sample_says_how_it_was_made_and_verifies(studio, artpipe):
    """Label, recipe and credentials are in the file, and the recipe's command makes the same bytes; one byte more is a change."""
    studio("eu")
    code, _, err = artpipe("sample", "forger", "-n", "2", "--seed", "4")
    assert (code, err) == (0, "")
    files = [Path("data/samples/forger-seed-4.png"), *sorted(Path("data/samples/forger-seed-4").glob("*.png"))]
    code, out, _ = artpipe("credentials", "data/samples", "--json")
    rows = json.loads(out)
    assert (code, [row["state"] for row in rows]) == (0, ["whole"] * 3)
    facts = next(row for row in rows if row["file"].endswith("seed-5-label-1.png"))["facts"]
    assert (facts["model"], facts["seed"], facts["step"]) == ("forger", 5, 7)
    assert facts["dataset"] == {"name": "squares", "sha256": "5" * 64}
    for file in files:
        with Image.open(file) as image:
            assert "digitalsourcetype/trainedAlgorithmicMedia" in image.text["XML:com.adobe.xmp"]
            assert json.loads(image.text["artpipe-recipe"])["model"] == "forger"
    before = files[1].read_bytes()
    shutil.rmtree("data/samples")
    artpipe("sample", "forger", "-n", "1", "--seed", "4", "--label", "0")
    assert next(Path("data/samples/forger-seed-4").glob("*.png")).read_bytes() == before
    files[1].parent.mkdir(exist_ok=True)
    files[1].write_bytes(before.replace(b'"model"', b'"Model"'))
    assert artpipe("credentials", str(files[1]))[0] == 1


def test_china_has_its_mark_on_samples(studio, artpipe):
    """The picture is enlarged with a strip below it; the recipe is read from it, and the picture painted again is the same."""
    studio("cn", "off")
    artpipe("sample", "forger", "-n", "1", "--seed", "4")
    (file,) = Path("data/samples/forger-seed-4").glob("*.png")
    with Image.open(file) as image:
        assert image.width == 160
        assert image.height > image.width
        assert '"Label":"1"' in image.text["XML:com.adobe.xmp"].replace("&quot;", '"')
        assert "artpipe-recipe" in image.text
    assert not Path(".state/credentials/key.pem").exists()
    Path("saved.json").write_text(json.dumps({"model": "forger", "recipe": {"seed": 4}}))
    assert artpipe("sample", "forger", "--recipe", "saved.json", "--out", "again.png")[0] == 0
    with Image.open("again.png") as again, Image.open(file) as image:
        assert again.tobytes() == image.tobytes()


def test_without_labels_and_credentials_a_sample_has_its_recipe_alone(studio, artpipe):
    """No packet and no key."""
    studio("", "off")
    artpipe("sample", "forger", "-n", "1")
    (file,) = Path("data/samples/forger-seed-1").glob("*.png")
    with Image.open(file) as image:
        assert list(image.text) == ["artpipe-recipe"]
    assert not Path(".state/credentials").exists()
