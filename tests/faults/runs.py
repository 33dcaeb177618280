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
from tests.faults.kills import Arena, Stage, stages, survivors
from tests.faults.small_project import Ground, Row

MEND = "from artpipe.orchestration.scheduling.dvc_graph import repair_dvc_files; print(repair_dvc_files())"  # what `artpipe run` does first, and a plain `dvc repro` does not
READER = ("ingest (pictures)", "preprocess (pictures)", "train (classifier)", "evaluate (classifier)")
CHANGES = 140  # that a stage makes in its writes, about


class Runs:
    """A project whose stages were run by themselves, undisturbed; what dvc and the flow make has to be the same."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self.chance = folder, random.Random(seed)
        self.arena = Arena(folder / "arena", small_project.small())
        self.stages = [stage for stage in stages() if stage.where in READER]
        for stage in self.stages:
            self.arena.undisturbed(stage)
        self.wanted = small_project.digests(self.arena.still.project)

    def planted(self, name: str) -> Ground:
        """Make a project that nothing was run in; its `artpipe` is the real one that can be told to kill."""
        made = small_project.planted(self.folder / name, small_project.small())
        script = made.folder / "bin/artpipe"
        script.parent.mkdir()
        script.write_text(f'#!/bin/sh\nexec {sys.executable} {Path(__file__).with_name("kill_at_write.py")} "$@"\n')
        script.chmod(0o755)
        made.environment["PATH"] = os.pathsep.join([str(script.parent), made.environment["PATH"]])
        return made

    def wrong_at_the_end(self, made: Ground, *targets: str) -> list[str]:
        """Say what differs, what is stale (of the targets, else of all) and what was left behind."""
        wrong = [
            f"differs: {name}" for name in small_project.differences(small_project.digests(made.project), self.wanted)
        ]
        status = made.execute("dvc", "status", "--json", *targets)
        stale = json.loads(status.said.strip().splitlines()[-1]) if not status.code else status.said
        wrong += [f"stale: {stale}"] if stale else []
        verdict = made.run("verify")
        wrong += [f"verify: {verdict.said[-500:]}"] if verdict.code else []
        return wrong + [f"left behind: {name}" for name in small_project.halves(made.project)]


def begun(made: Ground, aim: dict[str, object], *command: str) -> subprocess.Popen[bytes]:
    """Start a command in a session of its own."""
    with (made.folder / "said.txt").open("w") as said:
        return subprocess.Popen(
            command,
            cwd=made.project,
            env=made.environment | {ENVIRONMENT: json.dumps(aim)},
            stdout=said,
            stderr=said,
            start_new_session=True,
        )


def killed(run: subprocess.Popen[bytes], when: Callable[[], bool], *, group: bool) -> bool:
    """Kill a run, or all of its session, as soon as something is so; say whether there was still something to kill."""
    while run.poll() is None:
        if when():
            (os.killpg if group else os.kill)(run.pid, signal.SIGKILL)
            break
        time.sleep(0.001)
    return run.wait() == -signal.SIGKILL  # by the stage's aim, where not by us


def dvc(runs: Runs, count: int) -> Iterator[Row]:
    """Kill `dvc repro` again and again: alone, by a stage that is in the middle of a write, or all of it."""
    made = runs.planted("dvc")
    dvc_add(made)
    times, alone, aimed, wrong = 0, 0, 0, list[str]()
    for number in range(3 * count):
        if times == count:
            break
        by_stage = number % 3 != 2
        aim = {"at": runs.chance.randint(1, CHANGES), "whom": "leader"} if by_stage else {}
        until = time.monotonic() + (small_project.PATIENCE if by_stage else runs.chance.uniform(1, 12))
        run = begun(made, aim, "dvc", "repro", "evaluate@reader")
        hit = killed(run, lambda until=until: time.monotonic() > until, group=not by_stage)
        wrong += [
            f"after dvc was killed: {one}" for one in (*survivors(made.project), *small_project.torn(made.project))
        ]
        if not hit:
            wrong += [f"dvc repro: {(made.folder / 'said.txt').read_text()[-300:]}"] if run.returncode else []
            shutil.rmtree(made.project / "data")
            (made.project / "dvc.lock").unlink(missing_ok=True)
            shutil.rmtree(made.project / ".dvc/cache", ignore_errors=True)
            continue
        times, alone, aimed = times + 1, alone + by_stage, aimed + by_stage
        mend = made.execute(sys.executable, "-c", MEND)
        wrong += [f"mending: {mend.said[-300:]}"] if mend.code else []
    last = made.execute("dvc", "repro", "evaluate@reader")
    wrong += [f"the last dvc repro: {last.said[-300:]}"] if last.code else []
    wrong += runs.wrong_at_the_end(made, "evaluate@reader")
    what = f"{alone} of them dvc alone; nobody outlived it, then the same bytes and nothing stale"
    yield Row("dvc repro killed", "stages of a room", times, aimed, what, tuple(dict.fromkeys(wrong)))


def dvc_add(made: Ground) -> None:
    """Let DVC track the pictures, as `artpipe dataset add` does."""
    done = made.execute("dvc", "add", "-q", "datasets/forms")
    if done.code:
        raise RuntimeError(done.said)


def flow(runs: Runs, count: int) -> Iterator[Row]:
    """Kill `artpipe run` with all its session while something is half-written, then let it come to its end."""
    made = runs.planted("flow")
    dvc_add(made)
    times, wrong = 0, list[str]()
    for _ in range(max(1, count // 7)):
        before = set(small_project.halves(made.project))
        run = begun(made, {}, "artpipe", "run", "reader")
        wait = time.monotonic() + runs.chance.uniform(0, 3)
        hit = killed(
            run,
            lambda wait=wait, before=before: (
                time.monotonic() > wait and bool(set(small_project.halves(made.project)) - before)
            ),
            group=True,
        )
        times += hit
        wrong += [
            f"after the run was killed: {one}" for one in (*survivors(made.project), *small_project.torn(made.project))
        ]
    last = made.execute("artpipe", "run", "reader")
    wrong += [f"the last artpipe run: {last.code}: {last.said[-600:]}"] if last.code else []
    wrong += runs.wrong_at_the_end(made)
    what = "nobody outlived it; the next run goes on, then the same bytes and nothing stale"
    yield Row("artpipe run killed", "a room and the gallery", times, times, what, tuple(dict.fromkeys(wrong)))


def sync(runs: Runs, count: int) -> Iterator[Row]:
    """Kill `artpipe sync` and a training that it has shown; MLflow then has every row once, and no run that runs for ever."""
    still, train = runs.arena.still, next(stage for stage in runs.stages if stage.model)
    told = still.copied(runs.folder / "told")
    synced(told)
    wanted = rows_in(told)
    torn = still.copied(runs.folder / "untold")
    wrong, times = cut_short(runs, torn, train, wanted), 1
    (torn.project / ".state/mlflow").exists() and shutil.rmtree(torn.project / ".state/mlflow")
    store = torn.project / ".state/mlflow"
    for _ in range(3 * count):
        if times > count // 3:
            break
        shutil.rmtree(store, ignore_errors=True) if times % 2 else None  # else it goes on with what a killed one left
        began, wait = time.time(), runs.chance.uniform(0, 2)
        run = begun(torn, {}, sys.executable, "-m", "artpipe", "sync")
        times += killed(run, lambda began=began, wait=wait: written(store, began) and not time.sleep(wait), group=False)
        wrong += survivors(torn.project)
    synced(torn)
    found = rows_in(torn)
    wrong += (
        [f"rows of MLflow: {found[0] - wanted[0]} too many, {wanted[0] - found[0]} missing"]
        if found[0] != wanted[0]
        else []
    )
    wrong += [f"states in MLflow: {found[1]}"] if set(found[1]) != {"FINISHED"} else []
    what = f"{sum(wanted[0].values())} metric rows, each once; the killed training KILLED, then FINISHED"
    yield Row("artpipe sync killed", "MLflow's store", times, 0, what, tuple(dict.fromkeys(wrong)))


def synced(made: Ground) -> None:
    """Bring a project's runs into MLflow.

    Raises:
        RuntimeError: it failed.
    """
    done = made.run("sync", ARTPIPE_TRACKING="")
    if done.code:
        raise RuntimeError(done.said)


def written(store: Path, began: float) -> bool:
    """Say whether a process that began then has written into a store."""
    return any(path.stat().st_mtime > began for path in store.glob("*") if path.is_file())


def rows_in(made: Ground) -> tuple[Counter[tuple[object, ...]], list[str]]:
    """Return how often each metric row (name, step, value) stands in MLflow's store, and the states of the runs."""
    with contextlib.closing(sqlite3.connect(made.project / ".state/mlflow/mlflow.db")) as store:
        rows = store.execute("select m.key, m.step, m.value from metrics m").fetchall()
        states = [state for (state,) in store.execute("select status from runs")]
    return Counter(tuple(row) for row in rows), states


def cut_short(
    runs: Runs, made: Ground, train: Stage, wanted: tuple[Counter[tuple[object, ...]], list[str]]
) -> list[str]:
    """Kill a training, sync, let it come to its end, sync again; say what MLflow should not have shown."""
    for room in ("checkpoints", "runs", "reports"):
        shutil.move(made.project / "data" / room, made.folder / room)
    runs.arena.strike(made, train, {"at": 150, "number": int(signal.SIGKILL)})
    synced(made)
    wrong = [] if rows_in(made)[1] == ["KILLED"] else [f"a killed training stands as {rows_in(made)[1]}"]
    runs.arena.strike(made, train, {})
    synced(made)
    found, states = rows_in(made)
    trained = Counter({row: count for row, count in wanted[0].items() if row in found})
    wrong += [f"rows twice: {found - trained}"] if found - trained else []
    wrong += [f"a training that was finished stands as {states}"] if states != ["FINISHED"] else []
    for room in ("checkpoints", "runs"):
        shutil.rmtree(made.project / "data" / room)
    for room in ("checkpoints", "runs", "reports"):
        shutil.move(made.folder / room, made.project / "data" / room)
    return wrong


FAULTS = {"dvc": dvc, "run": flow, "sync": sync}


def rows(folder: Path, count: int, seed: int, only: Sequence[str] = ()) -> Iterator[Row]:
    """Yield the rows; `count` times dvc is killed."""
    chosen = [fault for name, fault in FAULTS.items() if not only or any(word in name for word in only)]
    if not chosen:
        return
    runs = Runs(folder, seed)
    try:
        for fault in chosen:
            yield from fault(runs, count)
    finally:
        runs.arena.close()
