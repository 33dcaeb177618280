"""`dvc repro` with the real kinds, killed twenty times over: the outputs are those of a run that nobody disturbed."""

import hashlib
import json
import os
import random
import re
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest

from artpipe.orchestration.scheduling.dvc_graph import repair_dvc_files
from tests.pipeline.conftest import Project, make_real_project

pytestmark = [pytest.mark.nightly, pytest.mark.xdist_group("kills"), pytest.mark.timeout(3000)]
KILLS = {"train@ruler": 6, "train@gan": 6, "train@vae": 6, "gallery": 2}  # those of ingest and evaluate among them
SAVED = "evaluate_every_steps: {points}, save_every_seconds: 0.5"  # it writes much of the time
PARAMS = f"""\
format: 2
seed: 1
datasets:
  shapes:
    medium: picture
    source: folder
    path: datasets/shapes
    about: {{}}
    ingest: {{}}
    preprocess: {{size: 24, validation: 0.2, test: 0.2}}
models:
  ruler: {{kind: classifier, dataset: shapes, pretrained: data/shards/shapes, feature_extractor: ruler, steps: 150, {SAVED.format(points=40)}}}
  gan: {{kind: gan, dataset: shapes, pretrained: data/checkpoints/ruler, feature_extractor: ruler, steps: 80, {SAVED.format(points=20)}}}
  vae: {{kind: vae, dataset: shapes, pretrained: data/shards/shapes, feature_extractor: ruler, steps: 120, {SAVED.format(points=30)}}}
evaluation: {{metrics: [training, accuracy, kid, coverage, memorisation, elbo], samples: 64, reference: 64, exhibits: 4}}
gallery: {{title: shapes, sections: [wall, rooms, card, verdict, exhibits, plaque, lineage, dataset_card]}}
"""


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A project that one undisturbed `dvc repro` has made."""
    project = made(tmp_path_factory.mktemp("whole") / "project")
    project.dvc("repro")
    return project


def made(folder: Path) -> Project:
    """A project of 60 pictures and the three kinds with their default networks."""
    return make_real_project(folder, PARAMS, count=60)


def outcome(project: Project) -> dict[str, str]:
    """The SHA-256 of every file that stages hand on; run records tell times, and the gallery shows them."""
    rooms = ("works", "record", "shards", "checkpoints", "reports")
    files = [path for room in rooms for path in sorted((project.folder / "data" / room).rglob("*")) if path.is_file()]
    return {str(path.relative_to(project.folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


class Session:
    """One `dvc repro TARGET`, in a session of its own, that is going to be killed."""

    def __init__(self, project: Project, target: str) -> None:
        self.folder, self.began = project.folder, time.time()
        with (project.folder / "said.txt").open("w") as log:
            self.dvc = subprocess.Popen(
                ["dvc", "repro", target], cwd=self.folder, env=project.environment, stdout=log, stderr=log, start_new_session=True
            )  # fmt: skip

    def said(self) -> str:
        return (self.folder / "said.txt").read_text()

    def until(self, condition, seconds: float) -> bool:
        """Wait for a condition, as closely as can be; True when it came while dvc was alive."""
        deadline = time.monotonic() + seconds
        while self.dvc.poll() is None and time.monotonic() < deadline:
            if condition():
                return True
            time.sleep(0.0005)
        return False

    def wait(self, seconds: float) -> None:
        self.until(lambda: False, seconds)

    def has_saved(self) -> bool:
        """Say whether a training has saved its state since dvc was started."""
        return any(path.stat().st_mtime > self.began for path in self.folder.glob(".state/train/*/*/LATEST"))

    def torn(self) -> set[str]:
        """Return what is half-written: a training's state, or an output."""
        return {
            str(path)
            for pattern in (".state/train/*/*/*.tmp.*", "data/*/*.tmp.*")
            for path in self.folder.glob(pattern)
        }

    def kill(self, *, alone: bool) -> str:
        """Kill -9 dvc and its process group, or dvc alone; return the stage it was at once all it started has ended."""
        (os.kill if alone else os.killpg)(self.dvc.pid, signal.SIGKILL)
        self.dvc.wait()
        deadline = time.monotonic() + 90  # beside other work an import of torch takes its time
        while left := [
            one.info for one in psutil.process_iter(["pid", "cwd", "cmdline"]) if one.info["cwd"] == str(self.folder)
        ]:
            assert time.monotonic() < deadline, f"outlived dvc: {left}"
            time.sleep(0.1)
        stages = re.findall(r"Running stage '([^']+)'", self.said())
        return stages[-1] if stages else "dvc itself"


def put_right(project: Project) -> list[str]:
    """Do what `artpipe run` does first: mend what DVC itself left torn, which a plain `dvc repro` only complains of."""
    with project.repo():
        return repair_dvc_files()


def disturbed(project: Project, target: str, numbers: range) -> list[tuple[str, bool, bool, list[str]]]:
    """Kill `dvc repro TARGET` so many times, 7 of 10 as soon as something is half-written, then let it come to its end.

    Returns for each kill the stage, whether something was torn, whether dvc was killed alone, and what had to be mended.
    """
    chance, hits = random.Random(numbers.start), []
    for number in numbers:
        aimed, alone = number % 10 not in {0, 8, 9}, number % 4 == 3
        session = Session(project, target)
        before = session.torn()  # of the kill before
        if aimed:
            session.until(session.has_saved, 120)
            session.wait(chance.uniform(0, 2))
            session.until(lambda old=before, one=session: one.torn() - old, 20)
        else:
            session.wait(chance.uniform(0, 9))
        assert session.dvc.poll() is None, f"there was nothing to kill any more: {session.said()}"
        where = session.kill(alone=alone)
        hits.append((where, bool(session.torn() - before), alone, put_right(project)))
    project.dvc("repro", target)
    return hits


def test_twenty_kills_leave_the_same_bytes(whole, tmp_path, capsys):
    """`dvc repro`, killed 20 times (all of it or dvc alone, mostly while something is written), makes the same bytes."""
    project, hits, first = made(tmp_path / "project"), [], 0
    for target, kills in KILLS.items():
        hits += disturbed(project, target, range(first, first + kills))
        first += kills
    records = [json.loads(path.read_text()) for path in (project.folder / "data/runs").glob("*/run.json")]
    sessions = {record["model"]: record["sessions"] for record in records}
    with capsys.disabled():
        print(f"\nsessions {sessions}; stage, torn, dvc alone, mended: {hits}")
    assert outcome(project) == outcome(whole)
    assert all(sessions[name] >= 3 for name in ("ruler", "gan", "vae"))
    assert sum(torn for _, torn, *_ in hits) >= 5
    assert project.stale() == set()
    assert not list(project.folder.glob(".state/train/*/*/LATEST"))
    assert not list(project.folder.glob("data/*/*.tmp.*"))
