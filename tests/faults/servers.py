"""Servers that are killed in mid-run and come back: MLflow's while a training is followed, Prefect's while a flow runs."""

import contextlib
import json
import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tests.faults import small_project
from tests.faults.kills import wait_for_survivors
from tests.faults.small_project import PATIENCE, ProjectFolder, Row

_LONG = {  # so that a training is still at work when its first rows have come to MLflow, which takes seconds
    "steps: 24": "steps: 5000",
    "evaluate_every_steps: 8": "evaluate_every_steps: 800",
    "save_every_seconds: 0.001": "save_every_seconds: 0.5",
}
_AWAY_SECONDS = (0.5, 6.0)
_START_SECONDS = 180.0
_NUMBERS = "select m.key, m.step, m.value from metrics m where m.key not like 'system/%' order by 1, 2, 3"  # those are seen live alone


class Server:
    """A real server on loopback, on a port that it keeps; killed with all its workers, and started again.

    Raises:
        RuntimeError: it does not come up.
    """

    def __init__(self, ground: ProjectFolder, name: str, health: str, command: Sequence[str]) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = str(probe.getsockname()[1])
        self.address, self._health = f"http://127.0.0.1:{port}", health
        self._made, self._log = ground, ground.folder / f"{name}.log"
        self._command = [sys.executable, "-m", *command, "--port", port]
        self.start()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        with self._log.open("a") as log:
            self._process = subprocess.Popen(
                self._command,
                cwd=self._made.folder,
                env={**self._made.environment, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},  # seven processes
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            with contextlib.suppress(OSError), urllib.request.urlopen(self.address + self._health, timeout=5):  # noqa: S310
                return
            time.sleep(0.2)
        self.kill()
        raise RuntimeError(self._log.read_text()[-2000:])

    def kill(self) -> None:
        """Kill it with all its workers."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def ask(self, path: str, data: bytes | None = None) -> object:
        """Return what it answers."""
        request = urllib.request.Request(self.address + path, data=data, headers={"Content-Type": "application/json"})  # noqa: S310
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            return json.load(answer)


def start_command(ground: ProjectFolder, *command: str, **more: str) -> subprocess.Popen[bytes]:
    """Start a command in the project."""
    with (ground.folder / "said.txt").open("w") as output:
        return subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=ground.project,
            env=ground.environment | more,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )


def kill_server_when(server: Server, run: subprocess.Popen[bytes], so: Callable[[], bool]) -> bool:
    """Kill the server as soon as something is so; say whether the run was still at work."""
    while run.poll() is None and not so():
        time.sleep(0.02)
    server.kill()
    return run.poll() is None


def read_metrics(store: Path) -> list[tuple[object, ...]]:
    """Return every row of numbers in MLflow's database; none where there is no database yet."""
    if not store.exists():
        return []
    with contextlib.closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as opened:
        try:
            return opened.execute(_NUMBERS).fetchall()
        except sqlite3.OperationalError:  # its tables are being made
            return []


def kill_mlflow(ground: ProjectFolder, chance: random.Random) -> Iterator[str]:
    """Kill MLflow's server while rows of a training come in, bring it back before or after the training's end, sync."""
    store, artifacts = ground.folder / "mlflow.db", ground.folder / "kept"
    command = ("--host", "127.0.0.1", "--workers", "1", "--backend-store-uri", f"sqlite:///{store}")
    server = Server(
        ground, "mlflow", "/health", ["mlflow", "server", *command, "--artifacts-destination", str(artifacts)]
    )
    environment = {"MLFLOW_TRACKING_URI": server.address, "ARTPIPE_TRACKING": ""}
    try:
        training = start_command(ground, "artpipe", "train", "reader", **environment)
        first = chance.randrange(1, 200)
        if not kill_server_when(server, training, lambda: len(read_metrics(store)) >= first):
            yield f"the training ended before the server was killed: {read_output(ground)}"
        if chance.random() < 0.5:
            training.wait(PATIENCE)
        else:
            time.sleep(chance.uniform(*_AWAY_SECONDS))
        server.start()
        if code := training.wait(PATIENCE):
            yield f"the training ended with {code}: {read_output(ground)}"
        for rows_before in (None, read_metrics(store)):
            exit_code = start_command(ground, "artpipe", "sync", **environment).wait(PATIENCE)
            if exit_code:
                yield f"sync ended with {exit_code}: {read_output(ground)}"
            if rows_before not in (None, read_metrics(store)) and "new: 0" not in read_output(ground):
                yield f"a second sync adds something: {read_output(ground)}"
        if start_command(ground, "artpipe", "sync", ARTPIPE_TRACKING="").wait(PATIENCE):
            yield f"sync into a store of its own: {read_output(ground)}"
        if read_metrics(store) != read_metrics(ground.project / ".state/mlflow/mlflow.db"):
            yield "the server's rows are not those of a store that nobody disturbed"
        with contextlib.closing(sqlite3.connect(store)) as opened:
            states = opened.execute("select status from runs").fetchall()
        if states != [("FINISHED",)]:
            yield f"runs stand as {states}"
    finally:
        server.kill()


def kill_prefect(ground: ProjectFolder, chance: random.Random) -> Iterator[str]:
    """Kill Prefect's server while a flow trains; the run has to come to its end, and to stand as completed."""
    server = Server(ground, "prefect", "/api/health", ["artpipe", "serve", "--only", "server"])
    try:
        run = start_command(ground, "artpipe", "run", "train@reader", PREFECT_API_URL=f"{server.address}/api")
        points = chance.randrange(1, 200)
        if not kill_server_when(server, run, lambda: count_journal_rows(ground) >= points):
            yield f"the run ended before the server was killed: {read_output(ground)}"
        time.sleep(chance.uniform(*_AWAY_SECONDS))
        server.start()
        if code := run.wait(PATIENCE):
            yield f"the run ended with {code}: {read_output(ground)}"
        for kind in ("flow_runs", "task_runs"):
            states = {str(run_record["state_type"]) for run_record in server.ask(f"/api/{kind}/filter", b"{}")}  # type: ignore[attr-defined]
            if states != {"COMPLETED"}:
                yield f"{kind} stand as {sorted(states)}"
    finally:
        server.kill()


def read_output(ground: ProjectFolder) -> str:
    """Return the end of what the last command said."""
    return (ground.folder / "said.txt").read_text()[-400:]


def count_journal_rows(ground: ProjectFolder) -> int:
    """Return how many rows a training at work has written."""
    live = list((ground.project / ".state/train/reader").glob("*/journal.jsonl"))
    return len(live[0].read_bytes().splitlines()) if live else 0


SERVERS = {
    "MLflow's": (kill_mlflow, "the training goes on, the same checkpoint; after a sync every row once, FINISHED"),
    "Prefect's": (kill_prefect, "the training goes on, the same checkpoint; the run and its tasks stand as COMPLETED"),
}


def rows(folder: Path, count: int, seed: int, only: Sequence[str] = ()) -> Iterator[Row]:
    """Yield a row for each server; `count` kills in all."""
    chosen = [name for name in SERVERS if not only or any(word in name for word in only)]
    if not chosen:
        return
    params = small_project.make_small_params()
    for short, long in _LONG.items():
        params = params.replace(short, long)
    still = small_project.make_small_project(folder / "still", params)
    for stage in ("ingest", "preprocess"):
        still.run(stage, "forms")
    before = still.copy_to(folder / "before")
    still.run("train", "reader")
    wanted = small_project.hash_outputs(still.project, "checkpoints")
    for index, name in enumerate(chosen):
        tried, outcome = SERVERS[name]
        times, wrong = count // len(chosen) + (index < count % len(chosen)), list[str]()
        for number in range(times):
            ground = before.copy_to(folder / f"{tried.__name__}-{number}")
            wrong += tried(ground, random.Random(f"{seed} {name} {number}"))
            problems = small_project.hash_outputs(ground.project, "checkpoints")
            wrong += [f"differs: {copy}" for copy in small_project.list_differences(problems, wanted)]
            wrong += [
                *small_project.list_torn_files(ground.project),
                *small_project.list_temporaries(ground.project),
                *wait_for_survivors(ground.project),
            ]
        yield Row("SIGKILL, back later", f"{name} server", times, 0, outcome, tuple(wrong))
