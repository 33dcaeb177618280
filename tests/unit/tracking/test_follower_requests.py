"""A flow asks the follower for a sync: answered, refused, nobody there, gone in the middle."""

import threading
import time

import pytest

from artpipe.system.hashing import sha256_bytes
from artpipe.system.locks import hold_lock
from artpipe.tracking.follower import _Follower
from artpipe.tracking.follower_requests import (
    FOLLOWER_FOLDER,
    FOLLOWER_LOCK,
    SyncAnswer,
    answer_request,
    ask_follower,
)


@pytest.fixture
def follower(tmp_path):
    """A thread that holds the follower's lock and answers once; returns a starter."""
    threads = []

    def start(sync, holds_for: float = 20.0):
        ready = threading.Event()

        def follow() -> None:
            with hold_lock(tmp_path / FOLLOWER_LOCK):
                ready.set()
                deadline = time.monotonic() + holds_for
                while time.monotonic() < deadline and not (sync and answer_request(tmp_path, sync)):
                    time.sleep(0.02)

        threads.append(threading.Thread(target=follow))
        threads[-1].start()
        ready.wait(20)

    yield start
    for thread in threads:
        thread.join()


def left_over(root):
    return sorted(file.name for file in (root / FOLLOWER_FOLDER).iterdir() if file.name.startswith("asked"))


def test_nobody_is_there(tmp_path):
    """Without a follower the answer is none, at once, and no file stays."""
    (tmp_path / FOLLOWER_FOLDER).mkdir(parents=True)
    began = time.monotonic()
    assert ask_follower(tmp_path, 60.0) is None
    assert time.monotonic() - began < 10
    assert left_over(tmp_path) == []


@pytest.mark.parametrize("answer", [SyncAnswer(True, "MLflow: 2 trainings"), SyncAnswer(False, "MLflow: away")])
def test_the_answer_is_that_of_the_sync(tmp_path, follower, answer):
    """What the sync says comes back, although the follower ends right after it."""
    follower(lambda: answer)
    assert ask_follower(tmp_path, 60.0) == answer
    assert left_over(tmp_path) == []


def test_another_server_is_not_written_to(tmp_path, follower, monkeypatch):
    """A follower that writes to another server says so with an empty message."""
    follower(lambda: pytest.fail("synced to the wrong server"))
    asked = tmp_path / FOLLOWER_FOLDER / "asked-x"
    asked.write_text('{"server": "of somebody else"}')
    answered, deadline = asked.with_name("answered-x"), time.monotonic() + 20
    while not answered.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert '"message":""' in answered.read_text()


def test_a_follower_that_ends_is_not_waited_for(tmp_path, follower):
    """A follower that ends without an answer is noticed by its lock."""
    follower(None, holds_for=0.5)
    assert ask_follower(tmp_path, 60.0) is None
    assert left_over(tmp_path) == []


def test_the_wait_ends(tmp_path, follower):
    """A follower that never answers is waited for so long and no longer."""
    follower(None, holds_for=3.0)
    assert ask_follower(tmp_path, 0.5) is None


def test_damaged_files_are_no_request(tmp_path):
    """A file that is cut in half asks for nothing."""
    (tmp_path / FOLLOWER_FOLDER).mkdir(parents=True)
    (tmp_path / FOLLOWER_FOLDER / "asked-x").write_text("{")
    (tmp_path / FOLLOWER_FOLDER / "asked-y").mkdir()
    (tmp_path / FOLLOWER_FOLDER / "asked-z.tmp.1").write_text(
        '{"server": "' + sha256_bytes(b"") + '"}'
    )  # being written
    assert not answer_request(tmp_path, lambda: pytest.fail("synced"))


def test_all_who_ask_at_once_are_answered_by_one_sync(tmp_path, follower):
    """Two runs that end together wait for the same sync, and nothing of them stays."""
    synced = []

    def sync() -> SyncAnswer:
        time.sleep(0.5)
        synced.append(1)
        return SyncAnswer(True, "MLflow: 2 trainings")

    (tmp_path / FOLLOWER_FOLDER).mkdir(parents=True)
    for number in range(2):
        (tmp_path / FOLLOWER_FOLDER / f"asked-{number}").write_text(f'{{"server": "{sha256_bytes(b"")}"}}')
    follower(sync)
    deadline = time.monotonic() + 20
    while len(list((tmp_path / FOLLOWER_FOLDER).glob("answered-*"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert len(list((tmp_path / FOLLOWER_FOLDER).glob("answered-*"))) == 2
    assert synced == [1]


def test_what_the_follower_says_is_a_sentence(tmp_path, monkeypatch):
    """The sync of a real store is told as `artpipe sync` tells it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    (tmp_path / "params.yaml").write_text("format: 2\n")
    answer = _Follower(threading.Event(), 1.0, 1.0)._sync()
    assert answer.done
    assert answer.message.startswith("MLflow: 0 trainings")
