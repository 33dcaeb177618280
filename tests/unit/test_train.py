"""One training in this process: what is published, what disturbs it not, what every piece of its state is for."""

import copy
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

import artpipe.models
from artpipe import train
from artpipe.artifacts.checkpoint import load_checkpoint
from artpipe.artifacts.run import Journal, RunRecord
from artpipe.errors import StoppedError, UserError
from artpipe.evaluation.sample_model import sample_model
from artpipe.evaluation.saved_samples import choose_out
from artpipe.language.message import Message
from artpipe.language.sentences import make_sentence
from artpipe.system.interrupts import StopRequest
from artpipe.training.restore import restore_learner
from artpipe.training.trainer import Trainer
from tests.conftest import load_module

TOYS = Path(__file__).parents[1] / "support"
project = load_module(TOYS / "toy_project.py")


@pytest.fixture(autouse=True)
def _toys(monkeypatch):
    """Toy kinds are in the room of models; torch's settings come back."""
    monkeypatch.setattr(artpipe.models, "__path__", [*artpipe.models.__path__, str(TOYS / "models")])
    monkeypatch.setenv("ARTPIPE_TRACKING", "off")
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    threads = torch.get_num_threads()
    yield
    torch.use_deterministic_algorithms(mode=False)
    torch.set_num_threads(threads)


@pytest.fixture
def trained(tmp_path, monkeypatch):
    """Train the toy with the given parameters in a project of its own and return its folder."""

    def make(name="project", count=50, **more):
        folder = project.make(tmp_path / name, count, **more)
        monkeypatch.chdir(folder)
        train.train_model("toy")
        return folder

    return make


def final(folder):
    return load_checkpoint(folder / "data/checkpoints/toy", "final")[1]


def equal(one, other):
    return all(torch.equal(one[name], other[name]) for name in one)


def events(folder):
    rows = Journal(folder / "data/runs/toy/journal.jsonl").rows()
    return [make_sentence(Message.model_validate(row["event"])) for row in rows if "event" in row]


@pytest.mark.nightly
def test_what_is_published(trained):
    """A training leaves a verified checkpoint and run record, rows in order, a picture per point, and no state."""
    folder = trained()
    card, weights, sha256 = load_checkpoint(folder / "data/checkpoints/toy", "final")
    record = RunRecord.open(folder / "data/runs/toy")
    rows = list(record.journal.rows())
    assert card.steps["final"] == 60
    assert [row.step for row in card.history] == [0, 20, 40, 60]
    assert card.selection == "error"
    errors = {row.step: row.validation["error"] for row in card.history[1:]}
    assert errors[card.steps["best"]] == min(errors.values())
    assert record.card.checkpoint == sha256
    assert [path.name for path in record.progress] == [f"step-{step:08d}.png" for step in (0, 20, 40, 60)]
    assert [row["step"] for row in rows if "losses" in row] == list(range(5, 61, 5))
    assert [row["step"] for row in rows if "validation" in row] == [0, 20, 40, 60]
    assert {frozenset(row) - {"step", "time"} for row in rows} == {frozenset({"losses"}), frozenset({"validation"})}
    assert [path.name for path in (folder / ".state/train/toy").iterdir()] == ["lock"]
    assert equal(restore_learner(folder / "data/checkpoints/toy", "final")[0].state_dict(), weights)
    assert "sampler" not in json.dumps(card.model_dump())


def test_same_inputs_same_bytes(trained):
    """Trained twice, the checkpoint is the same to the byte."""
    assert project.outcome(trained("one")) == project.outcome(trained("two"))


@pytest.mark.nightly
def test_evaluation_points_do_not_disturb(trained):
    """More evaluation points change no bit of the weights, though exhibits draw from every generator."""
    assert equal(final(trained("few", evaluate_every_steps=60)), final(trained("many", evaluate_every_steps=7)))


@pytest.mark.nightly
def test_one_picture_is_enough(trained):
    """A dataset smaller than a batch, a single work even, trains."""
    assert load_checkpoint(trained(count=1, steps=5) / "data/checkpoints/toy")[0].steps["final"] == 5


def test_no_works_is_one_line(trained):
    """A dataset without works to train with is a user's mistake."""
    with pytest.raises(UserError, match="no works to train toy with"):
        trained(count=0)


@pytest.mark.nightly
def test_divergence_is_overcome_at_half_the_rate(trained):
    """A loss that is not a number sends the training back to the last point, each time at half the rate."""
    folder = trained(explode_at=30, explode_below=0.3)
    card = load_checkpoint(folder / "data/checkpoints/toy")[0]
    assert (card.rollbacks, card.diverged, card.steps["final"]) == (2, False, 60)
    assert events(folder) == [
        "loss `reconstruction` is nan at step 35: back to step 20, rate x0.5",
        "loss `reconstruction` is nan at step 35: back to step 20, rate x0.25",
    ]


def test_divergence_ends_with_the_last_good_weights(trained):
    """After the last return the weights of the last good point are published, marked as diverged."""
    folder = trained(explode_at=30, rollbacks=1)
    card, weights, _ = load_checkpoint(folder / "data/checkpoints/toy", "final")
    assert (card.rollbacks, card.diverged, card.steps["final"]) == (1, True, 20)
    assert all(bool(torch.isfinite(value).all()) for value in weights.values())
    assert "given up" in events(folder)[-1]
    assert RunRecord.open(folder / "data/runs/toy").card.steps == 20


class StopAt(StopRequest):
    """Asks a training to stop at a step."""

    def __init__(self, step):
        super().__init__("a test")
        self.step, self.training = step, None

    def check(self):
        if self.training and self.training.step == self.step:
            raise StoppedError("now")


def session(folder, harm=None, stop_at=None):
    """Run one session of the toy in the current folder; `harm` spoils the training after it was resumed."""
    task = train.prepare_training("toy")
    stop = StopAt(stop_at)
    training = Trainer("toy", task.learner, task.data, task.seed, folder, stop)
    stop.training = training
    fresh = copy.deepcopy(training._take_snapshot())
    resumed = training.resume()
    if harm:
        harm(training, fresh)
    if stop_at:
        with pytest.raises(StoppedError):
            training.run()
    else:
        training.run()
    assert resumed == (harm is not None or not stop_at)
    history = [row.model_dump() for row in training.history.points]
    return {
        **{k: v.clone() for k, v in training.learner.state_dict().items()},
        "best": training.history.best_step,
    }, history


def spoil(*path):
    """Return a harm that gives one piece of the state its value from before the first step."""

    def harm(training, fresh):
        state = training._take_snapshot()
        inner, start = state, fresh
        for key in path[:-1]:
            inner, start = inner[key], start[key]
        inner[path[-1]] = start[path[-1]]
        training._load_snapshot(state)

    return harm


PIECES = [
    ("learner", "weights"),
    ("learner", "optimisers", "coder"),
    ("learner", "optimisers", "critic"),
    ("learner", "steps_done"),
    ("learner", "rate_scale"),
    ("sampler", "epoch"),
    ("sampler", "position"),
    ("random", "python"),
    ("random", "numpy"),
    ("random", "torch"),
    ("since_point",),
]


@pytest.mark.nightly
def test_every_piece_of_the_state_is_needed(tmp_path, monkeypatch):
    """Resumed with all of its state a training ends the same; with any one piece left out it does not."""
    monkeypatch.chdir(project.make(tmp_path, steps=40, explode_at=23, explode_below=0.6))
    session(tmp_path / "half", stop_at=28)

    def ended(harm):
        folder = Path(shutil.copytree(tmp_path / "half", tmp_path / "again"))
        weights, history = session(folder, harm)
        shutil.rmtree(folder)
        return weights, history

    def undisturbed():
        task = train.prepare_training("toy")
        training = Trainer("toy", task.learner, task.data, task.seed, tmp_path / "alone", StopRequest("a test"))
        training.run()
        return training

    alone = undisturbed()
    weights, history = ended(lambda *_: None)
    assert equal(alone.learner.state_dict(), weights)
    assert history == [row.model_dump() for row in alone.history.points]
    for piece in PIECES:
        harmed, past = ended(spoil(*piece))
        assert not equal(alone.learner.state_dict(), harmed) or past != history, f"{piece} is not needed"


def test_training_needs_little(tmp_path):
    """Training imports on a machine with only torch, numpy, safetensors, pydantic, rich and ruamel.yaml."""
    code = """
import sys
BANNED = {"pandas", "PIL", "mlflow", "typer", "click", "prefect", "dvc", "torchvision", "pyarrow", "psutil", "jinja2", "scipy", "imagehash"}
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in BANNED:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Finder())
import artpipe.train, artpipe.evaluation.sample_model
assert not BANNED & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path)


def test_sample_paints_again_what_a_seed_was(trained):
    """`sample` writes one sheet and each picture by itself; a seed and label give the same picture in any company."""
    trained(heeds_labels=True)
    painted = sample_model("toy", 5, seed=3)
    assert painted.to_text() == "5 painted: data/samples/toy-seed-3.png, each by itself in data/samples/toy-seed-3"
    assert json.loads(json.dumps(painted.to_json()))["singles"][2] == {
        "file": "data/samples/toy-seed-3/00002-seed-5-label-2.png",
        "seed": 5,
        "label": 2,
    }
    sample_model("toy", 1, seed=5, out=Path("one.png"), label=2)
    alone, among = Path("one/00000-seed-5-label-2.png"), Path("data/samples/toy-seed-3/00002-seed-5-label-2.png")
    assert alone.read_bytes() == among.read_bytes()
    with pytest.raises(UserError, match="--label 3 is no class of toy; there are: 0 a, 1 b, 2 c"):
        sample_model("toy", 1, label=3)


def test_no_class_is_named_where_none_is_heeded(trained):
    """What paints of all classes alike is asked for none, and its files name none."""
    trained(steps=2)
    painted = sample_model("toy", 1, seed=3)
    assert painted.to_json()["singles"] == [
        {"file": "data/samples/toy-seed-3/00000-seed-3.png", "seed": 3, "label": None}
    ]
    with pytest.raises(UserError, match="--label: toy uses no class labels; leave it out"):
        sample_model("toy", 1, label=2)


@pytest.mark.parametrize(
    ("asked", "ending"),
    [
        ({"label": None}, ""),
        ({"prompt": "a red heart"}, "-a-red-heart"),
        ({"prompt": "A red heart!"}, "-a-red-heart-"),
        ({"prompt": "a red heart", "guidance": 3.0}, "-a-red-heart-"),
        ({"prompt": "ab " * 30}, "-ab-ab-"),
        ({"prompt": "山水"}, "-山水"),
        ({"label": 2}, "-"),
    ],
)
def test_one_request_s_pictures_do_not_replace_another_s(asked, ending):
    """What was asked for is in the name, and a hash of what the words leave out."""
    name = choose_out("m", 1, asked).name.removeprefix("m-seed-1")
    assert name == ending or (ending.endswith("-") and re.fullmatch(re.escape(ending) + r"[\w-]*[0-9a-f]{6}", name))
    assert len(name) <= 48


def test_nothing_foreign_is_overwritten(trained):
    """A folder or file that `sample` did not make is left alone, and no pipe is replaced."""
    folder = trained(steps=2)
    (folder / "mine").mkdir()
    Path("notes").write_text("mine")
    for name in ("mine.png", "notes", "notes.png"):
        with pytest.raises(UserError, match="is not ours"):
            sample_model("toy", 1, out=Path(name))
    assert Path("notes").read_text() == "mine"
    os.mkfifo("pipe.png")
    with pytest.raises(UserError, match=r"pipe\.png: is there already and is not ours"):
        sample_model("toy", 1, out=Path("pipe.png"))
    assert list((folder / "mine").iterdir()) == []


@pytest.mark.parametrize(
    ("patience", "points", "best", "step", "ends"),
    [
        (2, [0, 10, 20, 30], 10, 30, True),
        (2, [0, 10, 20, 30], 20, 30, False),  # one point without a better one is no reason yet
        (2, [0, 10, 20, 30], 10, 31, False),  # only at an evaluation point
        (0, [0, 10, 20, 30], 10, 30, False),  # no patience asked for: train to the end
    ],
)
def test_patience_ends_a_training_that_gets_no_better(patience, points, best, step, ends):
    """It ends at the evaluation point that is the `patience`-th in a row to bring nothing better."""
    history = [SimpleNamespace(step=point) for point in points]
    recorded = SimpleNamespace(points=history, best={"w": 0}, best_step=best)
    training = SimpleNamespace(history=recorded, step=step, params=SimpleNamespace(patience=patience))
    assert Trainer._is_stalled.fget(training) is ends
