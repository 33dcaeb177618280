"""Whole runs: `dvc repro` and `artpipe run` killed, dvc alone too, and `artpipe sync`; what is left over, and what MLflow then shows."""

import contextlib
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tests.faults import small_project
from tests.faults.kill_at_write import ENVIRONMENT
from tests.faults.kills import KillArena, Stage, list_stages, wait_for_survivors
from tests.faults.small_project import ProjectFolder, Row

MEND = "from artpipe.orchestration.scheduling.dvc_graph import repair_dvc_files; print(repair_dvc_files())"  # what `artpipe run` does first, and a plain `dvc repro` does not
READER = ("ingest (pictures)", "preprocess (pictures)", "train (classifier)", "evaluate (classifier)")
CHANGES = 140  # that a stage makes in its writes, about


class RunFaults:
    """A project whose stages were run by themselves, undisturbed; what dvc and the flow make has to be the same."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self.chance = folder, random.Random(seed)
        self.arena = KillArena(folder / "arena", small_project.make_small_params())
        self.stages = [stage for stage in list_stages() if stage.where in READER]
        for stage in self.stages:
            self.arena.run_undisturbed(stage)
        self.wanted = small_project.hash_outputs(self.arena.still.project)

    def make_project(self, name: str) -> ProjectFolder:
        """Make a project that nothing was run in; its `artpipe` is the real one that can be told to kill."""
        ground = small_project.make_small_project(self.folder / name, small_project.make_small_params())
        script = ground.folder / "bin/artpipe"
        script.parent.mkdir()
        script.write_text(f'#!/bin/sh\nexec {sys.executable} {Path(__file__).with_name("kill_at_write.py")} "$@"\n')
        script.chmod(0o755)
        ground.environment["PATH"] = os.pathsep.join([str(script.parent), ground.environment["PATH"]])
        return ground

    def check_end(self, ground: ProjectFolder, *targets: str) -> list[str]:
        """Say what differs, what is stale (of the targets, else of all) and what was left behind."""
        wrong = [
            f"differs: {name}"
            for name in small_project.list_differences(small_project.hash_outputs(ground.project), self.wanted)
        ]
        status = ground.execute("dvc", "status", "--json", *targets)
        stale = json.loads(status.said.strip().splitlines()[-1]) if not status.code else status.said
        wrong += [f"stale: {stale}"] if stale else []
        verdict = ground.run("verify")
        wrong += [f"verify: {verdict.said[-500:]}"] if verdict.code else []
        return wrong + [f"left behind: {name}" for name in small_project.list_temporaries(ground.project)]


def start_command(ground: ProjectFolder, aim: dict[str, object], *command: str) -> subprocess.Popen[bytes]:
    """Start a command in a session of its own."""
    with (ground.folder / "said.txt").open("w") as output:
        return subprocess.Popen(
            command,
            cwd=ground.project,
            env=ground.environment | {ENVIRONMENT: json.dumps(aim)},
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


def kill_when(run: subprocess.Popen[bytes], when: Callable[[], bool], *, group: bool) -> bool:
    """Kill a run, or all of its session, as soon as something is so; say whether there was still something to kill."""
    while run.poll() is None:
        if when():
            (os.killpg if group else os.kill)(run.pid, signal.SIGKILL)
            break
        time.sleep(0.001)
    return run.wait() == -signal.SIGKILL  # by the stage's aim, where not by us


def kill_dvc(runs: RunFaults, count: int) -> Iterator[Row]:
    """Kill `dvc repro` again and again: alone, by a stage that is in the middle of a write, or all of it."""
    ground = runs.make_project("dvc")
    dvc_add(ground)
    times, alone, aimed, wrong = 0, 0, 0, list[str]()
    for number in range(3 * count):
        if times == count:
            break
        by_stage = number % 3 != 2
        aim = {"at": runs.chance.randint(1, CHANGES), "whom": "leader"} if by_stage else {}
        until = time.monotonic() + (small_project.PATIENCE if by_stage else runs.chance.uniform(1, 12))
        run = start_command(ground, aim, "dvc", "repro", "evaluate@reader")
        hit = kill_when(run, lambda until=until: time.monotonic() > until, group=not by_stage)
        wrong += [
            f"after dvc was killed: {problem}"
            for problem in (*wait_for_survivors(ground.project), *small_project.list_torn_files(ground.project))
        ]
        if not hit:
            wrong += [f"dvc repro: {(ground.folder / 'said.txt').read_text()[-300:]}"] if run.returncode else []
            shutil.rmtree(ground.project / "data")
            (ground.project / "dvc.lock").unlink(missing_ok=True)
            shutil.rmtree(ground.project / ".dvc/cache", ignore_errors=True)
            continue
        times, alone, aimed = times + 1, alone + by_stage, aimed + by_stage
        mend = ground.execute(sys.executable, "-c", MEND)
        wrong += [f"mending: {mend.said[-300:]}"] if mend.code else []
    last = ground.execute("dvc", "repro", "evaluate@reader")
    wrong += [f"the last dvc repro: {last.said[-300:]}"] if last.code else []
    wrong += runs.check_end(ground, "evaluate@reader")
    what = f"{alone} of them dvc alone; nobody outlived it, then the same bytes and nothing stale"
    yield Row("dvc repro killed", "stages of a room", times, aimed, what, tuple(dict.fromkeys(wrong)))


def dvc_add(ground: ProjectFolder) -> None:
    """Let DVC track the pictures, as `artpipe dataset add` does."""
    result = ground.execute("dvc", "add", "-q", "datasets/forms")
    if result.code:
        raise RuntimeError(result.said)


def kill_flow(runs: RunFaults, count: int) -> Iterator[Row]:
    """Kill `artpipe run` with all its session while something is half-written, then let it come to its end."""
    ground = runs.make_project("flow")
    dvc_add(ground)
    times, wrong = 0, list[str]()
    for _ in range(max(1, count // 7)):
        before = set(small_project.list_temporaries(ground.project))
        run = start_command(ground, {}, "artpipe", "run", "reader")
        wait = time.monotonic() + runs.chance.uniform(0, 3)
        hit = kill_when(
            run,
            lambda wait=wait, before=before: (
                time.monotonic() > wait and bool(set(small_project.list_temporaries(ground.project)) - before)
            ),
            group=True,
        )
        times += hit
        wrong += [
            f"after the run was killed: {problem}"
            for problem in (*wait_for_survivors(ground.project), *small_project.list_torn_files(ground.project))
        ]
    last = ground.execute("artpipe", "run", "reader")
    wrong += [f"the last artpipe run: {last.code}: {last.said[-600:]}"] if last.code else []
    wrong += runs.check_end(ground)
    what = "nobody outlived it; the next run goes on, then the same bytes and nothing stale"
    yield Row("artpipe run killed", "a room and the gallery", times, times, what, tuple(dict.fromkeys(wrong)))


def kill_sync(runs: RunFaults, count: int) -> Iterator[Row]:
    """Kill `artpipe sync` and a training that it has shown; MLflow then has every row once, and no run that runs for ever."""
    still, train = runs.arena.still, next(stage for stage in runs.stages if stage.model)
    reference = still.copy_to(runs.folder / "told")
    run_sync(reference)
    wanted = read_mlflow_rows(reference)
    torn = still.copy_to(runs.folder / "untold")
    wrong, times = kill_training(runs, torn, train, wanted), 1
    (torn.project / ".state/mlflow").exists() and shutil.rmtree(torn.project / ".state/mlflow")
    store = torn.project / ".state/mlflow"
    for _ in range(3 * count):
        if times > count // 3:
            break
        shutil.rmtree(store, ignore_errors=True) if times % 2 else None  # else it goes on with what a killed one left
        began, wait = time.time(), runs.chance.uniform(0, 2)
        run = start_command(torn, {}, sys.executable, "-m", "artpipe", "sync")
        times += kill_when(
            run, lambda began=began, wait=wait: has_written(store, began) and not time.sleep(wait), group=False
        )
        wrong += wait_for_survivors(torn.project)
    run_sync(torn)
    actual = read_mlflow_rows(torn)
    wrong += (
        [f"rows of MLflow: {actual[0] - wanted[0]} too many, {wanted[0] - actual[0]} missing"]
        if actual[0] != wanted[0]
        else []
    )
    wrong += [f"states in MLflow: {actual[1]}"] if set(actual[1]) != {"FINISHED"} else []
    what = f"{sum(wanted[0].values())} metric rows, each once; the killed training KILLED, then FINISHED"
    yield Row("artpipe sync killed", "MLflow's store", times, 0, what, tuple(dict.fromkeys(wrong)))


def run_sync(ground: ProjectFolder) -> None:
    """Bring a project's runs into MLflow.

    Raises:
        RuntimeError: it failed.
    """
    result = ground.run("sync", ARTPIPE_TRACKING="")
    if result.code:
        raise RuntimeError(result.said)


def has_written(store: Path, began: float) -> bool:
    """Say whether a process that began then has written into a store."""
    return any(path.stat().st_mtime > began for path in store.glob("*") if path.is_file())


def read_mlflow_rows(ground: ProjectFolder) -> tuple[Counter[tuple[object, ...]], list[str]]:
    """Return how often each metric row (name, step, value) stands in MLflow's store, and the states of the runs."""
    with contextlib.closing(sqlite3.connect(ground.project / ".state/mlflow/mlflow.db")) as store:
        rows = store.execute("select m.key, m.step, m.value from metrics m").fetchall()
        states = [state for (state,) in store.execute("select status from runs")]
    return Counter(tuple(row) for row in rows), states


def kill_training(
    runs: RunFaults, ground: ProjectFolder, train: Stage, wanted: tuple[Counter[tuple[object, ...]], list[str]]
) -> list[str]:
    """Kill a training, sync, let it come to its end, sync again; say what MLflow should not have shown."""
    for room in ("checkpoints", "runs", "reports"):
        shutil.move(ground.project / "data" / room, ground.folder / room)
    runs.arena.run_and_kill(ground, train, {"at": 150, "number": int(signal.SIGKILL)})
    run_sync(ground)
    wrong = (
        []
        if read_mlflow_rows(ground)[1] == ["KILLED"]
        else [f"a killed training stands as {read_mlflow_rows(ground)[1]}"]
    )
    runs.arena.run_and_kill(ground, train, {})
    run_sync(ground)
    metric_rows, states = read_mlflow_rows(ground)
    trained = Counter({row: count for row, count in wanted[0].items() if row in metric_rows})
    wrong += [f"rows twice: {metric_rows - trained}"] if metric_rows - trained else []
    wrong += [f"a training that was finished stands as {states}"] if states != ["FINISHED"] else []
    for room in ("checkpoints", "runs"):
        shutil.rmtree(ground.project / "data" / room)
    for room in ("checkpoints", "runs", "reports"):
        shutil.move(ground.folder / room, ground.project / "data" / room)
    return wrong


FAULTS = {"dvc": kill_dvc, "run": kill_flow, "sync": kill_sync}


def rows(folder: Path, count: int, seed: int, only: Sequence[str] = ()) -> Iterator[Row]:
    """Yield the rows; `count` times dvc is killed."""
    chosen = [fault for name, fault in FAULTS.items() if not only or any(word in name for word in only)]
    if not chosen:
        return
    runs = RunFaults(folder, seed)
    try:
        for fault in chosen:
            yield from fault(runs, count)
    finally:
        runs.arena.close()
