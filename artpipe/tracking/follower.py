"""The process that shows a project's trainings in MLflow while they run.

The first training starts it, a lock decides that there is one, and it ends by itself: a training holds its own lock for as
long as it lives, however it dies.
"""

import contextlib
import os
import subprocess  # starting our own tool is this file's purpose
import sys
import threading
import time
from importlib.util import find_spec
from pathlib import Path

from artpipe.artifacts.paths import STATE, run
from artpipe.artifacts.run import Journal, RunRecord
from artpipe.errors import ArtpipeError, BusyError
from artpipe.system.locks import hold_lock, is_locked
from artpipe.system.processes import handle_signals, utf8_environment
from artpipe.tracking.follower_requests import FOLLOWER_FOLDER, FOLLOWER_LOCK, SyncAnswer, answer_request
from artpipe.tracking.mlflow_store import MlflowStore, TrackedRun
from artpipe.tracking.mlflow_sync import first_line, log_journal, read_start, start_run, sync
from artpipe.tracking.training_load import TrainingLoad

_LOG = FOLLOWER_FOLDER / "log"
_START_FILE = "run-live.json"  # a training leaves it in its state folder while it is not complete
_GRACE_SECONDS = 30.0  # after the last training, so that the next one of a pipeline run finds it there
_RUN_GRACE_SECONDS = 300.0  # the same where a flow started it, which will ask for a sync after its last stages
_LOOK_SECONDS = 0.5  # between two looks for somebody who asks
_TAKE_OVER_SECONDS = 2.0  # in which somebody who only asked for the lock has let it go
_NICE = 10


def start_follower() -> None:
    """Start the follower unless there is one or none is wanted.

    Nothing is waited for, and nothing makes it fail.
    It has a session of its own and no pipe of the caller, so whoever waits for a training does not wait for it.
    """
    if os.environ.get("ARTPIPE_TRACKING") == "off" or find_spec("mlflow") is None:
        return
    with contextlib.suppress(Exception):  # a training is never the worse for it
        if is_locked(FOLLOWER_LOCK):
            return
        command = [sys.executable, "-m", "artpipe", "sync", "--follow"]
        with _LOG.open("w") as log:
            subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env=utf8_environment(),
            )


def follow_trainings(every_seconds: float = 3.0, grace_seconds: float | None = None) -> None:
    """Show the trainings of this project while they run.

    It syncs MLflow when a flow asks for it, and ends when none has run for a while (`grace_seconds`), at a signal, or after a sync while none runs.
    Returns at once where another follower is at it. Errors of the store are printed once for each training and left to a
    later `artpipe sync`.
    """
    ended = threading.Event()
    handle_signals(lambda *_: ended.set())
    os.nice(_NICE)
    if grace_seconds is None:
        grace_seconds = _RUN_GRACE_SECONDS if os.environ.get("ARTPIPE_SYNC") == "later" else _GRACE_SECONDS
    with contextlib.suppress(BusyError):
        # A training takes its own lock, then asks for this one; the follower lets this one go, then asks for theirs. So of
        # a training that begins as it ends at least one side sees the other.
        is_first = True
        while is_first or (running_states() and not ended.is_set()):
            is_first = False
            with hold_lock(FOLLOWER_LOCK, wait_seconds=_TAKE_OVER_SECONDS, doing="following trainings"):
                _Follower(ended, every_seconds, grace_seconds).run()


def running_states() -> set[Path]:
    """Return the state folders of the trainings that are running.

    A training's other folders are of other parameters: what it wrote since it took its lock is its own.
    """
    states: set[Path] = set()
    for lock in STATE.glob("train/*/lock"):
        if is_locked(lock):
            began = lock.stat().st_mtime_ns
            starts = lock.parent.glob(f"*/{_START_FILE}")
            states |= {start.parent for start in starts if _modified(start) >= began}
    return states


class _Follower:
    """Follow whatever runs, until nothing has run for a while."""

    def __init__(self, ended: threading.Event, every_seconds: float, grace_seconds: float) -> None:
        self.ended, self.every_seconds, self.grace_seconds = ended, every_seconds, grace_seconds
        self.store: MlflowStore | None = None
        self.runs: dict[Path, TrackedRun] = {}
        self.loads: dict[Path, TrainingLoad] = {}
        self.reported: set[Path] = set()

    def run(self) -> None:
        """Look every few seconds, and more often whether somebody asks for a sync."""
        last_seen = last_look = time.monotonic()
        while not self.ended.wait(min(_LOOK_SECONDS, self.every_seconds)):
            if answer_request(Path(), self._sync) and not running_states():
                return
            if time.monotonic() - last_look < self.every_seconds:
                continue
            states, last_look = running_states(), time.monotonic()
            self._show(states)
            if states:
                last_seen = last_look
            elif last_look - last_seen > self.grace_seconds:
                return
        self._show(running_states())

    def _sync(self) -> SyncAnswer:
        """Bring everything up to date; trainings that have ended are finished by it."""
        states = running_states()
        for state in self.runs.keys() - states:
            self.runs.pop(state)
            self.loads.pop(state, None)
        try:
            return SyncAnswer(done=True, message=sync().to_text())
        except ArtpipeError as error:
            return SyncAnswer(done=False, message=str(error))

    def _show(self, states: set[Path]) -> None:
        """Log what is new of the running trainings, and how the others ended."""
        for state in sorted(states | self.runs.keys()):
            try:
                if state in states:
                    self._follow(state)
                else:
                    self.loads.pop(state, None)
                    _finish(self.runs.pop(state), state)
            except Exception as error:  # noqa: BLE001  # a lost server costs a training nothing
                if state in states and not (state / _START_FILE).is_file():
                    continue  # it ended meanwhile: the next look or the sync after it logs its run record
                if state not in self.reported:
                    sys.stderr.write(
                        f"{state.parent.name}: MLflow: {first_line(error)}; `artpipe sync` completes it later\n"
                    )
                    sys.stderr.flush()
                self.reported.add(state)
                if self.ended.wait(self.every_seconds):
                    return

    def _follow(self, state: Path) -> None:
        if self.store is None:
            self.store = MlflowStore(Path())
        if state not in self.runs:
            self.runs[state] = start_run(self.store, Path(), read_start(state))
        log_journal(self.runs[state], state)
        self._log_load(state)

    def _log_load(self, state: Path) -> None:
        """Log what the training takes of the machine, among MLflow's system metrics."""
        if state not in self.loads:
            holder = (state.parent / "lock").read_text(encoding="ascii", errors="replace").strip()
            self.loads[state] = TrainingLoad(int(holder) if holder.isdigit() else 0)
        second, values = self.loads[state].sample()
        self.runs[state].log_system(values, second)


def _finish(tracked_run: TrackedRun, state: Path) -> None:
    """Log the rest of a training that runs no more.

    That is its state if it was stopped, else its run record.
    """
    if (state / _START_FILE).is_file():
        log_journal(tracked_run, state)
        tracked_run.set_status("FINISHED" if _is_complete(state) else "KILLED")
        return
    record = RunRecord.open(run(state.parent.name))
    log_journal(tracked_run, record.folder)
    tracked_run.set_status("FINISHED", record.card.ended)


def _is_complete(state: Path) -> bool:
    steps = [row["step"] for row in Journal(state / "journal.jsonl").rows()]
    return bool(steps) and max(steps) >= int(read_start(state).params.get("steps", 0))


def _modified(file: Path) -> int:
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return 0  # just removed by the training that has ended
