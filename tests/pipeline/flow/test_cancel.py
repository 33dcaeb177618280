"""Runs that are cancelled or killed, against a real Prefect server: nothing stays alive, nothing stands as running for ever."""

import os
import shutil
import signal
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from artpipe.orchestration.scheduling.device_slots import limit_name
from artpipe.system.processes import find_process
from tests.faults.servers import Server
from tests.pipeline.conftest import get
from tests.pipeline.flow.test_deployments import kept  # noqa: F401  # a fixture
from tests.pipeline.flow.test_flow import bearers, begin_hanging

pytestmark = [pytest.mark.xdist_group("deployments"), pytest.mark.timeout(1200)]  # they share a server
TARGET = ["train@vae"]


def started(kept):  # noqa: F811
    """Start a run whose training hangs, with a grandchild; return it once it does."""
    kept.until(lambda: "by hand" in kept.said("deployments"))
    run = kept.start(targets=TARGET)
    kept.until((kept.project.folder / ".state/hanging-vae").exists)
    return run


def of_the_run(project):
    """What lives of the project beside the process that serves it."""
    return [command for command in bearers(project) if "-m artpipe deploy" not in command]


def heal(project):
    """Let the training come to its end in the next run."""
    project.edit("params.yaml", "title: v1, stub: {hang: true}", "title: v2")


@pytest.mark.nightly
def test_a_cancelled_run_leaves_no_process_and_the_next_completes(kept):  # noqa: F811
    """Cancelling, as the page does it: the grandchild too is gone within 10 s, and the next run comes to its end."""
    kept.project.edit("params.yaml", "title: v1", "title: v1, stub: {hang: true}")
    with kept.running(("deployments",)):
        run = started(kept)
        kept.until(lambda: any("sleep 600" in command for command in of_the_run(kept.project)))
        asked = {"state": {"type": "CANCELLING", "name": "Cancelling"}}
        assert get(f"{kept.api}/flow_runs/{run['id']}/set_state", asked)["status"] == "ACCEPT"
        began = time.monotonic()
        kept.until(lambda: not of_the_run(kept.project), 60)
        took = time.monotonic() - began
        kept.until(lambda: get(f"{kept.api}/flow_runs/{run['id']}")["state_name"] == "Cancelled", 60)
        heal(kept.project)
        again = kept.start(targets=TARGET)
        kept.until(lambda: get(f"{kept.api}/flow_runs/{again['id']}")["state_name"] == "Completed")
    assert took < 10, f"{took:.1f} s"
    assert kept.project.calls() == TARGET


@pytest.mark.nightly
def test_a_run_that_was_killed_is_reported_by_the_next(project, prefect_server):
    """kill -9 of all of it at once: it stands as running, until the next run says that it crashed."""
    project.environment.update(prefect_server)
    flow = begin_hanging(project)
    (lock,) = (project.folder / ".state/flows").glob("*.lock")
    asked = f"{prefect_server['PREFECT_API_URL']}/flow_runs/{lock.stem}"
    assert get(asked)["state_name"] == "Running"
    os.kill(int(lock.read_text()), signal.SIGKILL)
    assert flow.wait(90) == 128 + signal.SIGKILL
    deadline = time.monotonic() + 20
    while bearers(project) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert bearers(project) == []
    heal(project)
    told = project.flow(*TARGET).stdout
    assert "1 earlier run was killed" in told
    assert get(asked)["state_name"] == "Crashed"
    assert not lock.exists()


@pytest.mark.nightly
def test_a_killed_runner_takes_its_runs_along(kept):  # noqa: F811
    """kill -9 of the process that serves: its run ends as well, another one serves, and the next run completes."""
    kept.project.edit("params.yaml", "title: v1", "title: v1, stub: {hang: true}")
    with kept.running(("deployments",)):
        run = started(kept)
        pids = [int(entry.name) for entry in Path("/proc").glob("[0-9]*") if serves(kept.project, entry)]
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        kept.until(lambda: not bearers(kept.project), 60)
    heal(kept.project)
    with kept.running(("deployments",)):
        kept.until(lambda: "by hand" in kept.said("deployments"))
        again = kept.start(targets=TARGET)
        kept.until(lambda: get(f"{kept.api}/flow_runs/{again['id']}")["state_name"] == "Completed")
    assert get(f"{kept.api}/flow_runs/{run['id']}")["state_name"] in {"Crashed", "Cancelled"}


def serves(project, entry):
    """Say whether a process of /proc serves the project's deployments itself, no guard and no run."""
    try:
        mine = (entry / "cwd").readlink() == project.folder and find_process(int(entry.name))
        return mine and (entry / "cmdline").read_bytes().split(b"\0")[1:5] == [b"-u", b"-m", b"artpipe", b"deploy"]
    except OSError:
        return False


@pytest.mark.nightly
def test_a_slot_comes_back_after_its_holder_and_the_server_were_killed(prefect_server, project, tmp_path):
    """Both killed at once while a training holds a device's slot: the lease is in a file, and ends a minute after the server is back."""
    home = tmp_path / "home"
    shutil.copytree(prefect_server["PREFECT_HOME"], home)
    project.environment["PREFECT_HOME"] = str(home)
    server = Server(
        SimpleNamespace(folder=tmp_path, environment=project.environment),
        "server",
        "/api/health",
        ["artpipe", "serve", "--only", "server"],
    )
    project.environment["PREFECT_API_URL"] = f"{server.address}/api"

    def slots():
        limits = get(f"{server.address}/api/v2/concurrency_limits/filter", {})
        return sum(limit["active_slots"] for limit in limits if limit["name"] == limit_name())

    try:
        kept_until_expiry = (
            time.monotonic() + 300
        )  # slots of runs that an earlier test killed are in the copied database
        while slots() and time.monotonic() < kept_until_expiry:
            time.sleep(1)
        flow = begin_hanging(project)
        assert slots() == 1
        server.kill()
        (lock,) = (project.folder / ".state/flows").glob("*.lock")
        os.kill(int(lock.read_text()), signal.SIGKILL)
        assert flow.wait(90) == 128 + signal.SIGKILL
        server.start()
        began = time.monotonic()
        assert slots() == 1
        while slots() and time.monotonic() - began < 300:
            time.sleep(1)
        assert slots() == 0
        heal(project)
        assert "1 earlier run was killed" in project.flow(*TARGET).stdout
    finally:
        server.kill()
