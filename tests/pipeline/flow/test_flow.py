"""The flow: DVC's graph by a real Prefect server, stages that are stand-ins."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from artpipe.orchestration import preflight
from artpipe.orchestration.scheduling.device_slots import limit_name
from artpipe.orchestration.scheduling.dvc_graph import Stage, find_stale_stages
from artpipe.system.processes import find_process
from tests.pipeline.conftest import get

pytestmark = [pytest.mark.xdist_group("flow"), pytest.mark.timeout(1200)]  # they share a server


@pytest.fixture
def served(project, prefect_server):
    """The project with a Prefect server to report to."""
    project.environment.update(prefect_server)
    return project


def spans(project) -> dict[str, tuple[float, float]]:
    lines = (line.split() for line in (project.folder / ".state/calls.txt").read_text().splitlines())
    return {name: (float(start), float(end)) for name, start, end, _ in lines}


def bearers(project) -> list[str]:
    """The command lines of living processes whose working folder is the project's."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if (entry / "cwd").readlink() == project.folder and find_process(int(entry.name)):
                found.append((entry / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return found


def begin_hanging(project) -> subprocess.Popen[bytes]:
    """Start a flow whose VAE never ends, and wait until it hangs."""
    project.edit("params.yaml", "title: v1", "title: v1, stub: {hang: true}")
    command = [sys.executable, "-m", "flows.gallery", "train@vae"]
    flow = subprocess.Popen(command, cwd=project.folder, env=project.environment, stdout=subprocess.DEVNULL)
    for _ in range(4000):
        if (project.folder / ".state/hanging-vae").exists():
            return flow
        time.sleep(0.1)
    flow.kill()
    flow.wait()
    pytest.fail("the flow did not come to the hanging stage")


def test_flow_does_what_is_stale_and_leaves_nothing_to_do(served):
    """A picture and two models changed: what lies below runs, two trainings that wait for each other meet; then DVC has nothing to do."""
    (served.folder / "datasets/emoji/c.png").write_text("c")
    served.edit("params.yaml", "title: g1", "title: g2, stub: {meet: vae}")
    served.edit("params.yaml", "title: v1", "title: v2, stub: {meet: gan}")
    told = served.flow("--slots", "2").stdout
    ran = spans(served)
    below = {f"{stage}@{name}" for stage in ("train", "evaluate") for name in ("gan", "vae", "second")}
    assert set(ran) == below | {"ingest@emoji", "preprocess@emoji", "gallery"}
    assert ran["gallery"][0] > max(end for name, (_, end) in ran.items() if name != "gallery")
    assert "training vae" in told
    assert served.stale() == set()
    assert served.repro() == []
    url = served.environment["PREFECT_API_URL"]
    run = get(f"{url}/flow_runs/filter", {"sort": "START_TIME_DESC", "limit": 1})[0]
    assert run["state_type"] == "COMPLETED"
    assert run["id"] in (served.folder / "data/runs/vae/run").read_text()
    logs = [row["message"] for row in get(f"{url}/logs/filter", {"limit": 200})]
    assert "training vae" in logs
    limit = get(f"{url}/v2/concurrency_limits/{limit_name()}")
    assert (limit["limit"], limit["active_slots"]) == (len(os.sched_getaffinity(0)), 0)


MISTAKE = "params.yaml: models.second.steps: expected a number"


@pytest.mark.nightly
def test_a_failure_stops_only_what_reads_it(served):
    """What finds something busy is tried again, a failure and a mistake are not; what reads from neither runs, and the flow fails once."""
    served.edit("params.yaml", "title: g1", "title: g2, stub: {busy: 2, steps: 4}")
    served.edit("params.yaml", "title: v1", "title: v2, stub: {fail: true}")
    served.edit("params.yaml", "title: s1", f"title: s2, stub: {{mistake: '{MISTAKE}'}}")
    done = served.flow("--retry-seconds", "0.1", check=False)
    assert done.returncode == 1
    (failed,) = (line for line in done.stdout.splitlines() if line.startswith("failed: "))
    stopped, _, unread = failed.partition("; not run, because what they read from failed: ")
    assert set(stopped.removeprefix("failed: ").split(", ")) == {"train@vae", "train@second"}
    assert set(unread.split(", ")) == {"evaluate@vae", "evaluate@second"}
    assert done.stdout.endswith(f"train@second: {MISTAKE}\n")
    assert "Traceback" not in done.stdout + done.stderr
    assert set(spans(served)) == {"train@gan", "evaluate@gan", "gallery"}
    assert {"train@vae", "train@second"} <= served.stale()
    assert (served.folder / ".state/tries-gan").read_text() == "3"
    assert "exit code 75" in done.stdout
    url = served.environment["PREFECT_API_URL"]
    runs = get(f"{url}/task_runs/filter", {"sort": "EXPECTED_START_TIME_DESC", "limit": 50})
    newest = {run["name"]: run["run_count"] for run in reversed(runs)}
    assert (newest["train@gan"], newest["train@vae"], newest["train@second"]) == (3, 1, 1)
    told = get(f"{url}/artifacts/latest/filter", {"artifacts": {"key": {"any_": ["progress-train-gan"]}}})
    assert [(artifact["type"], artifact["data"]) for artifact in told] == [("progress", 100.0)]


@pytest.mark.nightly
def test_a_mistake_is_told_in_its_own_words(served):
    """A stage's one line is the run's last, and the exit code is 2."""
    served.edit("params.yaml", "title: s1", f"title: s2, stub: {{mistake: '{MISTAKE}'}}")
    done = served.flow("train@second", check=False)
    assert done.returncode == 2, done.stdout
    assert done.stdout.endswith(f"failed: train@second\ntrain@second: {MISTAKE}\n")


@pytest.mark.filterwarnings("ignore")  # DVC's own
@pytest.mark.parametrize(
    "number",
    [signal.SIGINT, *(pytest.param(each, marks=pytest.mark.nightly) for each in (signal.SIGKILL, signal.SIGTERM))],
)
def test_stopped_flow_leaves_no_process(served, number, monkeypatch):
    """Ctrl-C, SIGTERM and kill -9 of the flow: nothing it started is alive, and the stage is still stale; one that was asked was cancelled."""
    flow = begin_hanging(served)
    (lock,) = (served.folder / ".state/flows").glob("*.lock")
    flow.send_signal(number)
    flow.wait(90)
    run = get(f"{served.environment['PREFECT_API_URL']}/flow_runs/{lock.stem}")
    assert run["state_name"] == ("Running" if number == signal.SIGKILL else "Cancelled")
    assert run["name"] == "gallery: vae stale"
    deadline = time.monotonic() + 20
    while bearers(served) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert bearers(served) == []
    monkeypatch.chdir(served.folder)
    assert "train@vae" in {stage.name for stage in find_stale_stages(wait_seconds=60)}


@pytest.mark.nightly
def test_the_flow_runs_what_was_handed_over(served):
    """It asks DVC no more: of two changed models the one that it was told of is trained."""
    served.edit("params.yaml", "title: g1", "title: g2")
    served.edit("params.yaml", "title: v1", "title: v2")
    served.environment |= preflight.encode_stages([Stage("train@vae", ("preprocess@digits",), stale=True)])
    served.flow()
    assert served.calls() == ["train@vae"]
