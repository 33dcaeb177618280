"""Style transfer: what a studio needs, that its state goes round at every step, and that a picture becomes what it should."""

import copy
import json
from pathlib import Path

import pytest
import torch

from artpipe import train
from artpipe.artifacts import paths
from artpipe.artifacts.checkpoint import load_checkpoint
from artpipe.artifacts.shards import ShardWriter, Spec
from artpipe.contracts.model import Prompt
from artpipe.errors import StoppedError, UserError
from artpipe.evaluate import evaluate_model
from artpipe.language.sentences import make_sentence
from artpipe.models.style import Style
from artpipe.nn.style.perceptual import PerceptualNetwork
from artpipe.training.restore import build_learner
from tests.support.vgg_weights import write_vgg_weights

CLASSES = ("content", "dots", "stripes")
ENTRY = {
    "kind": "style",
    "dataset": "d",
    "pretrained": "data/weights/eye",
    "feature_extractor": "s",
    "steps": 8,
    "keep": 3,
}
ENTRY |= {
    "shares": (0.5, 0.5),
    "style_layers": ("conv1_1", "conv2_1"),
    "content_layers": ("conv2_1",),
    "lbfgs_history": 3,
}


@pytest.fixture(scope="session")
def network(tmp_path_factory):
    """A network of VGG16's shape with random weights."""
    return PerceptualNetwork.open(write_vgg_weights(tmp_path_factory.mktemp("weights") / "eye"))[0]


def spec(size=32, channels=3, classes=CLASSES):
    return Spec(dataset="d", channels=channels, height=size, width=size, classes=classes, count=4)


def works(size=32):
    """Two photographs, which are smooth, and a picture of each style, noise and stripes; a column per kind."""
    torch.manual_seed(3)
    images = torch.randint(0, 256, (4, 3, size, size), dtype=torch.uint8)
    images[2, :, ::4] = 255
    images[0] = torch.linspace(0, 255, size).to(torch.uint8)
    images[3] = torch.linspace(60, 90, size)[:, None].to(torch.uint8)
    return {
        "images": images,
        "labels": torch.tensor([0, 1, 2, 0]),
        "digests": torch.arange(128).view(4, 32).to(torch.uint8),
    }


def learner(network, **changes) -> Style:
    made = build_learner("s", {**ENTRY, **changes}, spec(), network)
    made.prepare_training(works())
    return made


def go(made, steps):
    for _ in range(steps):
        losses = made.step({})
        made.steps_done += 1
    return losses


@pytest.mark.parametrize("optimiser", ["lbfgs", "adam"])
def test_its_state_goes_round_at_every_step(network, optimiser):
    """Stopped anywhere, also between two canvases, it ends with the very pictures it would have ended with."""
    whole = learner(network, optimiser=optimiser)
    states = []
    for _ in range(8):
        states.append(copy.deepcopy(whole.training_state()))
        go(whole, 1)
    for state in states[1::2] + states[4:5]:
        second = build_learner("s", {**ENTRY, "optimiser": optimiser}, spec(), network)
        second.load_training_state(state)
        go(second, 8 - second.steps_done)
        for name, value in whole.state_dict().items():
            assert torch.equal(value, second.state_dict()[name]), (name, state["steps_done"])


def test_a_picture_comes_nearer_to_its_style(network):
    """The style distance falls; more weight on it lets it fall further, and takes the picture further from the photograph."""
    ends = {}
    for beta in (1.0, 100.0):
        made = learner(network, beta=beta, shares=(1.0,), steps=12)
        first = go(made, 1)
        last = go(made, 11)
        assert last["style"] < first["style"]
        ends[beta] = last
    assert ends[100.0]["style"] < ends[1.0]["style"]
    assert ends[100.0]["content"] > ends[1.0]["content"]


def test_it_begins_with_the_photograph(network):
    """Before the first step the canvas is the small photograph, and what is shown has the photograph before."""
    made = learner(network)
    assert made.pairs == [("content", "dots"), ("content", "stripes")]
    assert [tuple(canvas.shape) for canvas in made.canvases] == [(2, 3, 16, 16), (2, 3, 32, 32)]
    assert torch.equal(made.contents[0], works()["images"][0])
    assert torch.equal(made.styles[1], works()["images"][2])
    go(made, 8)
    shown = made.exhibit(Prompt(seeds=[1]))
    assert [make_sentence(one.caption) for one in shown] == [
        "content in the style of dots",
        "content in the style of stripes",
    ]
    assert {one.role for one in shown} == {"stylisation"}
    parts = shown[1].parts
    assert set(parts) == {"before", "style", "step 1", "step 3", "step 5"}
    assert all(part.shape == shown[1].data.shape for part in parts.values())
    assert not torch.equal(parts["step 1"], parts["step 5"])
    assert shown[1].digests == tuple(bytes(works()["digests"][row].tolist()).hex() for row in (0, 2))


def test_more_than_one_photograph_of_a_class(network):
    """`each` paints the first works of the class, each in every style."""
    made = learner(network, paint={"content": ["stripes"]}, each=2)
    assert made.pairs == [("content", "stripes")] * 2
    assert torch.equal(made.contents, works()["images"][[0, 3]])


WRONG = {
    "no classes": ({}, {"classes": ()}, "dataset `d` has no classes; `content` and one for each style are wanted"),
    "grey": ({}, {"channels": 1}, "dataset `d` has 1 channels and 32 x 32 pixels; a style needs 3 channels and 32"),
    "tiny": ({}, {"size": 8}, "dataset `d` has 3 channels and 8 x 8 pixels; a style needs 3 channels and 32 pixels"),
    "a misspelt style": ({"paint": {"content": ["stripe"]}}, {}, "no class `stripe`, did you mean `stripes`?"),
    "a misspelt content": ({"paint": {"photo": ["dots"]}}, {}, "no class `photo` (there are: content, dots, stripes)"),
    "no style": ({"paint": {"content": []}}, {}, "nothing to paint; `paint` names no style"),
    "a layer that is none": ({"style_layers": ["conv9_1"]}, {}, "no layer `conv9_1`"),
}


@pytest.mark.parametrize("case", WRONG.values(), ids=WRONG)
def test_a_studio_that_will_not_do_is_one_line(network, case):
    """What is missing of classes, colours, pixels or layers is named."""
    entry, changed, line = case
    with pytest.raises(UserError) as refused:
        build_learner("s", {**ENTRY, **entry}, spec(**changed), network)
    assert line in str(refused.value)


def test_too_few_works_of_a_class_are_one_line(network):
    """Three photographs are wanted where two are."""
    with pytest.raises(UserError, match="dataset `d` has 2 works of class `content` to train on, 3 wanted; lower"):
        learner(network, each=3)


@pytest.mark.parametrize(("side", "size", "held"), [(1, 256, 32), (8, 256, 32), (8, 64, 16)])
def test_a_style_without_strokes_is_one_line(network, side, size, held):
    """One colour, and eight pixels enlarged, are no manner to paint in, however small the studio; nothing was begun."""
    given = works(size)
    given["images"][1] = torch.nn.functional.interpolate(
        torch.randint(0, 256, (1, 3, side, side)).float(), (size, size), mode="bicubic", antialias=True
    ).clamp(0, 255)[0]
    made = build_learner("s", ENTRY, spec(size), network)
    line = f"the style `dots` has no strokes, only what {held} pixels can hold; a larger picture"
    with pytest.raises(UserError, match=line):
        made.prepare_training(given)


PARAMS = """\
format: 2
seed: 3
datasets: {}
weights: {eye: {path: eye.yaml}}
models:
  s: ENTRY
evaluation: {metrics: [training, stylisation, held_out]}
gallery: {sections: []}
"""


@pytest.fixture
def studio(tmp_path, monkeypatch):
    """A project with shards, weights and one entry, made the working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ARTPIPE_TRACKING", "off")
    entry = {**ENTRY, "evaluate_every_steps": 3, "log_every_steps": 2}
    Path("params.yaml").write_text(PARAMS.replace("ENTRY", json.dumps(entry)))
    write_vgg_weights(Path("data/weights/eye"))
    writer = ShardWriter(paths.shards("d"))
    writer.add("train", works())
    writer.close(spec(), works="0" * 64, params={}, mean=[0.5] * 3, std=[0.3] * 3)
    return tmp_path


def test_from_a_studio_to_a_report(studio, monkeypatch):
    """Trained, stopped and gone on with: the same bytes; evaluated: its distances, the verdict and what hangs."""
    from artpipe.training.trainer import Trainer

    train.train_model("s")
    whole = (paths.checkpoint("s") / "checkpoint.json").read_bytes()
    after = Trainer._finish_step

    def stopping(self, losses):
        after(self, losses)
        if self.step == 5:
            raise StoppedError("stopped")

    monkeypatch.setattr(Trainer, "_finish_step", stopping)
    with pytest.raises(StoppedError):
        train.train_model("s")
    monkeypatch.setattr(Trainer, "_finish_step", after)
    train.train_model("s")
    assert (paths.checkpoint("s") / "checkpoint.json").read_bytes() == whole
    card, _, _ = load_checkpoint(paths.checkpoint("s"))
    assert card.pretrained is not None
    evaluate_model("s")
    report = json.loads((paths.report("s") / "report.json").read_text())
    scores = {score["name"]: score["value"] for score in report["scores"]}
    assert {"style_distance", "content_distance", "style_left"} <= set(scores)
    assert 0 < scores["style_left"] < 1
    assert report["verdict"]["score"] == "style_left"
    assert [hung["role"] for hung in report["exhibits"]] == ["stylisation"] * 2
    assert all("before" in hung["parts"] for hung in report["exhibits"])


def test_other_weights_than_it_was_painted_with_are_one_line(studio):
    """Distances seen with other eyes would mean something else."""
    train.train_model("s")
    write_vgg_weights(Path("data/weights/other"), name="other")
    text = Path("params.yaml").read_text()
    Path("params.yaml").write_text(text.replace("data/weights/eye", "data/weights/other"))
    with pytest.raises(UserError, match="learned with other weights than `pretrained` names now; train it again"):
        evaluate_model("s")


class TestChosenWorks:
    """Where no class is named, contents and styles are chosen among all works."""

    def build(self, network, classes=(), **changes):
        return build_learner("s", {**ENTRY, "chosen": 3, **changes}, spec(classes=classes), network)

    def test_pictures_of_works_without_a_class(self, network):
        """As many as are asked for, each of two different works; a picture without strokes is no style."""
        given = {key: column for key, column in works().items() if key != "labels"}
        given["images"][3] = 128
        learner = self.build(network)
        learner.prepare_training(given)
        assert len(learner.pairs) == 3
        assert all(not torch.equal(content, style) for content, style in learner.digests)
        assert not any(torch.equal(style, given["images"][3]) for style in learner.styles)
        exhibits = learner.exhibit(Prompt(seeds=[0]))
        assert {make_sentence(exhibit.caption) for exhibit in exhibits} == {"A work in the strokes of another"}

    def test_classes_are_named(self, network):
        """A work of one class in the strokes of another says both, after it was restored too."""
        learner = self.build(network, CLASSES)
        learner.prepare_training(works())
        restored = self.build(network, CLASSES)
        restored.load_state_dict(learner.state_dict())
        captions = [
            [make_sentence(one.caption) for one in each.exhibit(Prompt(seeds=[0]))] for each in (learner, restored)
        ]
        assert captions[0] == captions[1]
        assert any("in the style of" in caption for caption in captions[0])

    def test_named_and_chosen_do_not_go_together(self, network):
        """One line says which of the two to leave out."""
        with pytest.raises(UserError, match="leave one of them out"):
            self.build(network, CLASSES, paint={"content": ("dots",)})

    def test_too_few_have_strokes(self, network):
        """Plain pictures are no styles."""
        given = works()
        given["images"][:] = 7
        with pytest.raises(UserError, match="none of 4 works has strokes"):
            self.build(network, CLASSES).prepare_training(given)
