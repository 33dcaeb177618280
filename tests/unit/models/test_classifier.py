"""The classifier: what its labels do, what it shows, and that it is whole at any size."""

import copy

import pytest
import torch

from artpipe.artifacts.shards import Spec
from artpipe.contracts.model import FeatureExtractor, Prompt
from artpipe.language.sentences import make_sentence
from artpipe.models.classifier import MODEL, Classifier, rotate_quarters
from artpipe.training.restore import build_learner
from tests.conftest import assert_resumes

ENTRY = {
    "kind": "classifier",
    "dataset": "d",
    "pretrained": "u",
    "feature_extractor": "c",
    "steps": 20,
    "width": 4,
    "max_width": 8,
}


def _spec(size=8, channels=1, classes=("a", "b", "c"), count=12):
    return Spec(dataset="d", channels=channels, height=size, width=size, classes=classes, count=count)


def _learner(spec=None, **changes) -> Classifier:
    torch.manual_seed(0)
    learner = build_learner("c", {**ENTRY, **changes}, spec or _spec())
    assert isinstance(learner, Classifier)
    return learner


def _batch(count=12, size=8, channels=1, classes=3):
    generator = torch.Generator().manual_seed(1)
    return {
        "images": torch.rand(count, channels, size, size, generator=generator) * 2 - 1,
        "labels": torch.arange(count) % classes,
        "digests": torch.randint(256, (count, 32), generator=generator, dtype=torch.uint8),
    }


@pytest.mark.parametrize("size", [8, 28, 64])
@pytest.mark.parametrize("channels", [1, 3])
def test_it_steps_and_its_state_goes_round(size, channels):
    """A second learner with the first one's state takes the same next step, bit for bit."""
    spec, batch = _spec(size, channels), _batch(8, size, channels)
    first, second = _learner(spec), _learner(spec, steps=20)
    assert_resumes(first, second, batch)


@pytest.mark.parametrize("size", [8, 28, 64])
def test_it_is_a_feature_extractor(size):
    """Features are one row per picture, of mean 0 and variance 1; logits have one column per class."""
    learner, images = _learner(_spec(size)).eval(), _batch(5, size)["images"]
    features = learner.features(images)
    assert isinstance(learner, FeatureExtractor)
    assert learner.logits(images).shape == (5, 3)
    assert features.shape == (5, 8)
    torch.testing.assert_close(features.mean(1), torch.zeros(5), atol=1e-5, rtol=0)
    torch.testing.assert_close(features.var(1, correction=0), torch.ones(5), atol=0.05, rtol=0)


def test_unlabelled_rows_do_not_change_the_step():
    """A batch with unlabelled works among the others gives exactly the step of the labelled ones alone."""
    batch = _batch(6)
    rows = torch.tensor([0, 6, 1, 2, 7, 3, 4, 5, 8])
    labels = torch.cat([batch["labels"], torch.full((3,), -1)])[rows]
    mixed = {"images": torch.cat([batch["images"], torch.rand(3, 1, 8, 8)])[rows], "labels": labels}
    learners = _learner(), _learner()
    for learner, works in zip(learners, (batch, mixed), strict=True):
        torch.manual_seed(3)
        learner.step(works)
    for one, other in zip(*(learner.state_dict().values() for learner in learners), strict=True):
        assert torch.equal(one, other)


def test_a_batch_without_labels_changes_nothing():
    """Weights and running statistics stay."""
    learner, batch = _learner(), _batch()
    before = copy.deepcopy(learner.state_dict())
    losses = learner.step({**batch, "labels": torch.full((12,), -1)})
    assert all(torch.equal(value, before[name]) for name, value in learner.state_dict().items())
    assert losses["loss"] == 0


def test_quarter_turns_are_known():
    """Turn k moves the top right corner k places against the clock; a picture that is not square gives its centre."""
    corner = torch.zeros(1, 1, 3, 3)
    corner[..., 0, 2] = 1
    turned, turns = rotate_quarters(corner.expand(4, -1, -1, -1), torch.arange(4))
    places = [tuple(picture[0].nonzero()[0].tolist()) for picture in turned]
    assert places == [(0, 2), (0, 0), (2, 0), (2, 2)]
    assert turns.tolist() == [0, 1, 2, 3]
    assert rotate_quarters(torch.rand(2, 1, 4, 8), torch.tensor([1, 2]))[0].shape == (2, 1, 4, 4)


def test_without_classes_it_learns_rotations():
    """Four classes, every work counts, and a picture whose top is bright is learned."""
    learner = _learner(
        _spec(classes=()), steps=60, shift=0, degrees=0, zoom=0, noise_std=0, grey=0, blur=0, erase=0, warmup_steps=5
    )
    images = -torch.ones(16, 1, 8, 8)
    images[:, :, :3] = 1
    for _ in range(60):
        learner.step({"images": images})
        learner.steps_done += 1
    learner.eval()
    assert learner.logits(images).shape == (16, 4)
    assert learner.validate({"images": images})["accuracy"] == 1.0
    captions = [
        make_sentence(exhibit.caption) for exhibit in learner.exhibit(Prompt(seeds=[1, 2], works={"images": images}))
    ]
    assert captions[0].startswith("upright, recognised")
    assert captions[1].startswith("90° left, recognised")


def test_the_temperature_is_fitted_in_training_alone():
    """Validation of a learner in training makes its nll the least one; a frozen one is measured as it is."""
    learner, works = _learner().eval(), _batch(60)
    fitted = learner.validate(works)
    assert learner.temperature != 1
    learner.requires_grad_(requires_grad=False)
    learner.temperature.mul_(2)
    assert learner.validate(works)["nll"] > fitted["nll"]
    assert learner.temperature != 1


def test_it_says_what_it_sees_and_where_it_is_wrong():
    """One explanation per seed, class by class; failures are the most confident mistakes, the surest first."""
    learner, works = _learner(failures=2).eval().requires_grad_(requires_grad=False), _batch(12)
    shown = learner.exhibit(Prompt(seeds=range(3), works=works))
    explanations = [exhibit for exhibit in shown if exhibit.role == "explanation"]
    failures = [exhibit for exhibit in shown if exhibit.role == "failure"]
    probabilities = learner.logits(works["images"]).softmax(1)
    confidence, seen = probabilities.max(1)
    worst = max((i for i in range(12) if seen[i] != works["labels"][i]), key=lambda i: float(confidence[i]))
    assert [exhibit.label for exhibit in explanations] == [0, 1, 2]
    assert explanations[0].digests == (bytes(works["digests"][0].tolist()).hex(),)
    assert explanations[0].data.shape == (3, 112, 224)
    assert len(failures) == 2
    assert failures[0].digests == (bytes(works["digests"][worst].tolist()).hex(),)
    names = "abc"
    truth, found = names[int(works["labels"][worst])], names[int(seen[worst])]
    assert (
        make_sentence(failures[0].caption) == f"{truth}, taken for {found}, {100 * float(confidence[worst]):.0f}% sure"
    )


@pytest.mark.parametrize("count", [1, 12])
def test_one_class_and_few_pictures_are_enough(count):
    """A dataset of one class, even of one picture, trains, validates and shows."""
    learner, batch = _learner(_spec(classes=("only",), count=count)), _batch(count, classes=1)
    assert torch.isfinite(learner.step(batch)["loss"])
    learner.eval()
    assert learner.validate(batch)["accuracy"] == 1.0
    assert make_sentence(learner.exhibit(Prompt(seeds=[1], works=batch))[0].caption) == "only, recognised, 100% sure"


def test_nothing_to_look_at_is_nothing_measured():
    """Without works, or without labels, validation is empty and nothing hangs."""
    learner, batch = _learner().eval(), _batch()
    assert learner.validate({}) == {}
    assert learner.validate({**batch, "labels": torch.full((12,), -1)}) == {}
    assert learner.exhibit(Prompt(seeds=[1])) == []
    assert learner.features(torch.empty(0, 1, 8, 8)).shape == (0, 8)


def test_the_plugin_reads_pictures_and_labels():
    """The loop gives it these columns."""
    assert MODEL.reads == {"images", "labels"}
