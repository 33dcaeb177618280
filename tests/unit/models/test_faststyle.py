"""Fast style transfer: conditional instance norm at known values, styles and their mixes, state, and what hangs."""

import json
from pathlib import Path

import pytest
import torch

from artpipe import train
from artpipe.artifacts import paths
from artpipe.artifacts.shards import ShardWriter, Spec
from artpipe.contracts.model import Prompt
from artpipe.errors import StoppedError, UserError
from artpipe.evaluate import evaluate_model
from artpipe.language.sentences import make_sentence
from artpipe.models.faststyle import ConditionalInstanceNorm, FastStyle
from artpipe.nn.style.perceptual import PerceptualNetwork
from artpipe.numerics.pixels import to_float
from artpipe.training.restore import build_learner
from artpipe.training.trainer import Trainer
from tests.conftest import assert_resumes
from tests.support.vgg_weights import write_vgg_weights

CLASSES = ("content", "dots", "stripes")
ENTRY = {
    "kind": "faststyle",
    "dataset": "d",
    "pretrained": "data/weights/eye",
    "feature_extractor": "f",
    "steps": 6,
    "batch_size": 2,
}
ENTRY |= {"crop": 16, "width": 4, "blocks": 1, "style_layers": ("conv1_1", "conv2_1"), "content_layers": ("conv2_1",)}


@pytest.fixture(scope="session")
def network(tmp_path_factory):
    """A network of VGG16's shape with random weights."""
    return PerceptualNetwork.open(write_vgg_weights(tmp_path_factory.mktemp("weights") / "eye"))[0]


def spec():
    return Spec(dataset="d", channels=3, height=32, width=32, classes=CLASSES, count=4)


def works(seed=3):
    """Two photographs, noise and stripes."""
    torch.manual_seed(seed)
    images = torch.randint(0, 256, (4, 3, 32, 32), dtype=torch.uint8)
    images[2, :, ::4] = 255
    images[0] = torch.linspace(0, 255, 32).to(torch.uint8)
    images[3] = torch.linspace(60, 90 + seed, 32)[:, None].to(torch.uint8)
    digests = torch.arange(128).view(4, 32).add(seed).to(torch.uint8)
    return {"images": images, "labels": torch.tensor([0, 1, 2, 0]), "digests": digests}


def learner(network, **changes) -> FastStyle:
    torch.manual_seed(0)
    made = build_learner("f", {**ENTRY, **changes}, spec(), network)
    made.prepare_training(works())
    return made


BATCH = {"images": to_float(works()["images"][:2])}


def test_conditional_instance_norm_at_known_values():
    """Values 0, 2, 4, 6 become about -1.342 ... 1.342, times the style's gain, plus its shift; half and half is the mean of both."""
    norm = ConditionalInstanceNorm(2, 1)
    norm.gain.data = torch.tensor([[1.0], [3.0]])
    norm.shift.data = torch.tensor([[0.0], [10.0]])
    maps = torch.tensor([0.0, 2.0, 4.0, 6.0]).view(1, 1, 2, 2)
    unit = torch.tensor([-3.0, -1.0, 1.0, 3.0]).view(1, 1, 2, 2) / 5**0.5
    for mix, wanted in (([1.0, 0.0], unit), ([0.0, 1.0], 3 * unit + 10), ([0.5, 0.5], 2 * unit + 5)):
        assert torch.allclose(norm(maps, torch.tensor([mix])), wanted, atol=1e-4)


def test_each_picture_of_a_batch_has_its_own_style():
    """Two pictures in two styles are what each is alone."""
    norm = ConditionalInstanceNorm(2, 3)
    torch.nn.init.normal_(norm.gain)
    maps, mix = torch.randn(2, 3, 4, 4), torch.eye(2)
    both = norm(maps, mix)
    for row in range(2):
        assert torch.allclose(both[[row]], norm(maps[[row]], mix[[row]]), atol=1e-6)


def test_it_begins_as_the_picture_in_the_colours_of_the_style(network):
    """Before the first step each channel has the style's mean and deviation, and the picture is in it unchanged."""
    made, images = learner(network), torch.rand(1, 3, 20, 36) * 2 - 1
    styles = to_float(works()["images"][1:3])
    for row in range(2):
        with torch.no_grad():
            painted = made.network(images, torch.eye(2)[[row]])
        assert torch.allclose(painted.mean((2, 3)), styles[row].mean((1, 2))[None], atol=1e-4)
        assert torch.allclose(painted.std((2, 3)), styles[row].std((1, 2))[None], rtol=1e-2)
        for channel in range(3):
            both = torch.stack([painted[0, channel].flatten(), images[0, channel].flatten()])
            assert torch.corrcoef(both)[0, 1] > 0.9999


def test_it_steps_and_its_state_goes_round(network):
    """A second learner with the first one's state takes the same next step, bit for bit."""
    first = learner(network)
    assert_resumes(first, build_learner("f", ENTRY, spec(), network), BATCH)
    assert not torch.equal(first.paint(BATCH["images"], torch.eye(2)), BATCH["images"])


def test_what_hangs(network):
    """Each work in each style with the photograph before, and the first one between the two."""
    made = learner(network)
    for _ in range(3):
        made.step(BATCH)
        made.steps_done += 1
    held_out = works(4)
    asked = {"images": to_float(held_out["images"][:2]), "digests": held_out["digests"][:2]}
    shown = made.exhibit(Prompt(seeds=range(4), works=asked))
    captions = [f"in the style of {name}" for name in ("dots", "stripes", "dots and stripes", "dots", "stripes")]
    assert [make_sentence(one.caption) for one in shown] == captions
    assert all(torch.equal(one.parts["before"], asked["images"][number // 3]) for number, one in enumerate(shown))
    pure, other, between = (one.data for one in shown[:3])
    assert not torch.equal(pure, other)
    assert (between - pure).abs().mean() < (other - pure).abs().mean()


@pytest.mark.parametrize(
    ("entry", "line"),
    [
        ({"crop": 18}, "`crop` is 18: a multiple of 4 is wanted that fits into 32 x 32 pixels"),
        ({"crop": 64}, "`crop` is 64"),
        ({"styles": ["stripe"]}, "no class `stripe`, did you mean `stripes`?"),
    ],
)
def test_an_unsuitable_entry_is_one_line(network, entry, line):
    """A piece that does not fit, and a style that is none."""
    with pytest.raises(UserError) as refused:
        build_learner("f", {**ENTRY, **entry}, spec(), network)
    assert line in str(refused.value)


PARAMS = """\
format: 2
seed: 3
datasets: {}
weights: {eye: {path: eye.yaml}}
models:
  f: ENTRY
evaluation: {metrics: [training, stylisation, held_out]}
gallery: {sections: []}
"""


def test_from_a_studio_to_a_report(tmp_path, monkeypatch):
    """Trained, stopped and gone on with: the same bytes; evaluated on held-out works: distances and what hangs."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ARTPIPE_TRACKING", "off")
    entry = {**ENTRY, "evaluate_every_steps": 3, "log_every_steps": 2}
    Path("params.yaml").write_text(PARAMS.replace("ENTRY", json.dumps(entry)))
    write_vgg_weights(Path("data/weights/eye"))
    writer = ShardWriter(paths.shards("d"))
    writer.add("train", works())
    writer.add("test", {name: column[[0, 3]] for name, column in works(4).items()})
    writer.close(spec(), works="0" * 64, params={}, mean=[0.5] * 3, std=[0.3] * 3)
    train.train_model("f")
    whole = (paths.checkpoint("f") / "checkpoint.json").read_bytes()
    after = Trainer._finish_step

    def stopping(self, losses):
        after(self, losses)
        if self.step == 4:
            raise StoppedError("stopped")

    with monkeypatch.context() as patched:
        patched.setattr(Trainer, "_finish_step", stopping)
        with pytest.raises(StoppedError):
            train.train_model("f")
    train.train_model("f")
    assert (paths.checkpoint("f") / "checkpoint.json").read_bytes() == whole
    evaluate_model("f")
    report = json.loads((paths.report("f") / "report.json").read_text())
    scores = {score["name"]: score for score in report["scores"]}
    assert scores["style_left"]["n"] == 4  # two works in two styles
    assert [hung["role"] for hung in report["exhibits"]] == ["stylisation"] * 5
