"""People who type commands of artpipe in one project at once, drawn by a seed; and what was lost, or said wrongly.

`ARTPIPE_CROWD_SECONDS=600 ARTPIPE_CROWD_SEED=2 pytest tests/pipeline/projects/test_concurrent_commands.py` has them at it for ten
minutes; `commands.jsonl` in the test's folder has each command with all that it wrote.
"""

import itertools
import json
import random
import re
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ruamel.yaml import YAML

from artpipe.storage.dvc_lock import find_held_lock
from artpipe.storage.removed_datasets import find_removed
from artpipe.storage.running_work import find_running_work
from artpipe.system.hashing import sha256_file
from artpipe.system.locks import is_locked
from tests.conftest import draw_shapes
from tests.faults.small_project import list_temporaries, list_torn_files
from tests.pipeline.conftest import Project, make_real_project

PARAMS = """\
format: 2
seed: 1
datasets:
  shapes:
    medium: picture
    source: folder
    path: datasets/shapes
    about: {}
    ingest: {}
    preprocess: {size: 16, validation: 0.2, test: 0.2}
models:
  ruler: {kind: classifier, dataset: shapes, pretrained: data/shards/shapes, feature_extractor: ruler, steps: 20, batch_size: 16}
evaluation: {metrics: [training, accuracy], samples: 16, reference: 16, exhibits: 2}
gallery: {title: shapes, sections: [wall, rooms, card, verdict]}
"""
WORKS = 60  # of the dataset of which works are forgotten
SHARED = "both"  # begins the names that all people use
PATIENCE = 900.0  # seconds by the clock for one command on a busy machine
EXIT_CODES = {0, 1, 2, 75}
REASONS = ("artpipe: ", "failed: ")  # begin the line that says why; the second where stages of a run failed
BAD_ADVICE = re.compile(r"(\brm\b|\bunlink\b|[Dd]elete|[Rr]emove)[^\n]{0,80}lock", flags=re.IGNORECASE)
WEIGHTS = {
    "run": 2, "run MODEL": 3, "plan": 3, "dataset add": 4, "dataset remove": 4, "dataset restore": 4, "verify": 2, "status": 3,
    "check": 3, "gc": 1, "gc --yes": 1, "sync": 1, "model add": 4, "model remove": 3, "forget": 1,
}  # fmt: skip


class CommandRecord(NamedTuple):
    """One command that a person typed, and how it ended."""

    person: int
    started: float  # seconds since the first
    ended: float
    command: list[str]
    code: int
    output: str  # stdout and stderr

    def format_line(self) -> str:
        """Return when it began and ended, who typed it, and its exit code."""
        return f"{self.started:6.1f} {self.ended:6.1f} {self.person} {self.code:3d} {' '.join(self.command)}"

    def list_faults(self) -> Iterator[str]:
        """Yield what is wrong with how it ended."""
        what = f"person {self.person} at {self.started:.0f} s: artpipe {' '.join(self.command)} ended with {self.code}"
        lines = self.output.strip().splitlines()
        if self.code not in EXIT_CODES:
            yield f"{what}: {lines[-1:]}"
        if "Traceback (most recent call last)" in self.output:
            yield f"{what}: a traceback: {lines[-1]}"
        if self.code and not any(line.startswith(REASONS) for line in lines[-3:]):
            yield f"{what}: no line says why: {lines[-3:]}"
        if match := BAD_ADVICE.search(self.output):
            yield f"{what}: {match[0]}"
        if self.command[0] == "verify" and self.code == 1:
            yield f"{what}: damage was reported: {lines[-5:]}"


class Person(threading.Thread):
    """One loop of commands; what it made and removed under names of its own is known exactly."""

    def __init__(self, project: Project, sources: Path, number: int, seed: int, deadline: float) -> None:
        super().__init__(name=f"person-{number}")
        self.project, self.sources, self.number, self.deadline = project, sources, number, deadline
        self.random = random.Random(f"{seed}-{number}")
        self.records: list[CommandRecord] = []
        self.datasets: dict[str, str] = {}  # its own: "there" or "removed"
        self.models: set[str] = set()
        self.forgotten: set[str] = set()
        self.start_time = time.monotonic()

    def run(self) -> None:
        """Type commands until the time is up."""
        while time.monotonic() < self.deadline:
            kind = self.random.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
            command = self._draw_command(kind)
            code = self._type(command)
            if code == 0:
                self._note(kind, command)
            time.sleep(self.random.random())

    def _draw_command(self, kind: str) -> list[str]:
        dataset, model = (self.random.choice([f"{SHARED}-{what}", f"p{self.number}-{what}"]) for what in ("set", "net"))
        source, steps = self.random.choice(["0", "1"]), self.random.choice([4, 8])
        target = self.random.choice(["ruler", model])
        own_works = sorted((self.project.folder / "datasets/shapes").rglob(f"*{self.number}.png"))
        work = str(self.random.choice(own_works)) if len(own_works) > 1 else ""
        commands = {
            "run MODEL": f"run {target}",
            "dataset add": f"dataset add {self.sources / source} --name {dataset} --size 16 --no-plan --models ,",
            "dataset remove": f"dataset remove {dataset} --yes",
            "dataset restore": f"dataset restore {dataset}",
            "model add": f"model add {model} --kind classifier --dataset shapes -P steps={steps}",
            "model remove": f"model remove {model}",
            "forget": f"forget {work} --exact --yes" if work else "forget --list",
        }
        return commands.get(kind, kind).split()

    def _type(self, command: list[str]) -> int:
        started = time.monotonic()
        try:
            process = subprocess.run(
                ["artpipe", *command],
                cwd=self.project.folder,
                env=self.project.environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                timeout=PATIENCE,
                check=False,
            )
            code, output = process.returncode, process.stdout
        except subprocess.TimeoutExpired as error:
            code, output = -1, f"no end after {PATIENCE:.0f} s: {error.stdout!r}"
        begun = self.start_time
        self.records.append(
            CommandRecord(self.number, started - begun, time.monotonic() - begun, command, code, output)
        )
        return code

    def _note(self, kind: str, command: list[str]) -> None:
        """Keep what the project should have of this person's own."""
        name = command[4:5] if kind == "dataset add" else command[2:3]
        if kind.startswith("dataset ") and name[0].startswith(f"p{self.number}-"):
            self.datasets[name[0]] = "removed" if kind == "dataset remove" else "there"
        elif kind == "model add" and name[0].startswith(f"p{self.number}-"):
            self.models.add(name[0])
        elif kind == "model remove":
            self.models.discard(name[0])
        elif kind == "forget" and command[1] != "--list":
            self.forgotten.add(command[1])


def work_together(
    folder: Path, server: str, *, people: int, seed: int, seconds: float
) -> tuple[list[CommandRecord], list[str]]:
    """Have people work in a new project at once; return their commands, and what is wrong afterwards."""
    project = make_real_project(folder / "project", PARAMS, count=WORKS, server=server)
    for name in ("ARTPIPE_TRACKING", "ARTPIPE_CHECKED"):
        project.environment.pop(name, None)
    project.environment |= {"PREFECT_HOME": str(folder / "prefect"), "HOME": str(folder / "home")}
    project.commit()
    sources = folder / "sources"
    for number in range(2):
        draw_shapes(sources / str(number), count=24, side=20 + number)
    first = project.run("artpipe", "run", check=False)
    wrong = [f"the first run ended with {first.returncode}: {first.stderr[-500:]}"] if first.returncode else []
    deadline = time.monotonic() + seconds
    crowd = [Person(project, sources, number, seed, deadline) for number in range(people)]
    for person in crowd:
        person.start()
    for person in crowd:
        person.join()
    records = sorted(itertools.chain.from_iterable(person.records for person in crowd), key=lambda one: one.started)
    with (folder / "commands.jsonl").open("w") as log:
        log.writelines(json.dumps(record._asdict()) + "\n" for record in records)
    wrong += [fault for record in records for fault in record.list_faults()]
    wrong += list_left_behind(project.folder)
    wrong += list_losses(project, crowd, sources)
    wrong += list_final_faults(project)
    return records, wrong


def list_left_behind(project: Path) -> list[str]:
    """Return held locks, living work, temporaries and torn files of a project where nobody works any more."""
    locks = [path for path in (project / ".state").rglob("*lock") if path.is_file() and is_locked(path)]
    held = find_held_lock(project)
    work = find_running_work(project)
    notes = project / ".dvc/tmp/rwlock"
    noted = json.loads(notes.read_text() or "{}") if notes.exists() else {}
    wrong = [f"{path}: still locked" for path in [*locks, *filter(None, [held])]]
    wrong += [work.describe()] if work else []
    wrong += [f"{notes}: {noted}"] if any(noted.values()) else []
    return [*wrong, *list_temporaries(project), *list_torn_files(project)]


def list_losses(project: Project, crowd: list[Person], sources: Path) -> list[str]:
    """Return what people made under names of their own and is not there, and files that are gone."""
    params = YAML(typ="safe", pure=True).load((project.folder / "params.yaml").read_text())
    removed = find_removed(project.folder)
    wrong = []
    for person in crowd:
        own = f"p{person.number}-"
        there = {name for name, state in person.datasets.items() if state == "there"}
        gone = {name for name, state in person.datasets.items() if state == "removed"}
        for what, section, wanted in (("dataset", "datasets", there), ("model", "models", person.models)):
            actual = {name for name in params[section] or () if name.startswith(own)}
            wrong += [f"{what} {name}: there or not, against what was said" for name in sorted(actual ^ wanted)]
        wrong += [f"{name}: removed, and no note of it" for name in sorted(gone - removed.keys())]
        wrong += [f"{path}: forgotten, and still there" for path in person.forgotten if Path(path).exists()]
    for name in sorted(name for name in removed if name not in params["datasets"]):
        result = project.run("artpipe", "dataset", "restore", name, check=False)
        wrong += [f"restore {name}: {result.stderr.strip()}"] if result.returncode else []
    originals = [{sha256_file(path) for path in (sources / str(n)).rglob("*.png")} for n in range(2)]
    for folder in (path for path in (project.folder / "datasets").iterdir() if path.is_dir() and path.name != "shapes"):
        if {sha256_file(path) for path in folder.rglob("*.png")} not in originals:
            wrong.append(f"{folder}: not the files that were brought")
    forgotten = set().union(*(person.forgotten for person in crowd))
    count = sum(1 for _ in (project.folder / "datasets/shapes").rglob("*.png"))
    if count != WORKS - len(forgotten):
        wrong.append(f"datasets/shapes: {count} works, {WORKS} less {len(forgotten)} forgotten are wanted")
    return wrong


def list_final_faults(project: Project) -> list[str]:
    """Return what a last run, `verify` and `dvc status` have to say against the project."""
    wrong = []
    for command in (("artpipe", "run"), ("artpipe", "verify"), ("artpipe", "check"), ("dvc", "status")):
        result = project.run(*command, check=False)
        output = f"{result.stdout}{result.stderr}".strip()
        if result.returncode or (command[0] == "dvc" and "up to date" not in output):
            wrong.append(f"at the end `{' '.join(command)}` ended with {result.returncode}: {output[-600:]}")
    return wrong
