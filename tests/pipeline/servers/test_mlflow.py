"""MLflow beside running trainings: two first users at once, and a follower that a sync completes."""

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from artpipe.artifacts.run import Journal, RunStart
from artpipe.system.atomic_files import write_json
from tests.conftest import load_module

project = load_module(Path(__file__).parents[2] / "support" / "toy_project.py")

pytestmark = pytest.mark.timeout(1200)
NOT_THERE = "MLFLOW_TRACKING_URI"


@pytest.fixture(scope="module")
def env():
    return {name: value for name, value in os.environ.items() if name != NOT_THERE}


def begun(root: Path, name: str, run_id: str) -> Path:
    """The state folder of a training that has begun."""
    state = root / ".state/train" / name / "0123"
    state.mkdir(parents=True)
    (root / "params.yaml").write_text("format: 2\n")
    start = RunStart(
        run_id=run_id, model=name, kind="gan", dataset="digits", stage=f"train@{name}", params={"steps": 30}, seed=1,
        shards="d" * 64, pretrained=None, started=1000.0, sessions=1, host="h", platform="p", versions={}, threads=1,
        device="cpu", precision="fp32", commit=None, dirty=False, flow_run=None,
    )  # fmt: skip
    write_json(state / "run-live.json", start.model_dump(mode="json"))
    return state


def told(state: Path, *steps: int) -> None:
    for step in steps:
        Journal(state / "journal.jsonl").append({"step": step, "time": 1000.0 + step, "losses": {"x": float(step)}})


@pytest.fixture
def follow(tmp_path):
    """Starts followers, and ends what is left of them."""
    started = []

    def start(env, name: str, state: Path) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "artpipe", "sync", "--follow", name, "--state", str(state)]
        started.append(subprocess.Popen(command, cwd=tmp_path, env=env, stderr=subprocess.PIPE, text=True))
        return started[-1]

    yield start
    for follower in started:
        follower.kill()
        follower.communicate()


def rows(root: Path) -> list[tuple]:
    database = root / ".state/mlflow/mlflow.db"
    try:
        with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
            query = (
                "select r.name, m.key, m.step, m.timestamp from metrics m join runs r using (run_uuid) order by 1, 3"
            )
            return connection.execute(query).fetchall()
    except sqlite3.OperationalError:  # not made yet
        return []


def statuses(root: Path) -> dict[str, str]:
    """Every MLflow run's status by name."""
    database = root / ".state/mlflow/mlflow.db"
    try:
        with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
            return dict(connection.execute("select name, status from runs").fetchall())
    except sqlite3.OperationalError:  # not made yet
        return {}


def wait_for(condition, seconds: float = 240.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.2)


def test_two_first_followers_at_once(tmp_path, env, follow):
    """Two trainings begin on an empty folder: both are shown live, later rows too, and a sync adds no double."""
    states = {name: begun(tmp_path, name, letter * 32) for name, letter in (("one", "a"), ("two", "b"))}
    for state in states.values():
        told(state, 10)
    followers = [follow(env, name, state) for name, state in states.items()]
    wait_for(lambda: len(rows(tmp_path)) == 2)
    for state in states.values():
        told(state, 20, 30)
    wait_for(lambda: len(rows(tmp_path)) == 6)
    for follower in followers:
        follower.send_signal(signal.SIGTERM)
    assert [follower.communicate(timeout=60)[1] for follower in followers] == ["", ""]
    assert [follower.returncode for follower in followers] == [0, 0]
    before = rows(tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "artpipe", "sync"], cwd=tmp_path, env=env, capture_output=True, text=True, check=True
    )
    assert "2 trainings; new: 0 runs, 0 rows" in done.stdout
    assert rows(tmp_path) == before


@pytest.fixture
def stage(tmp_path, env):
    """Starts real trainings of the toy kind in one folder, tracked, and ends what is left of them."""
    started = []

    def start(name: str) -> subprocess.Popen[str]:
        told = {**env, "ARTPIPE_TRACKING": "on"}
        # as nice as their followers, which would wait long for a core beside two trainings otherwise
        started.append(
            subprocess.Popen(
                ["nice", "-n", "19", *project.command(name)], cwd=tmp_path, env=told, stderr=subprocess.PIPE, text=True
            )
        )
        return started[-1]

    yield start
    for training in started:
        training.terminate()  # it takes its follower along
        training.communicate(timeout=60)


@pytest.mark.nightly  # starved for minutes beside other tests: its trainings are as nice as their followers
def test_two_first_trainings_at_once(tmp_path, stage):
    """Two stages start together where no store is: both are live in it, stopped in it, and no training noticed."""
    project.make(tmp_path, steps=1_000_000, evaluate_every_steps=1_000_000, log_every_steps=100_000)
    entry = next(line for line in (tmp_path / "params.yaml").read_text().splitlines() if line.startswith("  toy:"))
    both = f"{entry}\n{entry.replace('toy:', 'twin:').replace('feature_extractor: toy', 'feature_extractor: twin')}"
    (tmp_path / "params.yaml").write_text((tmp_path / "params.yaml").read_text().replace(entry, both))
    trainings = [stage(name) for name in ("toy", "twin")]
    wait_for(lambda: statuses(tmp_path) == {"toy": "RUNNING", "twin": "RUNNING"}, 480.0)
    for training in trainings:
        training.terminate()
    said = [training.communicate(timeout=120)[1] for training in trainings]
    assert [training.returncode for training in trainings] == [75, 75], said
    logs = [path.read_text() for path in sorted(tmp_path.glob(".state/train/*/*/sync.log"))]
    assert logs == ["", ""]
    assert statuses(tmp_path) == {"toy": "KILLED", "twin": "KILLED"}
    assert (tmp_path / ".state/project-id").is_file()


def test_lost_server_costs_the_training_nothing(tmp_path, env, follow):
    """A follower without a server says so once, ends when it is told to, and a plain sync completes all of it."""
    state = begun(tmp_path, "one", "a" * 32)
    told(state, 10, 20)
    lost = {**env, NOT_THERE: "http://127.0.0.1:9", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}
    follower = follow(lost, "one", state)
    line = follower.stderr.readline()
    assert "`artpipe sync` completes it later" in line
    follower.send_signal(signal.SIGTERM)
    assert follower.communicate(timeout=60)[1] == ""
    assert follower.returncode == 0
    command = [sys.executable, "-m", "artpipe", "sync"]
    subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=True)
    assert len(rows(tmp_path)) == 2
