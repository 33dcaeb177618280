"""Trainings that run out of memory: for real on the CPU, resumed, and in one of several ranks."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import artpipe.models
from artpipe import train
from artpipe.artifacts.checkpoint import load_checkpoint
from artpipe.artifacts.run import RunRecord
from artpipe.errors import StoppedError
from artpipe.language.message import Message
from artpipe.language.sentences import make_sentence
from tests.conftest import load_module

TOYS = Path(__file__).parents[2] / "support"
project = load_module(TOYS / "toy_project.py")
pytestmark = pytest.mark.timeout(600)
TAIL = "dataset: dots, pretrained: data/shards/dots, precision: fp32, evaluate_every_steps: 4, log_every_steps: 1"


@pytest.fixture(autouse=True)
def _toys(monkeypatch):
    monkeypatch.setattr(artpipe.models, "__path__", [*artpipe.models.__path__, str(TOYS / "models")])
    monkeypatch.setenv("ARTPIPE_TRACKING", "off")
    threads = torch.get_num_threads()
    yield
    torch.use_deterministic_algorithms(mode=False)
    torch.set_num_threads(threads)


def make(folder, **entries):
    """A project with the toy's dataset and these entries."""
    project.make(folder)
    head, _, _ = (folder / "params.yaml").read_text().partition("  toy:")
    models = [f"  {name}: {{{entry}, feature_extractor: {name}, {TAIL}}}" for name, entry in entries.items()]
    tail = "\nevaluation: {metrics: []}\ngallery: {sections: []}\n"
    (folder / "params.yaml").write_text(head + "\n".join(models) + tail)
    return folder


def events(folder, name):
    rows = RunRecord.open(folder / "data/runs" / name).journal.rows()
    return [make_sentence(Message.model_validate(row["event"])) for row in rows if "event" in row]


def outcome(folder, name):
    card, weights, _ = load_checkpoint(folder / "data/checkpoints" / name, "final")
    return card, weights


@pytest.mark.nightly
def test_a_real_lack_of_memory_is_overcome(tmp_path, monkeypatch):
    """Under a limit of the process's memory a batch of 8192 is learned in parts, says so everywhere, and learns the same."""
    entry = "kind: vae, batch_size: 8192, width: 16, steps: 4"
    folder = make(tmp_path / "p", warm="kind: vae, batch_size: 4, steps: 2", large=entry, roomy=entry)
    command = [sys.executable, str(TOYS / "low_memory_train.py"), "warm", "70", "large"]
    run = subprocess.run(
        command, cwd=folder, env=project.ENVIRONMENT, capture_output=True, text=True, timeout=500, check=False
    )
    assert run.returncode == 0, run.stderr
    card, weights = outcome(folder, "large")
    told = events(folder, "large")
    assert 1 <= card.micro_batch <= 4096
    assert told[-1].startswith("out of memory: ")
    assert told[-1].endswith(f"is free; each batch of 8192 is learned in parts of {card.micro_batch} from here on")
    assert told[-1] in run.stderr
    assert RunRecord.open(folder / "data/runs/large").card.micro_batch == card.micro_batch
    monkeypatch.chdir(folder)
    train.train_model("roomy", ())
    free, others = outcome(folder, "roomy")
    assert free.micro_batch is None
    assert "micro_batch" not in json.loads((folder / "data/checkpoints/roomy/checkpoint.json").read_text())
    for name, weight in weights.items():
        torch.testing.assert_close(weight, others[name], rtol=1e-3, atol=1e-4)


@pytest.mark.nightly
def test_a_model_that_does_not_fit_is_one_line(tmp_path):
    """Memory that no part of a batch can save: 75, what was asked for, what is there, what to lower; no traceback."""
    folder = make(tmp_path / "p", warm="kind: vae, batch_size: 4, steps: 2", vast="kind: vae, hidden: 60000, steps: 2")
    command = [sys.executable, str(TOYS / "low_memory_train.py"), "warm", "20", "vast"]
    run = subprocess.run(
        command, cwd=folder, env=project.ENVIRONMENT, capture_output=True, text=True, timeout=500, check=False
    )
    assert run.returncode == 75
    said = run.stderr.splitlines()[-1]
    assert said.startswith("artpipe: training vast does not fit into memory: ")
    assert said.endswith("is free; lower `batch_size`, the dataset's `size` or the model's widths")
    assert "Traceback" not in run.stderr


def stopped_at(step, monkeypatch):
    """Ask the training for a stop after a step, once."""
    real = train.Trainer._finish_step

    def after(training, losses):
        if training.step == step:
            training.stop.reason = training.stop.reason or "a test"
        real(training, losses)

    monkeypatch.setattr(train.Trainer, "_finish_step", after)


@pytest.mark.nightly
def test_resumed_it_remembers(tmp_path, monkeypatch):
    """A training that ran out of memory and was stopped goes on in the same parts, and ends with the same bytes."""
    entry = "kind: narrow, batch_size: 16, width: 4, hidden: 16, latent_dim: 4, steps: 12"
    whole, torn = make(tmp_path / "whole", n=entry), make(tmp_path / "torn", n=entry)
    monkeypatch.chdir(whole)
    train.train_model("n", ())
    monkeypatch.chdir(torn)
    with monkeypatch.context() as patch:
        stopped_at(6, patch)
        with pytest.raises(StoppedError):
            train.train_model("n", ())
    train.train_model("n", ())
    assert [event.rpartition(" is learned ")[2] for event in events(torn, "n")] == [
        "in parts of 8 from here on",
        "in parts of 4 from here on",
        "session 2: goes on at step 6",
    ]
    one, other = (folder / "data/checkpoints/n/checkpoint.json" for folder in (whole, torn))
    assert one.read_bytes() == other.read_bytes()
    assert outcome(torn, "n")[0].micro_batch == 4


def in_ranks(folder, name):
    """Train in a process that knows the toy's kind, and so do its ranks."""
    site = folder.parent / "site"
    site.mkdir(exist_ok=True)
    code = f"import artpipe.models\nartpipe.models.__path__.append({str(TOYS / 'models')!r})\n"
    (site / "sitecustomize.py").write_text(code)
    path = os.pathsep.join([str(site), str(TOYS.parents[1])])
    return subprocess.run(
        [sys.executable, "-m", "artpipe", "train", name],
        cwd=folder, env={**project.ENVIRONMENT, "PYTHONPATH": path}, capture_output=True, text=True, timeout=500,
        check=False,
    )  # fmt: skip


@pytest.mark.nightly
def test_a_rank_without_memory_makes_all_begin_again(tmp_path):
    """One of two ranks fails in the middle of a step: all start again in smaller parts, and learn what others learn."""
    entry = "kind: narrow, batch_size: 16, width: 4, hidden: 16, latent_dim: 4, steps: 8, ranks: 2, narrow_rank: 1"
    folder = make(tmp_path / "p", narrow=entry, wide=f"{entry}, fits: 99")
    for name in ("wide", "narrow"):
        run = in_ranks(folder, name)
        assert run.returncode == 0, run.stderr[-3000:]
    card, weights = outcome(folder, "narrow")
    assert card.micro_batch == 4
    assert events(folder, "narrow")[0].startswith("out of memory in one of the ranks")
    for name, weight in outcome(folder, "wide")[1].items():
        torch.testing.assert_close(weights[name], weight, rtol=1e-3, atol=1e-4)


@pytest.mark.nightly
def test_a_rank_without_memory_for_one_row_says_so(tmp_path):
    """Where not even one row fits, the training ends as it does without ranks: one line that says what, and 75."""
    entry = (
        "kind: narrow, batch_size: 4, width: 4, hidden: 16, latent_dim: 4, steps: 8, ranks: 2, narrow_rank: 1, fits: 0"
    )
    run = in_ranks(make(tmp_path / "p", none=entry), "none")
    assert run.returncode == 75, run.stderr[-3000:]
    assert "artpipe: a single row of a batch does not fit into memory: more was asked for" in run.stderr
    said = "artpipe: training none: one of its 2 ranks ended with 75, and what it said stands above"
    assert run.stderr.splitlines()[-1] == said


@pytest.mark.parametrize(
    ("codes", "code"), [((1, -6, 75), 75), ((-9, 1), 137), ((1, 2), 2), ((0, 1), 1), ((), 1), ((-15, 75), 75)]
)
def test_ranks_end_as_the_one_that_failed(codes, code):
    """A mistake and what passes count most: what the others say is the wake of it."""
    from artpipe.training import torchrun

    assert torchrun.choose_exit_code(codes) == code
