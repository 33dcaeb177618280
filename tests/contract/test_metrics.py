"""Every file in metrics/, found by itself, keeps the contract."""

import importlib
import inspect
import math

import pytest
import torch

from artpipe import plugins
from artpipe.artifacts.checkpoint import CheckpointCard
from artpipe.artifacts.report import Finding, Score
from artpipe.artifacts.shards import Spec
from artpipe.config.params import EvaluationParams, TrainParams
from artpipe.contracts.metric import Evidence, Measurement, Metric
from artpipe.contracts.model import Learner, Prompt, Restoration
from artpipe.language.sentences import make_sentence

NAMES = plugins.list_plugins("metrics")
SPEC = Spec(dataset="any", channels=3, height=8, width=8, classes=("a", "b"), count=40)
CARD = CheckpointCard(
    name="any", kind="any", params={}, seed=1, shards="", pretrained=None, spec=SPEC,
    steps={"final": 1, "best": 1}, selection=None, history=(), files={},
)  # fmt: skip


class Bare(Learner[TrainParams]):
    """A learner with nothing but what every learner must have."""

    def __init__(self):
        super().__init__(TrainParams(kind="any", dataset="any", pretrained="", feature_extractor=""), SPEC)

    def step(self, batch):
        return {}

    def exhibit(self, prompt):
        return []


class Everything(Bare):
    """A learner that can do all that a metric may ask for."""

    def sample(self, prompt):
        return torch.stack([torch.randn(3, 8, 8, generator=torch.Generator().manual_seed(s)) for s in prompt.seeds])

    codes = 8 * 8 * 3

    def walk(self, noise, mix):
        return torch.tanh(noise).view(-1, 3, 8, 8)

    def features(self, images):
        return images.flatten(1)[:, :6]

    def logits(self, images):
        return images.mean((2, 3))[:, :2]

    def posterior(self, images):
        return images.flatten(1)[:, :3], torch.zeros(len(images), 3)

    def reconstruct(self, images):
        return images

    def elbo_terms(self, images):
        return {"reconstruction": images.abs().sum((1, 2, 3)), "kl": torch.rand(len(images))}

    baseline_name, damages_per_work = "mirror", 1

    def restore(self, images, seeds):
        return Restoration(
            images, -images, images / 2, images.flip(3), torch.ones_like(images[:, :1], dtype=torch.bool)
        )

    def validate(self, works):
        return {"own": torch.rand(()).item()}


def works(count, seed):
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 256, (count, 3, 8, 8), generator=generator, dtype=torch.uint8)
    digests = torch.randint(0, 256, (count, 32), generator=generator, dtype=torch.uint8)
    return {"images": images, "labels": torch.arange(count) % 2, "digests": digests}


def full(learner=None) -> Evidence:
    learner = learner or Everything()
    held_out = works(30, 2)
    return Evidence(
        learner=learner, card=CARD, params=EvaluationParams(metrics=(), walk={"seconds": 0.5, "side": 16}), seed=1, train=works(40, 1), held_out=held_out,
        test=held_out, prompt=Prompt(range(20)), samples=works(20, 3)["images"], feature_extractor=Everything(), extractor_sha256="0" * 64,
        extractor_classes=SPEC.classes,
    )  # fmt: skip


def tokens() -> Evidence:
    columns = {"tokens": torch.zeros(4, 9, dtype=torch.long), "digests": torch.zeros(4, 32, dtype=torch.uint8)}
    params = EvaluationParams(metrics=())
    return Evidence(learner=Bare(), card=CARD, params=params, seed=1, train=columns, held_out=columns, test=columns)


def run(name: str, evidence: Evidence) -> Measurement:
    metric: Metric = plugins.load_plugin("metrics", name)
    return metric.measure(evidence) if metric.applies(evidence) else Measurement()


def test_there_are_metrics():
    """The room is not empty, so the tests below test something."""
    assert {"kid", "coverage", "memorisation"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_exports_a_documented_metric(name):
    """A metric's file explains itself and exports METRIC."""
    assert importlib.import_module(f"artpipe.metrics.{name}").__doc__
    assert isinstance(plugins.load_plugin("metrics", name), Metric)


@pytest.mark.parametrize("name", NAMES)
def test_scores_explain_themselves(name):
    """Each score has a finite value, a count and a sentence; each finding a sentence; no name is given twice."""
    measured = run(name, full())
    findings = measured.findings
    assert all(isinstance(finding, Finding) and make_sentence(finding).endswith(".") for finding in findings)
    for score in measured.scores:
        assert isinstance(score, Score)
        assert math.isfinite(score.value)
        assert score.n > 0
        assert make_sentence(score).endswith(".")
    assert len({score.name for score in measured.scores}) == len(measured.scores)


@pytest.mark.parametrize("name", NAMES)
def test_measures_the_same_twice(name):
    """The same evidence gives the same numbers, whatever torch's global generator did before."""
    torch.manual_seed(5)
    first = run(name, full())
    torch.manual_seed(6)
    state = torch.random.get_rng_state()
    assert run(name, full()) == first
    assert torch.equal(torch.random.get_rng_state(), state)


@pytest.mark.parametrize("name", NAMES)
def test_applies_or_stays_silent(name):
    """Where there is no picture, no painter and no feature extractor a metric declines or measures, but never fails."""
    assert all(score.n >= 0 for score in run(name, tokens()).scores)


@pytest.mark.parametrize("name", NAMES)
def test_is_an_island(name):
    """A metric imports no other metric."""
    source = inspect.getsource(importlib.import_module(f"artpipe.metrics.{name}"))
    assert not any(f"artpipe.metrics.{other}" in source for other in NAMES)


def test_no_score_has_two_sources():
    """Two metrics never give a score the same name, so a name in MLflow means one thing."""
    names = [score.name for name in NAMES for score in run(name, full()).scores]
    assert len(set(names)) == len(names)
