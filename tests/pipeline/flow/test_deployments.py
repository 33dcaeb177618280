"""Deployments against a real Prefect server: what starts a run, what it does, and what does not start one."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from datetime import datetime

import pytest

from artpipe.system.processes import end_child, find_process, start_child
from tests.pipeline.conftest import ROOT, get

pytestmark = [pytest.mark.xdist_group("deployments"), pytest.mark.timeout(1200)]  # they share a server


COMMANDS = {"deployments": "deploy", "watch": "watch"}


class Kept:
    """A project whose deployments are served and whose datasets are watched."""

    def __init__(self, project, server) -> None:
        self.project, self.api = project, server["PREFECT_API_URL"]
        shutil.copy(ROOT / "prefect.yaml", project.folder)
        (project.folder / "flows").mkdir(exist_ok=True)
        shutil.copy(ROOT / "flows/gallery.py", project.folder / "flows")
        project.environment.update(server, PREFECT_RUNNER_POLL_FREQUENCY="1")
        self.logs = project.folder.parent

    @contextlib.contextmanager
    def running(self, *parts):
        """Start the command of each part, each with its output in a file, and end them all."""
        children = []
        try:
            for name, *arguments in parts:
                with (self.logs / f"{name}.log").open("w") as log:
                    command = [sys.executable, "-u", "-m", "artpipe", COMMANDS[name], *arguments]
                    child = start_child(command, cwd=self.project.folder, env=self.project.environment, stdout=log)
                    children.append(child)
            yield children
        finally:
            for child in children:
                end_child(child)

    def said(self, part: str) -> str:
        return (self.logs / f"{part}.log").read_text()

    def deployment(self):
        found = get(f"{self.api}/deployments/filter", {"deployments": {"name": {"any_": ["gallery"]}}})
        return found[0] if found else None

    def runs(self, *states: str):
        """The runs of the deployment in these states, the newest first."""
        wanted = {"deployments": {"name": {"any_": ["gallery"]}}, "sort": "EXPECTED_START_TIME_DESC"}
        return [run for run in get(f"{self.api}/flow_runs/filter", wanted) if run["state_name"] in states]

    def start(self, **parameters):
        """Ask for a run by hand, as the page does."""
        return get(f"{self.api}/deployments/{self.deployment()['id']}/create_flow_run", {"parameters": parameters})

    def until(self, done, seconds: float = 600.0):
        """Wait until something is so, and return it."""
        deadline = time.monotonic() + seconds
        while not (found := done()):
            if time.monotonic() > deadline:
                pytest.fail("\n".join(path.read_text() for path in sorted(self.logs.glob("*.log"))))
            time.sleep(0.2)
        return found


@pytest.fixture
def kept(project, prefect_server):
    """The project with its deployments, taken from the server afterwards."""
    found = Kept(project, prefect_server)
    yield found
    if deployment := found.deployment():
        get(f"{found.api}/deployments/{deployment['id']}", method="DELETE")


@pytest.mark.nightly
def test_a_picture_becomes_a_gallery_without_anyone_typing(kept):
    """It is seen and held still, the event starts a run of that dataset's stages and the gallery, and of no others.

    The schedule is there as well; while it is paused, nothing starts, and a pause outlives whoever serves.
    """
    project = kept.project
    project.edit("params.yaml", "title: v1", "title: v2")  # stale, but not of this dataset
    with kept.running(("deployments",), ("watch", "--every", "0.3")):
        kept.until(lambda: "watching" in kept.said("watch") and "by hand" in kept.said("deployments"))
        (project.folder / "datasets/emoji/c.png").write_text("c")
        run = kept.until(lambda: kept.runs("Completed"))[0]
        assert run["parameters"] == {"overlap": "wait", "dataset": "emoji"}
        assert project.calls() == ["ingest@emoji", "preprocess@emoji", "train@second", "evaluate@second", "gallery"]
        planned = kept.until(lambda: [run for run in kept.runs("Scheduled") if run["auto_scheduled"]])
        assert all("T03:00:00" in run["expected_start_time"] for run in planned)
        get(f"{kept.api}/deployments/{kept.deployment()['id']}/pause_deployment", {})
        (project.folder / "datasets/emoji/d.png").write_text("d")
        time.sleep(2.5)
    assert kept.said("watch").count("asked for") == 1
    assert "train@vae" in project.stale()
    with kept.running(("deployments",)):
        kept.until(lambda: "by hand" in kept.said("deployments"))
    assert kept.deployment()["paused"]
    assert kept.runs("Scheduled", "Late", "Running") == []


def begun_and_ended(run) -> tuple[datetime, datetime]:
    return datetime.fromisoformat(run["start_time"]), datetime.fromisoformat(run["end_time"])


def every_minute(kept) -> None:
    path = kept.project.folder / "prefect.yaml"
    path.write_text(path.read_text().replace("0 3 * * *", "* * * * *"))


@pytest.mark.nightly
def test_a_schedule_of_a_minute_fires_twice(kept):
    """The first run makes what is stale, the second has nothing to do and is done within seconds."""
    kept.project.edit("params.yaml", "title: v1", "title: v2")
    every_minute(kept)
    with kept.running(("deployments",)):
        runs = kept.until(lambda: len(found := kept.runs("Completed")) == 2 and found)
    assert kept.project.calls() == ["train@vae", "evaluate@vae", "gallery"]
    second, first = (begun_and_ended(run) for run in runs)
    assert 55 < (second[0] - first[0]).total_seconds() < 65
    assert (second[1] - second[0]).total_seconds() < 10


@pytest.mark.nightly
@pytest.mark.parametrize("overlap", ["wait", "refuse"])
def test_one_run_is_at_work_at_a_time(kept, overlap):
    """A second one waits for the first to end, or is refused and leaves it alone."""
    kept.project.edit("params.yaml", "title: v1", "title: v2, stub: {sleep: 15}")
    path = kept.project.folder / "prefect.yaml"
    path.write_text(path.read_text().replace("overlap: wait", f"overlap: {overlap}"))
    with kept.running(("deployments",)):
        kept.until(lambda: "by hand" in kept.said("deployments"))
        first = kept.start(targets=["train@vae"])["id"]
        kept.until(lambda: "training vae" in kept.said("deployments"))
        second = kept.start(targets=["train@gan"])["id"]
        kept.until(lambda: len(kept.runs("Completed", "Cancelled")) == 2)
    runs = {run["id"]: run for run in kept.runs("Completed", "Cancelled")}
    assert runs[first]["state_name"] == "Completed"
    assert runs[second]["state_name"] == {"wait": "Completed", "refuse": "Cancelled"}[overlap]
    if overlap == "wait":
        assert begun_and_ended(runs[second])[0] >= begun_and_ended(runs[first])[1]
    else:
        assert begun_and_ended(runs[second])[1] < begun_and_ended(runs[first])[1]


@pytest.mark.nightly
def test_one_run_makes_up_for_a_sleep(kept):
    """Of the runs a sleeping machine missed one is run; the others are skipped, and what a person asked for is not."""
    every_minute(kept)
    with kept.running(("deployments",), ("watch", "--every", "0.5")) as children:
        kept.until(lambda: "watching" in kept.said("watch") and kept.runs("Scheduled"))
        for child in children:
            os.killpg(child.pid, signal.SIGSTOP)
        done = {run["id"] for run in kept.runs("Completed")}
        asked = {kept.start(targets=["train@vae"])["id"] for _ in range(2)}
        time.sleep(215)
        missed = {run["id"] for run in kept.runs("Late")} - asked
        assert len(missed) >= 3
        for child in children:
            os.killpg(child.pid, signal.SIGCONT)
        kept.until(lambda: {run["id"] for run in kept.runs("Completed")} - done - asked)
        kept.until(lambda: not kept.runs("Late", "Running", "Pending"))
    completed = {run["id"] for run in kept.runs("Completed")}
    assert asked <= completed
    made_up = missed & completed  # none where the next minute's run was due before it could begin
    assert len(made_up) <= 1
    assert {run["id"] for run in kept.runs("Skipped")} >= missed - made_up


@pytest.mark.nightly
def test_a_folder_being_copied_starts_nothing(kept):
    """For twenty seconds files come and grow; one run begins after the last of them, and has them all."""
    folder = kept.project.folder / "datasets/emoji"
    with kept.running(("deployments",), ("watch", "--every", "1")):
        kept.until(lambda: "watching" in kept.said("watch") and "by hand" in kept.said("deployments"))
        for number in range(10):
            with (folder / f"new {number}.png").open("w") as copied:
                for _ in range(4):
                    copied.write(f"part of {number}")
                    copied.flush()
                    time.sleep(0.5)
            assert "asked for" not in kept.said("watch")
        kept.until(lambda: kept.runs("Completed"))
        time.sleep(5)
    assert kept.said("watch").count("asked for") == 1
    assert len(kept.runs("Completed", "Running", "Scheduled", "Late")) - len(kept.runs("Scheduled")) == 1
    assert kept.project.stale() == set()


@pytest.mark.nightly
def test_a_worker_of_a_process_pool_does_it_too(kept):
    """`prefect deploy` reads the same prefect.yaml; a changed picture is run by the worker, which leaves nothing when killed."""
    project = kept.project
    project.environment["PREFECT_WORKER_QUERY_SECONDS"] = "1"
    project.run("prefect", "work-pool", "create", "here", "--type", "process")
    project.run("prefect", "--no-prompt", "deploy", "--all", "--pool", "here")
    command = ["prefect", "worker", "start", "--pool", "here", "--limit", "1"]
    with kept.running(("watch", "--every", "0.5")), (kept.logs / "worker.log").open("w") as log:
        worker = subprocess.Popen(command, cwd=project.folder, env=project.environment, stdout=log, stderr=log)
        try:
            kept.until(lambda: "watching" in kept.said("watch"))
            (project.folder / "datasets/emoji/c.png").write_text("c")
            kept.until(lambda: kept.runs("Completed"))
            assert project.calls() == ["ingest@emoji", "preprocess@emoji", "train@second", "evaluate@second", "gallery"]
            project.edit("params.yaml", "title: v1", "title: v2, stub: {hang: true}")
            kept.start(targets=["train@vae"])
            kept.until((project.folder / ".state/hanging-vae").exists)
        finally:
            worker.kill()
            worker.wait()
    hanging = int((project.folder / ".state/hanging-vae").read_text())
    kept.until(lambda: find_process(hanging) is None, 30)
