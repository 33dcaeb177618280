"""Deployments against a real Prefect server: what starts a run, what it does, and what does not start one."""

import contextlib
import shutil
import sys
import time

import pytest

from artpipe.processes import end_child, start_child
from tests.pipeline.conftest import ROOT, get

pytestmark = [pytest.mark.xdist_group("flow"), pytest.mark.timeout(1200)]  # they share a server


class Kept:
    """A project whose deployments are served and whose datasets are watched."""

    def __init__(self, project, server) -> None:
        self.project, self.api = project, server["PREFECT_API_URL"]
        shutil.copy(ROOT / "prefect.yaml", project.folder)
        project.environment.update(server, PREFECT_RUNNER_POLL_FREQUENCY="1")
        self.logs = project.folder.parent

    @contextlib.contextmanager
    def running(self, *parts):
        """Start `python -m flows.PART`, each with its output in a file, and end them all."""
        children = []
        try:
            for name, *arguments in parts:
                with (self.logs / f"{name}.log").open("w") as log:
                    command = [sys.executable, "-u", "-m", f"flows.{name}", *arguments]
                    child = start_child(command, cwd=self.project.folder, env=self.project.environment, stdout=log)
                    children.append(child)
            yield
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

    def until(self, done, seconds: float = 240.0):
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
