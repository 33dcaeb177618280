"""Trainings that are killed, stopped, orphaned, doubled and damaged end as if nothing had happened, or say why not."""

import json
import os
import random
import shutil
import signal
import time
from pathlib import Path

import pytest

from tests.conftest import load_module

project = load_module(Path(__file__).parents[2] / "support" / "toy_project.py")

pytestmark = pytest.mark.timeout(1200)  # in real time, beside others
BRIEF = {"steps": 40, "save_every_seconds": 0.01, "pause_seconds": 0.02}
SLOW = {"steps": 1_000_000, "pause_seconds": 0.05, "save_every_seconds": 0.2, "evaluate_every_steps": 500_000}


@pytest.fixture(scope="module")
def nursery():
    found = project.ForkServer()
    yield found
    found.close()


@pytest.fixture(scope="module")
def whole(nursery, tmp_path_factory):
    """The outcome of a training that nobody disturbed."""
    folder = project.make(tmp_path_factory.mktemp("whole"), **BRIEF)
    assert nursery.train(folder) == 0, (folder / "said.txt").read_text()
    return project.outcome(folder)


@pytest.fixture(scope="module")
def halfway(nursery, tmp_path_factory):
    """A project whose training was stopped when it had two states."""
    folder = project.make(tmp_path_factory.mktemp("halfway"), **BRIEF)
    pid = nursery.start(folder)
    until(lambda: len(states(folder)) >= 2)
    os.kill(pid, signal.SIGTERM)
    assert nursery.wait(pid) == 75, (folder / "said.txt").read_text()
    return folder


@pytest.fixture
def torn(halfway, tmp_path):
    """A copy of it."""
    return Path(shutil.copytree(halfway, tmp_path / "torn"))


def until(condition, seconds=90.0):
    """Wait for a condition and return what it gave."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)
    return found


def states(folder):
    """Return the state folders' JSON files, oldest first."""
    return sorted(folder.glob(".state/train/toy/*/[0-9]*.json"))


def alive(pid):
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


def saved(folder):
    """Return the name of the newest state, or of nothing."""
    return next((path.read_text() for path in folder.glob(".state/train/toy/*/LATEST")), "")


def killed_until_done(nursery, folder, kills, seed):
    """Train with `kills` kill -9, each at a random moment after a first save, then to the end; return how many hit."""
    chance, hit = random.Random(seed), 0
    for _ in range(kills):
        before, pid = saved(folder), nursery.start(folder)
        until(lambda before=before, pid=pid: saved(folder) != before or not alive(pid))
        time.sleep(chance.uniform(0, 0.1))
        os.kill(pid, signal.SIGKILL)  # a zombie until it is waited for, so the pid is still its own
        hit += nursery.wait(pid) == -signal.SIGKILL
    assert nursery.train(folder) == 0, (folder / "said.txt").read_text()
    return hit


@pytest.mark.parametrize("kills", [3, pytest.param(20, marks=pytest.mark.nightly)])
@pytest.mark.parametrize(
    "more",
    [
        {"save_every_seconds": 0.001, "steps": 25},  # it writes most of the time, so kills hit writes
        pytest.param(
            {"save_every_seconds": 0.05, "steps": 100, "explode_at": 30, "explode_below": 0.3},
            marks=pytest.mark.nightly,
        ),
    ],
    ids=["writing", "rolling back"],
)
def test_killed_training_ends_with_the_same_bytes(nursery, tmp_path, more, kills):
    """A training killed at random moments, during writes and after a rollback too, makes the undisturbed checkpoint."""
    more = {**more, "steps": more["steps"] * kills}  # long enough that no session before the last comes to the end
    whole, torn = project.make(tmp_path / "whole", **more), project.make(tmp_path / "torn", **more)
    assert nursery.train(whole) == 0
    assert killed_until_done(nursery, torn, kills, seed=kills) >= 2
    assert project.outcome(torn) == project.outcome(whole)
    assert not states(torn)
    rows = [
        [row for row in map(json.loads, text.splitlines()) if "event" not in row]
        for text in ((folder / "data/runs/toy/journal.jsonl").read_text() for folder in (whole, torn))
    ]
    untimed = [[{**row, "time": 0} for row in found] for found in rows]
    assert untimed[0] == untimed[1]
    runs = [json.loads((folder / "data/runs/toy/run.json").read_text()) for folder in (whole, torn)]
    assert runs[0]["sessions"] == 1
    assert runs[1]["sessions"] >= 3


def test_sigterm_saves_and_exits_in_time(nursery, tmp_path):
    """SIGTERM ends a training with 75 within 10 s, its state saved; the same command goes on from there."""
    folder = project.make(tmp_path / "project", **SLOW)
    pid = nursery.start(folder)
    until(lambda: len(states(folder)) >= 2)
    began = time.monotonic()
    os.kill(pid, signal.SIGTERM)
    assert nursery.wait(pid) == 75
    assert time.monotonic() - began < 10
    said = (folder / "said.txt").read_text()
    assert "SIGTERM" in said
    assert "saved at step" in said
    step = int(said.partition("saved at step ")[2].split()[0])
    pid = nursery.start(folder)
    until(
        lambda: (
            f'"code": "session_went_on", "values": {{"session": 2, "step": {step}}}'
            in "".join(p.read_text() for p in folder.glob(".state/train/toy/*/*.jsonl"))
        )
    )
    os.kill(pid, signal.SIGINT)
    assert nursery.wait(pid) == 75


def test_second_writer_gives_way(nursery, tmp_path):
    """A second training of the same model ends with 75 after 10 s and names the first one's pid."""
    folder = project.make(tmp_path / "project", **SLOW)
    first = nursery.start(folder)
    until(lambda: states(folder))
    began = time.monotonic()
    assert nursery.train(folder) == 75
    assert 9.5 < time.monotonic() - began < 60
    assert f"process {first} is already at training toy" in (folder / "said.txt").read_text()
    os.kill(first, signal.SIGKILL)
    nursery.wait(first)


@pytest.mark.parametrize("under", [1, 3])
@pytest.mark.nightly
def test_orphaned_training_ends(nursery, tmp_path, under):
    """kill -9 of an ancestor alone, the nearest or one further up, ends the training with its state saved."""
    folder = project.make(tmp_path / "project", **SLOW)
    top = nursery.start(folder, under=under)
    until(lambda: len(states(folder)) >= 2)
    training = int((folder / "pid").read_text())
    os.kill(top, signal.SIGKILL)
    nursery.wait(top)
    until(lambda: not alive(training), seconds=10)
    said = (folder / "said.txt").read_text()
    assert f"process {top} " in said
    assert "saved at step" in said


def flip(path, place=-5):
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.chmod(0o644)
    path.write_bytes(data)


@pytest.mark.parametrize("suffix", [".json", ".safetensors"])
def test_damaged_newest_state_falls_back(nursery, torn, whole, suffix):
    """A flipped bit in the newest state is noticed; the one before is used, the result is the same, and it is said."""
    number = states(torn)[-1].name[:6]
    flip(next(torn.glob(f".state/train/toy/*/{number}*{suffix}")))
    assert nursery.train(torn) == 0
    assert project.outcome(torn) == whole
    journal = (torn / "data/runs/toy/journal.jsonl").read_text()
    assert '"code": "state_damaged"' in journal
    assert "states_lost" not in journal


@pytest.mark.nightly
def test_all_states_damaged_starts_again(nursery, torn, whole):
    """Where no state is whole the training starts again, says so and ends the same."""
    for path in states(torn):
        flip(path)
    assert nursery.train(torn) == 0
    assert project.outcome(torn) == whole
    assert '"code": "states_lost"' in (torn / "data/runs/toy/journal.jsonl").read_text()


def test_other_parameters_never_meet_the_state(nursery, torn, whole):
    """A state is used for its own parameters only: with another rate the training starts at 0, changed back it goes on."""
    before = {path.parent for path in states(torn)}
    kept = (torn / "params.yaml").read_text()
    (torn / "params.yaml").write_text(kept.replace("{kind: toy,", "{kind: toy, rate: 0.01, "))
    pid = nursery.start(torn)
    other = until(lambda: {path.parent for path in states(torn)} - before)
    os.kill(pid, signal.SIGTERM)
    assert nursery.wait(pid) == 75
    assert "session_went_on" not in next(iter(other)).joinpath("journal.jsonl").read_text()
    (torn / "params.yaml").write_text(kept)
    assert nursery.train(torn) == 0
    assert "session_went_on" in (torn / "data/runs/toy/journal.jsonl").read_text()
    assert project.outcome(torn) == whole
