"""MLflow beside running trainings: one follower for all of them, which a sync completes."""

import contextlib
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from artpipe.artifacts.run import Journal, RunStart
from artpipe.system.atomic_files import write_json
from artpipe.system.locks import hold_lock, is_locked
from tests.conftest import load_module

project = load_module(Path(__file__).parents[2] / "support" / "toy_project.py")

HOLD = """
import pathlib, sys, time
from artpipe.system.locks import hold_lock
with hold_lock(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""
pytestmark = pytest.mark.timeout(1200)
# at the niceness of the tests beside it: a nice one waits for minutes for a core there
FOLLOW = (
    "import os; os.nice = lambda _: 0; "
    "from artpipe.tracking.follower import follow_trainings; follow_trainings(every_seconds=1, grace_seconds=2)"
)
NOT_THERE = "MLFLOW_TRACKING_URI"


@pytest.fixture(scope="module")
def env():
    return {name: value for name, value in os.environ.items() if name != NOT_THERE}


@contextlib.contextmanager
def begun(root: Path, name: str, run_id: str):
    """The state folder of a training that runs as long as the body."""
    with hold_lock(root / ".state/train" / name / "lock"):
        yield written(root, name, run_id)


def written(root: Path, name: str, run_id: str) -> Path:
    """What a training writes when it begins; returns its state folder."""
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

    def start(env) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", FOLLOW]
        started.append(subprocess.Popen(command, cwd=tmp_path, env=env, stderr=subprocess.PIPE, text=True))
        return started[-1]

    yield start
    for follower in started:
        follower.kill()
        follower.communicate()


def rows(root: Path) -> list[tuple]:
    """Every logged value of a training; what it takes of the machine comes whenever it is sampled."""
    database = root / ".state/mlflow/mlflow.db"
    try:
        with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
            query = (
                "select r.name, m.key, m.step, m.timestamp from metrics m join runs r using (run_uuid)"
                " where m.key not like 'system/%' order by 1, 3"
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


def wait_for(condition, seconds: float = 480.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.2)


@pytest.mark.nightly
def test_one_follower_shows_two_trainings(tmp_path, env, follow):
    """Two followers are started on an empty folder: one ends at once, the other shows both, live; a sync adds no double."""
    with begun(tmp_path, "one", "a" * 32) as one, begun(tmp_path, "two", "b" * 32) as two:
        for state in (one, two):
            told(state, 10)
        followers = [follow(env), follow(env)]
        wait_for(lambda: len(rows(tmp_path)) == 2)
        wait_for(lambda: [follower.poll() for follower in followers].count(0) == 1)
        for state in (one, two):
            told(state, 20, 30)
        wait_for(lambda: len(rows(tmp_path)) == 6)
        assert statuses(tmp_path) == {"one": "RUNNING", "two": "RUNNING"}
    assert [follower.communicate(timeout=60)[1] for follower in followers] == ["", ""]
    assert [follower.returncode for follower in followers] == [0, 0]
    assert statuses(tmp_path) == {"one": "FINISHED", "two": "FINISHED"}
    before = rows(tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "artpipe", "sync"], cwd=tmp_path, env=env, capture_output=True, text=True, check=True
    )
    assert "2 trainings; new: 0 runs, 0 rows" in done.stdout
    assert rows(tmp_path) == before


@pytest.mark.nightly
def test_a_killed_training_leaves_no_follower(tmp_path, env, follow):
    """A training that kill -9 ended is shown as killed; a next one is followed too, then the follower ends by itself."""
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / ".state/train/one/lock")], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout.readline() == "held\n"
    told(written(tmp_path, "one", "a" * 32), 10)
    former = tmp_path / ".state/train/one/4567"  # of other parameters, stopped long ago
    shutil.copytree(tmp_path / ".state/train/one/0123", former)
    os.utime(former / "run-live.json", (1.0, 1.0))
    follower = follow(env)
    wait_for(lambda: statuses(tmp_path) == {"one": "RUNNING"})
    with begun(tmp_path, "two", "b" * 32) as two:
        holder.kill()
        holder.communicate()
        told(two, 10)
        wait_for(lambda: statuses(tmp_path) == {"one": "KILLED", "two": "RUNNING"})
        told(two, 30)
    assert follower.communicate(timeout=60)[1] == ""
    assert follower.returncode == 0
    assert statuses(tmp_path) == {"one": "KILLED", "two": "FINISHED"}
    assert len(rows(tmp_path)) == 3
    assert not is_locked(tmp_path / ".state/follower/lock")


def test_a_training_of_seconds_costs_no_mlflow(tmp_path, env, follow):
    """What has ended before a follower looks is left to a later sync, and nothing is set up for it."""
    with begun(tmp_path, "one", "a" * 32) as state:
        told(state, 30)
    assert follow(env).communicate(timeout=60)[1] == ""
    assert not (tmp_path / ".state/mlflow").exists()


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
        training.terminate()  # its follower ends by itself
        training.communicate(timeout=60)


@pytest.mark.nightly  # starved for minutes beside other tests: its trainings are as nice as their followers
def test_two_first_trainings_at_once(tmp_path, stage):
    """Two stages start together where no store is: both are live in it, stopped in it, and no training noticed."""
    project.make(tmp_path, steps=1_000_000, evaluate_every_steps=1_000_000, log_every_steps=100_000)
    entry = next(line for line in (tmp_path / "params.yaml").read_text().splitlines() if line.startswith("  toy:"))
    both = f"{entry}\n{entry.replace('toy:', 'twin:').replace('feature_extractor: toy', 'feature_extractor: twin')}"
    (tmp_path / "params.yaml").write_text((tmp_path / "params.yaml").read_text().replace(entry, both))
    trainings = [stage(name) for name in ("toy", "twin")]
    wait_for(lambda: statuses(tmp_path) == {"toy": "RUNNING", "twin": "RUNNING"})
    for training in trainings:
        training.terminate()
    said = [training.communicate(timeout=120)[1] for training in trainings]
    assert [training.returncode for training in trainings] == [75, 75], said
    wait_for(lambda: statuses(tmp_path) == {"toy": "KILLED", "twin": "KILLED"})
    assert (tmp_path / ".state/follower/log").read_text() == ""
    wait_for(lambda: not is_locked(tmp_path / ".state/follower/lock"))
    assert (tmp_path / ".state/project-id").is_file()


@pytest.mark.nightly
def test_lost_server_costs_the_training_nothing(tmp_path, env, follow):
    """A follower without a server says so once, ends when it is told to, and a plain sync completes all of it."""
    with begun(tmp_path, "one", "a" * 32) as state:
        told(state, 10, 20)
        lost = {**env, NOT_THERE: "http://127.0.0.1:9", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}
        follower = follow(lost)
        line = follower.stderr.readline()
        assert "`artpipe sync` completes it later" in line
        follower.send_signal(signal.SIGTERM)
        assert follower.communicate(timeout=60)[1] == ""
        assert follower.returncode == 0
    command = [sys.executable, "-m", "artpipe", "sync"]
    subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=True)
    assert len(rows(tmp_path)) == 2
