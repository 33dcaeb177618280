"""`artpipe serve`: four addresses, and nothing left of it however it ends."""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from artpipe.system.processes import find_process
from tests.pipeline.conftest import ROOT, get

pytestmark = [pytest.mark.xdist_group("flow"), pytest.mark.timeout(1200), pytest.mark.nightly]


def bearing(folder: Path) -> list[int]:
    """The living processes whose working folder is this one."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (entry / "cwd").readlink() == folder and find_process(int(entry.name)):
                found.append(int(entry.name))
    return found


def command_line(pid: int) -> str:
    """What a process was started with; nothing of a guard, which names the command it guards, or of one that is gone."""
    with contextlib.suppress(OSError):
        text = Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
        return "" if "processes.py" in text else text
    return ""


@pytest.fixture
def serve(project, prefect_server):
    """Start `artpipe serve` in the project, on the home that was made for the tests; returns it with its addresses."""
    shutil.copy(ROOT / "prefect.yaml", project.folder)
    (project.folder / "flows").mkdir(exist_ok=True)
    shutil.copy(ROOT / "flows/gallery.py", project.folder / "flows")
    home = {"PREFECT_HOME": str(project.folder.parent / "home"), "PREFECT_RUNNER_POLL_FREQUENCY": "1"}
    shutil.copytree(prefect_server["PREFECT_HOME"], home["PREFECT_HOME"])  # migrated
    project.environment.update(home)
    started = []

    def start() -> tuple[subprocess.Popen[str], dict[str, str]]:
        command = [sys.executable, "-u", "-m", "artpipe", "serve"]
        child = subprocess.Popen(
            command,
            cwd=project.folder,
            env=project.environment,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(child)
        at = {}
        for line in child.stdout:
            if found := re.match(r"(Gallery|Runs|Flows|Deployments) +(http://127\.0\.0\.1:\d+\S*)", line):
                at[found[1]] = found[2]
            if "Ctrl-C" in line:
                return child, at
        pytest.fail("it did not come up")

    yield start
    for child in started:
        child.kill()
        child.wait()
        child.stdout.close()


def answers(address: str) -> bool:
    with contextlib.suppress(OSError):
        return status(address) == 200
    return False


def status(address: str) -> int:
    try:
        request = urllib.request.Request(address, headers={"Accept": "text/html"})  # noqa: S310 (our own server)
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def begin_hanging(project, at) -> None:
    """Ask for a run whose VAE never ends, and wait until it hangs."""
    project.edit("params.yaml", "title: v1", "title: v1, stub: {hang: true}")
    api = f"{at['Flows']}/api"
    deployment = get(f"{api}/deployments/filter", {})[0]["id"]
    get(f"{api}/deployments/{deployment}/create_flow_run", {"parameters": {"targets": ["train@vae"]}})
    for _ in range(1200):
        if (project.folder / ".state/hanging-vae").exists():
            return
        time.sleep(0.1)
    pytest.fail("the run did not come to the hanging stage")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_all_comes_up_and_all_goes(serve, project, number):
    """With usual ports taken four addresses answer; Ctrl-C or kill -9 in the middle of a training leaves no process."""
    taken = [socket.create_server(("127.0.0.1", port)) for port in (8000, 5000, 4200) if free(port)]
    child, at = serve()
    for one in taken:
        one.close()
    assert len({address.split("/")[2] for address in at.values()}) == 3
    assert [status(at[name]) for name in ("Gallery", "Runs", "Flows", "Deployments")] == [200, 200, 200, 200]
    begin_hanging(project, at)
    began = time.monotonic()
    os.kill(child.pid, number)
    code = child.wait(60)
    if number == signal.SIGINT:
        assert code == 0
        assert bearing(project.folder) == [], [command_line(pid) for pid in bearing(project.folder)]
    while bearing(project.folder):
        assert time.monotonic() - began < 40
        time.sleep(0.1)


def free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def test_a_second_one_is_told_where_the_first_is(serve, project):
    """It ends with 75, and `artpipe run` beside it reports to the same Prefect; a part that is killed comes again."""
    child, at = serve()
    second = project.run(sys.executable, "-m", "artpipe", "serve", check=False)
    assert second.returncode == 75
    assert at["Gallery"] in second.stderr
    address = f"{at['Flows']}/api/flow_runs/filter"
    before = {run["id"] for run in get(address, {})}  # of other tests that used this home
    project.edit("params.yaml", "title: v1", "title: v2")
    project.flow("train@vae")
    runs = [run for run in get(address, {"sort": "EXPECTED_START_TIME_DESC"}) if run["id"] not in before]
    assert [run["state_name"] for run in runs if run["deployment_id"] is None] == ["Completed"]
    os.kill(
        next(pid for pid in bearing(project.folder) if "artpipe serve --only gallery" in command_line(pid)),
        signal.SIGKILL,
    )
    for line in child.stdout:
        if "gallery ended with exit code 137" in line:
            break
    deadline = time.monotonic() + 30
    while not answers(at["Gallery"]):
        assert time.monotonic() < deadline
        time.sleep(0.1)
