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
from tests.faults.fork_server import Nest
from tests.faults.kill_at_write import ENVIRONMENT
from tests.faults.small_project import Ground, Row

KINDS = {
    "reader": "classifier",
    "vae": "vae",
    "gan": "gan",
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


def stages() -> list[Stage]:
    """Return every stage, in an order in which they can run."""
    found = []
    for name, what in MEDIA.items():
        found.append(Stage(("ingest", name), f"ingest ({what})", (f"works/{name}", f"record/{name}"), 9, 3))
    for name, what in MEDIA.items():
        found.append(Stage(("preprocess", name), f"preprocess ({what})", (f"shards/{name}",), 9, 3))
    found.append(Stage(("weights", "eye"), "weights", ("weights/eye",), 8, 4))
    for name, kind in KINDS.items():
        kept = (f"checkpoints/{name}", f"runs/{name}/progress")
        found.append(Stage(("train", name), f"train ({kind})", kept, 40, 20))
    for name, kind in KINDS.items():
        kept = (f"reports/{name}", f"metrics/{name}.json", f"plots/{name}")
        found.append(Stage(("evaluate", name), f"evaluate ({kind})", kept, 6, 3))
    return [*found, Stage(("gallery",), "gallery", ("gallery",), 16, 4)]


class Whole(NamedTuple):
    """What an undisturbed run of a stage left, how long it took and how many changes it made in the middle of writes."""

    digests: dict[str, str]
    journal: list[dict[str, object]]
    seconds: float
    changes: int


class Strike(NamedTuple):
    """One run of a stage that was to be killed."""

    code: int
    said: str
    seconds: float
    in_write: bool
    wrong: tuple[str, ...]  # what is torn, and who is still alive


class Arena:
    """Two projects: one that nobody disturbs, and one that is killed."""

    def __init__(self, folder: Path, params: str = small_project.PARAMS) -> None:
        self.still = small_project.planted(folder / "still", params)
        self.nest = Nest(self.still.environment)
        self.torn = self.still.copied(folder / "torn")
        self.number = itertools.count(1)

    def undisturbed(self, stage: Stage) -> Whole:
        """Run a stage to its end.

        Raises:
            RuntimeError: it did not come to its end.
        """
        found = self.strike(self.still, stage, {})
        if found.code:
            raise RuntimeError(f"{stage.where}: {found.said}")
        changes = json.loads((self.still.folder / "log.jsonl").read_text().splitlines()[-1])["count"]
        return Whole(kept(self.still, stage), rows_of(self.still, stage), found.seconds, changes)

    def strike(
        self, on: Ground, stage: Stage, aim: dict[str, object], after: float = 0.0, *, alone: bool = True
    ) -> Strike:
        """Run a stage that kills itself at its `aim`, or is killed `after` so many seconds; look at what is left."""
        log, number = on.folder / "log.jsonl", int(aim.get("number", signal.SIGKILL))
        log.unlink(missing_ok=True)
        before, began = set(small_project.halves(on.project)), time.monotonic()
        told = {"log": str(log), **({} if after else aim)}
        if next(self.number) % FRESH_EVERY == 0 and on is self.torn:
            code = self._fresh(on, stage, told, number, after)
        else:
            pid = self.nest.start(on.project, list(stage.command), on.environment, told, on.folder / "said.txt")
            if after:
                time.sleep(after)
                try:
                    (os.kill if alone else os.killpg)(pid, number)
                except ProcessLookupError:  # it has no group of its own yet
                    os.kill(pid, number)
            code = self.nest.wait(pid)
        seconds, said = time.monotonic() - began, (on.folder / "said.txt").read_text(errors="replace")
        aimed = '"event"' in (log.read_text() if log.exists() else "")
        in_write = code != 0 and (aimed or bool(set(small_project.halves(on.project)) - before))
        torn = small_project.torn(on.project) if code else []
        return Strike(code, said, seconds, in_write, (*survivors(on.project), *torn))

    def _fresh(self, on: Ground, stage: Stage, told: dict[str, object], number: int, after: float) -> int:
        import subprocess

        command = [sys.executable, str(Path(__file__).with_name("kill_at_write.py")), *stage.command]
        environment = on.environment | {ENVIRONMENT: json.dumps(told)}
        with (on.folder / "said.txt").open("w") as said:
            child = subprocess.Popen(
                command, cwd=on.project, env=environment, stdout=said, stderr=said, start_new_session=True
            )
            if after:
                time.sleep(after)
                child.send_signal(number)
            return child.wait(small_project.PATIENCE)

    def close(self) -> None:
        """End the process that forks."""
        self.nest.close()


def ended_ill(stage: Stage, code: int, said: str, number: int) -> Iterator[str]:
    """Yield what is wrong with an exit code: 0, the signal itself, or after SIGTERM 75 and one line."""
    lines = [line for line in said.splitlines() if line.startswith("artpipe: ")]
    if "Traceback" in said:
        yield f"a traceback: {said.strip().splitlines()[-1][:200]}"
    elif code == TEMPFAIL:
        if number != signal.SIGTERM or len(lines) != 1:
            yield f"ended with 75: {said[-300:]}"
    elif code not in {0, -number}:
        yield f"ended with {code}: {said[-300:]}"


def survivors(project: Path) -> tuple[str, ...]:
    """Wait until no process has the project as its folder; name those that stay."""
    deadline = time.monotonic() + GONE_SECONDS
    while left := tuple(living(project)):
        if time.monotonic() > deadline:
            return tuple(f"still alive: {one}" for one in left)
        time.sleep(0.05)
    return ()


def living(project: Path) -> Iterator[str]:
    """Yield the processes that have the project, or a folder below it, as their own."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                here = (entry / "cwd").readlink()
            except OSError:
                continue
            if here.is_relative_to(project) and (one := find_process(int(entry.name))):
                yield f"{one.pid} {one.name}"


def kept(on: Ground, stage: Stage) -> dict[str, str]:
    """Return the hashes of a stage's outputs."""
    found = {}
    for output in stage.outputs:
        path = on.project / "data" / output
        found |= (
            {f"data/{output}": small_project.sha256_file(path)}
            if path.is_file()
            else small_project.digests(on.project, output)
        )
    return found


def rows_of(on: Ground, stage: Stage) -> list[dict[str, object]]:
    """Return the rows of numbers of a stage that trains."""
    return small_project.journal(on.project, stage.model) if stage.model else []


class Chain:
    """One stage, killed `times` times: runs that come to their end are compared, and the next begins anew."""

    def __init__(self, arena: Arena, stage: Stage, whole: Whole, times: int, seed: int) -> None:
        self.arena, self.stage, self.whole, self.times = arena, stage, whole, times
        self.chance = random.Random(f"{seed} {stage.where}")
        self.each = min(stage.each, max(times, 1))
        self.signals: Counter[str] = Counter()
        self.hits = self.aimed = self.ends = self.longest = self.on_the_way = 0
        self.wrong: list[str] = []

    def row(self) -> Row:
        """Kill and compare."""
        tries = 0
        while self.hits < self.times and tries < 5 * self.times + 20:
            tries += 1
            self._strike(spare=self.on_the_way >= self.each)
        if self.on_the_way:
            self._strike(spare=True)
        lost = [f"{self.hits} of {self.times} kills hit"] if self.hits < self.times else []
        weights = next((f", weights {one[:12]}" for name, one in self.whole.digests.items() if "/final." in name), "")
        what = f"{self.ends} times to the end, the same bytes{weights}; up to {self.longest} kills on one way"
        signals = ", ".join(f"{count} {name}" for name, count in sorted(self.signals.items()))
        return Row(
            f"killed ({signals})",
            self.stage.where,
            self.hits,
            self.aimed,
            what,
            tuple(dict.fromkeys((*lost, *self.wrong))),
        )

    def _strike(self, *, spare: bool = False) -> None:
        number = signal.SIGTERM if self.chance.random() < 0.3 else signal.SIGKILL
        aim, after, alone = {"number": int(number)}, 0.0, self.chance.random() < 0.5
        if not spare and self.chance.random() < 0.25:
            share = 3.0 / self.each if self.stage.model else 1.0
            after = 0.02 + self.chance.random() * self.whole.seconds * share
        elif not spare:
            reach = max(2, int(1.5 * self.whole.changes / self.each)) if self.stage.model else self.whole.changes
            aim |= {"at": self.chance.randint(1, reach), "half": self.chance.random() < 0.5}
        found = self.arena.strike(self.arena.torn, self.stage, aim, after, alone=alone)
        self.wrong += (*ended_ill(self.stage, found.code, found.said, number), *found.wrong)
        if found.code:
            self.hits, self.on_the_way, self.aimed = self.hits + 1, self.on_the_way + 1, self.aimed + found.in_write
            self.signals[number.name] += 1
        else:
            self._compare()

    def _compare(self) -> None:
        """Compare what a run left that came to its end; then let the next begin beside it, or without it as DVC does."""
        torn = self.arena.torn
        self.wrong += [
            f"differs: {name}" for name in small_project.differences(kept(torn, self.stage), self.whole.digests)
        ]
        if rows_of(torn, self.stage) != self.whole.journal:
            self.wrong.append("the journal has other rows")
        own = tuple(f"data/{output}" for output in self.stage.outputs)
        self.wrong += [f"left behind: {name}" for name in small_project.halves(torn.project) if name.startswith(own)]
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
    arena = Arena(folder, params)
    try:
        there = [stage for stage in stages() if _named(stage, params)]
        chosen = [stage for stage in there if not only or any(word in stage.where for word in only)]
        total = sum(stage.share for stage in chosen)
        for stage in there:
            whole = arena.undisturbed(stage)
            if stage.command[0] == "gallery":  # it shows the run records, which tell times
                shutil.rmtree(arena.torn.project / "data")
                shutil.copytree(arena.still.project / "data", arena.torn.project / "data")
                shutil.rmtree(arena.torn.project / "data/gallery")
            chain = Chain(arena, stage, whole, round(count * stage.share / total), seed)
            if stage in chosen:
                yield chain.row()
            chain.finish()
    finally:
        arena.close()


def _named(stage: Stage, params: str) -> bool:
    return len(stage.command) == 1 or f"  {stage.command[1]}:" in params
