"""Restorers from shards to report: they train, go on where they were stopped, are measured on whole works, and hang."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from artpipe import train
from artpipe.artifacts import paths
from artpipe.artifacts.checkpoint import CheckpointCard, load_checkpoint
from artpipe.artifacts.report import load_report
from artpipe.artifacts.shards import ShardWriter, Spec
from artpipe.config.params import EvaluationParams, TrainParams
from artpipe.contracts.metric import Evidence
from artpipe.contracts.model import Learner, Restoration
from artpipe.errors import StoppedError
from artpipe.evaluate import evaluate_model
from artpipe.language.sentences import make_sentence
from artpipe.metrics.restoration import METRIC
from artpipe.numerics.pixels import to_bytes, to_float
from artpipe.system.hashing import sha256_file
from artpipe.system.interrupts import StopRequest
from artpipe.training.restore import build_learner
from artpipe.training.trainer import Trainer
from tests.conftest import assert_resumes

OF_ALL = {
    "dataset": "pieces",
    "pretrained": "data/shards/pieces",
    "feature_extractor": "mine",
    "steps": 8,
    "batch_size": 4,
    "evaluate_every_steps": 4,
}
JUDGED = {"adversarial_from_step": 4, "judge_width": 4}
KINDS = {
    "superres": {"kind": "superres", **OF_ALL, **JUDGED, "blocks": 1, "width": 4, "crop": 16},
    "inpaint": {"kind": "inpaint", **OF_ALL, **JUDGED, "width": 4, "levels": 2, "crop": 16, "brush": 4},
}
PARAMS = """\
format: 2
seed: 1
datasets: {{}}
models:
  mine: {entry}
evaluation: {{metrics: [training, restoration, held_out], exhibits: 3}}
gallery: {{sections: []}}
"""
SIDE = 16
COLUMNS = ("images", "labels", "digests", "places")
SPEC = Spec(dataset="pieces", channels=3, height=SIDE, width=SIDE, classes=(), count=12, columns=COLUMNS)


def works(count: int, seed: int) -> dict[str, torch.Tensor]:
    """Return works of two by one tiles, each of its own colours, with a dark bar."""
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(60, 256, (2 * count, 3, 1, 1), generator=generator).expand(-1, -1, SIDE, SIDE).clone()
    images[:, :, 5:9] = 20
    digests = torch.randint(0, 256, (count, 32), generator=generator).repeat_interleave(2, 0)
    return {
        "images": images.to(torch.uint8),
        "labels": torch.full((2 * count,), -1),
        "digests": digests.to(torch.uint8),
        "places": torch.tensor([[0, 0, 1, 2], [0, 1, 1, 2]]).repeat(count, 1),
    }


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Return a function that makes a project of a kind, the working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ARTPIPE_TRACKING", "off")
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8")

    def make(kind: str) -> Path:
        Path("params.yaml").write_text(PARAMS.format(entry=json.dumps(KINDS[kind])))
        writer = ShardWriter(paths.shards("pieces"))
        for seed, (split, count) in enumerate({"train": 6, "validation": 2, "test": 5}.items()):
            writer.add(split, works(count, seed))
        writer.close(SPEC, works="0" * 64, params={}, mean=[0.5] * 3, std=[0.3] * 3)
        return tmp_path

    yield make
    torch.use_deterministic_algorithms(mode=False)


def learner(kind, **changes):
    torch.manual_seed(0)
    return build_learner("mine", {**KINDS[kind], **changes}, SPEC)


@pytest.mark.parametrize("adversarial", [None, 0])
@pytest.mark.parametrize("kind", KINDS)
def test_its_state_goes_round(kind, adversarial):
    """A second learner with the first one's state takes the same next step, bit for bit, judge and rate included."""
    first, second = (learner(kind, adversarial_from_step=adversarial) for _ in range(2))
    first.steps_done = 3
    assert_resumes(first, second, {"images": to_float(works(2, 0)["images"])})


@pytest.mark.parametrize("kind", KINDS)
def test_the_judge_comes_in_at_its_step(kind):
    """Before it only the mean absolute error is there, and the judge stays as it was."""
    built, batch = learner(kind, adversarial_from_step=1), {"images": to_float(works(2, 0)["images"])}
    before = [weight.clone() for weight in built.judge.parameters()]
    assert set(built.step(batch)) == {"l1"}
    assert all(torch.equal(a, b) for a, b in zip(before, built.judge.parameters(), strict=True))
    built.steps_done = 1
    assert set(built.step(batch)) == {"l1", "adversarial", "judge"}
    assert not all(torch.equal(a, b) for a, b in zip(before, built.judge.parameters(), strict=True))


@pytest.mark.parametrize("kind", KINDS)
def test_from_shards_to_report(project, kind):
    """Scores of whole held-out works beside the baseline's; what hangs brings its parts; the same bytes twice."""
    project(kind)
    train.train_model("mine")
    evaluate_model("mine")
    report, _ = load_report(paths.report("mine"))
    scores = {score.name: score for score in report.scores}
    assert scores["psnr"].n == 5
    assert scores["psnr_gain"].value == pytest.approx(
        scores["psnr"].value - next(score.value for name, score in scores.items() if name.startswith("psnr_") and "gain" not in name)
    )  # fmt: skip
    assert not any(name.startswith("held_out") for name in scores)
    assert any(make_sentence(finding).count("dB") >= 2 for finding in report.findings)
    assert len(report.exhibits) == 3
    for exhibit in report.exhibits:
        assert {"before", "original"} <= set(exhibit.parts)
        assert len(exhibit.digests) == 1
        assert " dB" in make_sentence(exhibit.caption)
    assert len(report.works) == 3
    first = {path: sha256_file(path) for path in paths.report("mine").rglob("*") if path.is_file()}
    evaluate_model("mine")
    assert {path: sha256_file(path) for path in paths.report("mine").rglob("*") if path.is_file()} == first


class StopAt(StopRequest):
    """Asks a training to stop at a step."""

    training: Trainer

    def __init__(self, step):
        super().__init__("a test")
        self.step = step

    def check(self):
        if self.training.step == self.step:
            raise StoppedError("now")


def session(folder, stop):
    task = train.prepare_training("mine")
    stop.training = training = Trainer("mine", task.learner, task.data, task.seed, folder, stop)
    training.resume()
    training.run()
    return training.learner.state_dict()


@pytest.mark.parametrize("stop_at", [3, 6])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.nightly
def test_it_goes_on_where_it_was_stopped(project, kind, stop_at):
    """Before the judge comes in and after: the weights at the end are those of a training nobody disturbed, bit for bit."""
    folder = project(kind)
    whole = session(folder / "whole", StopAt(-1))
    with pytest.raises(StoppedError):
        session(folder / "halves", StopAt(stop_at))
    halves = session(folder / "halves", StopAt(-1))
    assert all(torch.equal(value, halves[name]) for name, value in whole.items())


@pytest.mark.parametrize("kind", KINDS)
def test_twice_the_same_bytes(project, kind):
    """The same inputs, the same checkpoint."""
    project(kind)
    train.train_model("mine")
    first = load_checkpoint(paths.checkpoint("mine"))[2]
    train.train_model("mine")
    assert load_checkpoint(paths.checkpoint("mine"))[2] == first


class Half(Learner[TrainParams]):
    """Restores half of an error of 40 levels in the upper half of a picture; its baseline leaves `left` of it."""

    baseline_name, damages_per_work = "doing nothing", 1

    def __init__(self, left=40):
        params = TrainParams(kind="k", dataset="d", pretrained="u", feature_extractor="r")
        super().__init__(params, Spec(dataset="d", channels=3, height=SIDE, width=SIDE, classes=(), count=1))
        self.left = left

    def step(self, batch):
        return {}

    def exhibit(self, prompt):
        return []

    def restore(self, images, seeds):
        mask = torch.zeros_like(images[:, :1], dtype=torch.bool)
        mask[:, :, : SIDE // 2] = True
        off = [to_float(to_bytes(images) - amount) for amount in (40, 20, self.left)]
        return Restoration(images, *off, mask)


def evidence(learner) -> Evidence:
    held_out = works(4, 1)
    held_out["images"][:, :, 5:9] = 60
    spec = learner.spec
    card = CheckpointCard(
        name="any", kind="any", params={}, seed=1, shards="", pretrained=None, spec=spec, steps={"best": 1}, selection=None,
        history=(), files={},
    )  # fmt: skip
    return Evidence(learner, card, EvaluationParams(metrics=()), 1, held_out, held_out, held_out)


def test_the_metric_s_numbers_are_known():
    """Half of the error is 6.02 dB, the same in every work; four whole works, not their eight tiles."""
    measured = METRIC.measure(evidence(Half()))
    scores = {score.name: score for score in measured.scores}
    assert set(scores) == {
        "psnr", "psnr_doing_nothing", "psnr_gain", "ssim", "ssim_doing_nothing", "ssim_gain", "restored_detail",
    }  # fmt: skip
    assert scores["ssim_gain"].value == pytest.approx(scores["ssim"].value - scores["ssim_doing_nothing"].value)
    assert scores["restored_detail"].value == pytest.approx(1, abs=0.02)  # an error that is the same everywhere
    assert scores["psnr_gain"].value == pytest.approx(6.0206, abs=1e-4)
    assert scores["psnr_gain"].high - scores["psnr_gain"].low == pytest.approx(0, abs=1e-6)
    assert scores["psnr"].n == 4
    assert scores["psnr"].value == pytest.approx(22.1102, abs=1e-4)  # 20 log10(255 / 20)
    assert measured.findings[0].grade in {"fair", "good"}
    assert "6.02 dB nearer to the works than doing nothing: 22.11 dB against 16.09 dB on 4" in make_sentence(
        measured.findings[0]
    )


class Fickle(Half):
    """Restores half of the error at even seeds, three quarters at others; every fourth damage takes nothing."""

    damages_per_work = 40

    def restore(self, images, seeds):
        found = super().restore(images, seeds)
        odd, spared = (torch.tensor([seed % unit == 1 for seed in seeds]).view(-1, 1, 1, 1) for unit in (2, 4))
        restored = torch.where(odd, to_float(to_bytes(found.original) - 10), found.restored)
        return replace(found, restored=restored, mask=found.mask & ~spared)


def test_few_works_are_damaged_more_than_once():
    """Four works eight times each, every time by another seed: a work's value is the mean of those that lost something."""
    measured = METRIC.measure(evidence(Fickle()))
    gain = next(score for score in measured.scores if score.name == "psnr_gain")
    assert gain.n == 4
    assert gain.value == pytest.approx(6.0206 * (2 * 1 + 1 * 2) / 3, abs=1e-4)
    assert gain.high - gain.low == pytest.approx(0, abs=1e-6)
    assert make_sentence(measured.findings[0]).endswith(
        "on 4 held-out works, each damaged in 8 ways, nearer in 100% of them; pass mark 0 dB, good from 0.5 dB that 90% of them gain from."
    )


@pytest.mark.parametrize("left", [20, 10])
def test_what_does_not_beat_the_baseline_is_under_trained(left):
    """As near is not nearer; the finding says both numbers."""
    finding = METRIC.measure(evidence(Half(left))).findings[0]
    assert finding.grade == "weak"
    assert "22.11 dB against" in make_sentence(finding)
