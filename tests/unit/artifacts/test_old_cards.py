"""What was trained under the names of `format: 1` is read under today's."""

import json
from pathlib import Path

import pytest
import torch

from artpipe.artifacts.checkpoint import CheckpointCard, save_checkpoint
from artpipe.artifacts.cross_references import read_checkpoint_card
from artpipe.artifacts.report import ReportCard
from artpipe.artifacts.run import RunStart
from artpipe.artifacts.shards import Spec
from artpipe.language.sentences import make_sentence
from artpipe.system.hashing import sha256_bytes
from artpipe.training.restore import build_learner, restore_learner

GOLDEN = Path(__file__).parents[2] / "golden"
ENTRY = {"kind": "vae", "dataset": "d", "pretrained": "u", "feature_extractor": "v", "width": 4, "hidden": 8}
SPEC = Spec(dataset="d", count=8, channels=1, height=8, width=8, classes=())


@pytest.fixture
def old_checkpoint(tmp_path) -> Path:
    """A checkpoint as a version with the old names wrote it."""
    learner = build_learner("v", {**ENTRY, "latent_dim": 3, "gradient_clip_norm": 7.0}, SPEC)
    card = CheckpointCard(
        name="v", kind="vae", params=learner.params.model_dump(mode="json"), seed=1, shards="s", pretrained="ab", spec=SPEC,
        steps={"final": 1, "best": 1}, selection=None, history=(), files={},
    )  # fmt: skip
    weights = {name: torch.ones_like(tensor) for name, tensor in learner.state_dict().items()}
    save_checkpoint(tmp_path, card, {"final": weights, "best": weights})
    text = (tmp_path / "checkpoint.json").read_text().replace('"format": 2', '"format": 1')
    for today, old in {"pretrained": "uses", "feature_extractor": "ruler", "latent_dim": "latent"}.items():
        text = text.replace(f'"{today}"', f'"{old}"')
    data = text.replace('"gradient_clip_norm"', '"gradient_norm"').encode()
    (tmp_path / "checkpoint.json").write_bytes(data)
    (tmp_path / "checkpoint.json.sha256").write_text(f"{sha256_bytes(data)}  checkpoint.json\n")
    return tmp_path


def test_an_old_checkpoint_is_restored(old_checkpoint):
    """Its learner has its numbers, its card today's names, and its hash is that of the file as it stands."""
    learner, card, sha256 = restore_learner(old_checkpoint)
    assert (learner.params.latent_dim, learner.params.gradient_clip_norm) == (3, 7.0)
    assert card.pretrained == "ab"
    assert not {"uses", "ruler", "latent", "gradient_norm"} & set(card.params)
    assert sha256 == sha256_bytes((old_checkpoint / "checkpoint.json").read_bytes())
    assert read_checkpoint_card(old_checkpoint)[0]["params"] == card.params


def test_an_old_report_names_its_feature_extractor():
    """It was called a ruler."""
    finding = {"verdict": "healthy", "score": "", "value": 0, "bound": 0, "sentence": ""}
    card = {
        "format": 1, "model": "m", "kind": "vae", "dataset": "d", "checkpoint": "c", "shards": "s", "ruler": "ab",
        "verdict": finding, "findings": [], "scores": [], "exhibits": [],
    }  # fmt: skip
    assert ReportCard.model_validate_json(json.dumps(card)).feature_extractor == "ab"


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_report_in_sentences_is_shown_as_written(language):
    """Verdict, findings, scores and captions of a report from before there were codes, in every language."""
    text = (GOLDEN / "report_in_sentences.json").read_text()
    written, card = json.loads(text), ReportCard.model_validate_json(text)
    faults = {"healthy": "", "undecided": ""}
    findings = [
        (faults.get(one["verdict"], one["verdict"]), one["value"], one["sentence"]) for one in written["findings"]
    ]
    scores = [(one["name"], one["value"], one["unit"], one["explanation"]) for one in written["scores"]]
    assert len(findings) > 1
    assert len(scores) > 5
    assert [(one.fault, one.value, make_sentence(one, language)) for one in card.findings] == findings
    assert make_sentence(card.verdict, language) == written["verdict"]["sentence"]
    assert [(one.name, one.value, one.unit, make_sentence(one, language)) for one in card.scores] == scores
    captions = [one["caption"] for one in written["exhibits"]]
    assert [make_sentence(one.caption, language) for one in card.exhibits] == captions
    assert ReportCard.model_validate_json(card.model_dump_json()) == card


def test_an_unfinished_training_of_before_is_read():
    """Its check was made of the old names, so it is made anew."""
    card = {
        "format": 1, "run_id": "r", "model": "m", "stage": "train@m", "params": {"kind": "gan", "rate": 1}, "started": 0,
        "sessions": 1, "host": "h", "platform": "p", "versions": {}, "threads": 1, "device": "cpu", "precision": "fp32",
        "commit": None, "dirty": False, "flow_run": None, "kind": "gan", "dataset": "d", "seed": 1, "shards": "s",
        "uses": "ab", "check": "old",
    }  # fmt: skip
    start = RunStart.model_validate_json(json.dumps(card))
    assert (start.pretrained, start.params["learning_rate"]) == ("ab", 1)
    assert RunStart.model_validate_json(start.model_dump_json()) == start
