"""Every stage and kind of model, killed again and again on its way, aimed into its writes; it ends as if nobody had been there."""

import itertools
import json
import os
import random
import shutil
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from artpipe.system.atomic_files import remove_path
from artpipe.system.processes import find_process
from tests.faults import small_project
from tests.faults.fork_server import ForkServer
from tests.faults.kill_at_write import ENVIRONMENT
from tests.faults.small_project import ProjectFolder, Row

KINDS = {
    "reader": "classifier",
    "vae": "vae",
    "gan": "gan",
    "flow": "flow",
    "larger": "superres",
    "repairer": "inpaint",
    "painter": "style",
    "hand": "faststyle",
    "poet": "rnn of texts",
    "cantor": "rnn of music",
}
MEDIA = {"forms": "pictures", "verse": "texts", "hymns": "music"}
FRESH_EVERY = 16  # the other commands are forked from a process that has imported the libraries
TEMPFAIL = 75
GONE_SECONDS = 60.0  # in which nothing may be left of a killed command, on a busy machine


class Stage(NamedTuple):
    """A command, its outputs below ``data``, how many of 500 kills it gets and how many on one way to its end."""

    command: tuple[str, ...]
    where: str
    outputs: tuple[str, ...]
    share: int
    each: int

    @property
    def model(self) -> str:
        """The model that is trained, or nothing."""
        return self.command[1] if self.command[0] == "train" else ""


def list_stages() -> list[Stage]:
    """Return every stage, in an order in which they can run."""
    stages = []
    for name, what in MEDIA.items():
        stages.append(Stage(("ingest", name), f"ingest ({what})", (f"works/{name}", f"record/{name}"), 9, 3))
    for name, what in MEDIA.items():
        stages.append(Stage(("preprocess", name), f"preprocess ({what})", (f"shards/{name}",), 9, 3))
    stages.append(Stage(("weights", "eye"), "weights", ("weights/eye",), 8, 4))
    for name, kind in KINDS.items():
        outputs = (f"checkpoints/{name}", f"runs/{name}/progress")
        stages.append(Stage(("train", name), f"train ({kind})", outputs, 40, 20))
    for name, kind in KINDS.items():
        outputs = (f"reports/{name}", f"metrics/{name}.json", f"plots/{name}")
        stages.append(Stage(("evaluate", name), f"evaluate ({kind})", outputs, 6, 3))
    return [*stages, Stage(("gallery",), "gallery", ("gallery",), 16, 4)]


class StageResult(NamedTuple):
    """What an undisturbed run of a stage left, how long it took and how many changes it made in the middle of writes."""

    digests: dict[str, str]
    journal: list[dict[str, object]]
    seconds: float
    changes: int


class KilledRun(NamedTuple):
    """One run of a stage that was to be killed."""

    code: int
    said: str
    seconds: float
    in_write: bool
    wrong: tuple[str, ...]  # what is torn, and who is still alive


class KillArena:
    """Two projects: one that nobody disturbs, and one that is killed."""

    def __init__(self, folder: Path, params: str = small_project.PARAMS) -> None:
        self.still = small_project.make_small_project(folder / "still", params)
        self.fork_server = ForkServer(self.still.environment)
        self.torn = self.still.copy_to(folder / "torn")
        self.number = itertools.count(1)

    def run_undisturbed(self, stage: Stage) -> StageResult:
        """Run a stage to its end.

        Raises:
            RuntimeError: it did not come to its end.
        """
        result = self.run_and_kill(self.still, stage, {})
        if result.code:
            raise RuntimeError(f"{stage.where}: {result.said}")
        changes = json.loads((self.still.folder / "log.jsonl").read_text().splitlines()[-1])["count"]
        return StageResult(hash_outputs(self.still, stage), read_journal(self.still, stage), result.seconds, changes)

    def run_and_kill(
        self, on: ProjectFolder, stage: Stage, aim: dict[str, object], after: float = 0.0, *, alone: bool = True
    ) -> KilledRun:
        """Run a stage that kills itself at its `aim`, or is killed `after` so many seconds; look at what is left."""
        log, number = on.folder / "log.jsonl", int(aim.get("number", signal.SIGKILL))
        log.unlink(missing_ok=True)
        before, began = set(small_project.list_temporaries(on.project)), time.monotonic()
        settings = {"log": str(log), **({} if after else aim)}
        if next(self.number) % FRESH_EVERY == 0 and on is self.torn:
            code = self._run_in_new_python(on, stage, settings, number, after)
        else:
            pid = self.fork_server.start(
                on.project, list(stage.command), on.environment, settings, on.folder / "said.txt"
            )
            if after:
                time.sleep(after)
                try:
                    (os.kill if alone else os.killpg)(pid, number)
                except ProcessLookupError:  # it has no group of its own yet
                    os.kill(pid, number)
            code = self.fork_server.wait(pid)
        seconds, output = time.monotonic() - began, (on.folder / "said.txt").read_text(errors="replace")
        aimed = '"event"' in (log.read_text() if log.exists() else "")
        in_write = code != 0 and (aimed or bool(set(small_project.list_temporaries(on.project)) - before))
        torn = small_project.list_torn_files(on.project) if code else []
        return KilledRun(code, output, seconds, in_write, (*wait_for_survivors(on.project), *torn))

    def _run_in_new_python(
        self, on: ProjectFolder, stage: Stage, settings: dict[str, object], number: int, after: float
    ) -> int:
        import subprocess

        command = [sys.executable, str(Path(__file__).with_name("kill_at_write.py")), *stage.command]
        environment = on.environment | {ENVIRONMENT: json.dumps(settings)}
        with (on.folder / "said.txt").open("w") as output:
            child = subprocess.Popen(
                command, cwd=on.project, env=environment, stdout=output, stderr=output, start_new_session=True
            )
            if after:
                time.sleep(after)
                child.send_signal(number)
            return child.wait(small_project.PATIENCE)

    def close(self) -> None:
        """End the process that forks."""
        self.fork_server.close()


def check_exit(stage: Stage, code: int, output: str, number: int) -> Iterator[str]:
    """Yield what is wrong with an exit code: 0, the signal itself, or after SIGTERM 75 and one line."""
    lines = [line for line in output.splitlines() if line.startswith("artpipe: ")]
    if "Traceback" in output:
        yield f"a traceback: {output.strip().splitlines()[-1][:200]}"
    elif code == TEMPFAIL:
        if number != signal.SIGTERM or len(lines) != 1:
            yield f"ended with 75: {output[-300:]}"
    elif code not in {0, -number}:
        yield f"ended with {code}: {output[-300:]}"


def wait_for_survivors(project: Path) -> tuple[str, ...]:
    """Wait until no process has the project as its folder; name those that stay."""
    deadline = time.monotonic() + GONE_SECONDS
    while processes := tuple(list_processes(project)):
        if time.monotonic() > deadline:
            return tuple(f"still alive: {process}" for process in processes)
        time.sleep(0.05)
    return ()


def list_processes(project: Path) -> Iterator[str]:
    """Yield the processes that have the project, or a folder below it, as their own."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                folder = (entry / "cwd").readlink()
            except OSError:
                continue
            if folder.is_relative_to(project) and (process := find_process(int(entry.name))):
                yield f"{process.pid} {process.name}"


def hash_outputs(on: ProjectFolder, stage: Stage) -> dict[str, str]:
    """Return the hashes of a stage's outputs."""
    hashes = {}
    for output in stage.outputs:
        path = on.project / "data" / output
        hashes |= (
            {f"data/{output}": small_project.sha256_file(path)}
            if path.is_file()
            else small_project.hash_outputs(on.project, output)
        )
    return hashes


def read_journal(on: ProjectFolder, stage: Stage) -> list[dict[str, object]]:
    """Return the rows of numbers of a stage that trains."""
    return small_project.read_journal(on.project, stage.model) if stage.model else []


class KillSeries:
    """One stage, killed `times` times: runs that come to their end are compared, and the next begins anew."""

    def __init__(self, arena: KillArena, stage: Stage, whole: StageResult, times: int, seed: int) -> None:
        self.arena, self.stage, self.whole, self.times = arena, stage, whole, times
        self.chance = random.Random(f"{seed} {stage.where}")
        self.each = min(stage.each, max(times, 1))
        self.signals: Counter[str] = Counter()
        self.hits = self.aimed = self.ends = self.longest = self.on_the_way = 0
        self.wrong: list[str] = []

    def make_row(self) -> Row:
        """Kill and compare."""
        tries = 0
        while self.hits < self.times and tries < 5 * self.times + 20:
            tries += 1
            self._kill_once(spare=self.on_the_way >= self.each)
        if self.on_the_way:
            self._kill_once(spare=True)
        shortfall = [f"{self.hits} of {self.times} kills hit"] if self.hits < self.times else []
        weights = next(
            (f", weights {sha256[:12]}" for name, sha256 in self.whole.digests.items() if "/final." in name), ""
        )
        what = f"{self.ends} times to the end, the same bytes{weights}; up to {self.longest} kills on one way"
        signals = ", ".join(f"{count} {name}" for name, count in sorted(self.signals.items()))
        return Row(
            f"killed ({signals})",
            self.stage.where,
            self.hits,
            self.aimed,
            what,
            tuple(dict.fromkeys((*shortfall, *self.wrong))),
        )

    def _kill_once(self, *, spare: bool = False) -> None:
        number = signal.SIGTERM if self.chance.random() < 0.3 else signal.SIGKILL
        aim, after, alone = {"number": int(number)}, 0.0, self.chance.random() < 0.5
        if not spare and self.chance.random() < 0.25:
            share = 3.0 / self.each if self.stage.model else 1.0
            after = 0.02 + self.chance.random() * self.whole.seconds * share
        elif not spare:
            reach = max(2, int(1.5 * self.whole.changes / self.each)) if self.stage.model else self.whole.changes
            aim |= {"at": self.chance.randint(1, reach), "half": self.chance.random() < 0.5}
        result = self.arena.run_and_kill(self.arena.torn, self.stage, aim, after, alone=alone)
        self.wrong += (*check_exit(self.stage, result.code, result.said, number), *result.wrong)
        if result.code:
            self.hits, self.on_the_way, self.aimed = self.hits + 1, self.on_the_way + 1, self.aimed + result.in_write
            self.signals[number.name] += 1
        else:
            self._compare()

    def _compare(self) -> None:
        """Compare what a run left that came to its end; then let the next begin beside it, or without it as DVC does."""
        torn = self.arena.torn
        self.wrong += [
            f"differs: {name}"
            for name in small_project.list_differences(hash_outputs(torn, self.stage), self.whole.digests)
        ]
        if read_journal(torn, self.stage) != self.whole.journal:
            self.wrong.append("the journal has other rows")
        own = tuple(f"data/{output}" for output in self.stage.outputs)
        self.wrong += [
            f"left behind: {name}" for name in small_project.list_temporaries(torn.project) if name.startswith(own)
        ]
        self.wrong += [
            f"left behind: {path}" for path in torn.project.glob(f".state/train/{self.stage.model or '-'}/*/")
        ]
        self.longest, self.ends, self.on_the_way = max(self.longest, self.on_the_way), self.ends + 1, 0
        if self.ends % 2:
            for output in self.stage.outputs:
                remove_path(torn.project / "data" / output)

    def finish(self) -> None:
        """Leave the stage's whole outputs for those after it."""
        for output in self.stage.outputs:
            path, source = self.arena.torn.project / "data" / output, self.arena.still.project / "data" / output
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                (shutil.copytree if source.is_dir() else shutil.copy2)(source, path)


def rows(
    folder: Path, count: int, seed: int, only: Sequence[str] = (), params: str = small_project.PARAMS
) -> Iterator[Row]:
    """Yield a row for each stage; `count` kills in all, shared out by the stages' shares."""
    arena = KillArena(folder, params)
    try:
        available = [stage for stage in list_stages() if _is_configured(stage, params)]
        chosen = [stage for stage in available if not only or any(word in stage.where for word in only)]
        total = sum(stage.share for stage in chosen)
        for stage in available:
            whole = arena.run_undisturbed(stage)
            if stage.command[0] == "gallery":  # it shows the run records, which tell times
                shutil.rmtree(arena.torn.project / "data")
                shutil.copytree(arena.still.project / "data", arena.torn.project / "data")
                shutil.rmtree(arena.torn.project / "data/gallery")
            series = KillSeries(arena, stage, whole, round(count * stage.share / total), seed)
            if stage in chosen:
                yield series.make_row()
            series.finish()
    finally:
        arena.close()


def _is_configured(stage: Stage, params: str) -> bool:
    return len(stage.command) == 1 or f"  {stage.command[1]}:" in params
