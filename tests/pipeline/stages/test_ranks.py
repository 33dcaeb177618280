"""Ranks that torchrun starts (gloo, on the CPU): as one, bit-equal after a stop, and no process left."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from artpipe.artifacts.checkpoint import load_checkpoint
from artpipe.artifacts.run import RunRecord
from tests.conftest import load_module
from tests.pipeline.stages.test_resume import alive

project = load_module(Path(__file__).parents[2] / "support/toy_project.py")
pytestmark = pytest.mark.timeout(600)
CALM = "dropout: 0, shift: 0, degrees: 0, zoom: 0, noise_std: 0, grey: 0, blur: 0, erase: 0, width: 8"
ENTRY = "{{kind: {kind}, dataset: dots, pretrained: data/shards/dots, feature_extractor: {name}, precision: fp32, batch_size: 16, {more}}}"


def make(folder, **models):
    """A project with the toy's dataset and these models: kind and further parameters."""
    project.make(folder)
    entries = [f"  {name}: {ENTRY.format(name=name, kind=kind, more=more)}" for name, (kind, more) in models.items()]
    head, _, _ = (folder / "params.yaml").read_text().partition("  toy:")
    tail = "\nevaluation: {metrics: []}\ngallery: {sections: []}\n"
    (folder / "params.yaml").write_text(head + "\n".join(entries) + tail)
    return folder


def begin(folder, name):
    command = [sys.executable, "-m", "artpipe", "train", name]
    pipe = subprocess.PIPE
    return subprocess.Popen(
        command, cwd=folder, env=project.ENVIRONMENT, stdout=pipe, stderr=subprocess.STDOUT, text=True
    )


def train(folder, name):
    run = begin(folder, name)
    said = run.communicate(timeout=400)[0]
    assert run.returncode == 0, said
    return said


def weights(folder, name):
    return load_checkpoint(folder / "data/checkpoints" / name, "final")[1]


@pytest.mark.nightly
def test_two_ranks_are_as_one_with_the_same_batches(tmp_path):
    """Without dropout and degradations 25 steps end with the same weights, but for the order of sums."""
    more = f"steps: 25, evaluate_every_steps: 10, {CALM}"
    folder = make(tmp_path / "p", one=("classifier", more), two=("classifier", f"{more}, ranks: 2"))
    train(folder, "one")
    said = train(folder, "two")
    assert said.count("step 25/25") == 1  # the first rank alone speaks
    one, two = weights(folder, "one"), weights(folder, "two")
    for name, weight in one.items():
        torch.testing.assert_close(two[name], weight, rtol=1e-5, atol=1e-6)
    record = RunRecord.open(folder / "data/runs/two")
    assert record.card.steps == 25
    assert len([row for row in record.journal.rows() if "validation" in row]) == len(
        [row for row in RunRecord.open(folder / "data/runs/one").journal.rows() if "validation" in row]
    )


@pytest.mark.nightly
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_stopped_training_of_ranks_leaves_nobody_and_ends_the_same(tmp_path, number):
    """With everything random in it: stopped in the middle, no rank lives, and going on ends in the undisturbed bytes."""
    more = "steps: 120, evaluate_every_steps: 40, log_every_steps: 5, width: 8, ranks: 2, save_every_seconds: 0.2"
    whole = make(tmp_path / "whole", c=("classifier", more))
    train(whole, "c")
    folder = make(tmp_path / "torn", c=("classifier", more))
    run = begin(folder, "c")
    deadline = time.monotonic() + 200
    while not list((folder / ".state/train/c").glob("*/0000*.json")) and time.monotonic() < deadline:
        time.sleep(0.02)
    members = subprocess.run(["pgrep", "-f", "train c"], capture_output=True, text=True, check=False).stdout.split()
    ours = [int(pid) for pid in members if os.path.realpath(f"/proc/{pid}/cwd") == str(folder)]
    assert len(ours) >= 3  # torchrun and two ranks
    run.send_signal(number)
    run.communicate(timeout=60)
    deadline = time.monotonic() + 15
    while any(map(alive, ours)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(map(alive, ours))
    train(folder, "c")
    one, other = weights(whole, "c"), weights(folder, "c")
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert RunRecord.open(folder / "data/runs/c").card.sessions >= 2


@pytest.mark.nightly
def test_a_batch_that_cannot_be_shared_is_refused(tmp_path):
    """One line, exit code 2, before any rank is started."""
    folder = make(tmp_path / "p", c=("classifier", "ranks: 3"))
    run = begin(folder, "c")
    said = run.communicate(timeout=100)[0]
    assert run.returncode == 2
    assert "models.c: `batch_size` 16 cannot be shared evenly by 3 `ranks`" in said
