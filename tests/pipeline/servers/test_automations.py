"""The automations that come as files: Prefect's schema takes them, and a real server keeps them as they stand."""

import sys
import time
from typing import Any

import pytest
import yaml

from artpipe.orchestration.reporting.webhook import FLOW
from artpipe.project.new_project import create_project
from tests.pipeline.conftest import ROOT, get

FILES = sorted((ROOT / "flows/automations").glob("*.yaml"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_file_is_an_automation_of_this_flow(file):
    """It watches runs of the flow by its name, and acts on what sent the event, so that no id stands in a file."""
    from prefect.events.schemas.automations import AutomationCore

    automation = AutomationCore.model_validate(yaml.safe_load(file.read_text()))
    assert automation.name == f"artpipe-{file.stem}"
    assert automation.trigger.match_related.root["prefect.resource.name"] == FLOW
    assert all(getattr(action, "source", "inferred") == "inferred" for action in automation.actions)


def test_a_new_project_has_them(tmp_path):
    """As files, not as links into the package."""
    create_project(tmp_path / "studio")
    made = sorted((tmp_path / "studio/flows/automations").iterdir())
    assert [path.read_bytes() for path in made] == [path.read_bytes() for path in FILES]
    assert not any(path.is_symlink() for path in made)


@pytest.mark.nightly
@pytest.mark.timeout(600)
@pytest.mark.xdist_group("flow")
def test_a_server_keeps_them(prefect_server):
    """Each is created, is on, and has the trigger and the action of its file."""
    address = f"{prefect_server['PREFECT_API_URL']}/automations"
    for file in FILES:
        wanted = yaml.safe_load(file.read_text())
        made = get(f"{address}/", wanted)
        assert (made["name"], made["enabled"]) == (wanted["name"], True)
        assert made["trigger"]["posture"] == wanted["trigger"]["posture"]
        assert [action["type"] for action in made["actions"]] == [action["type"] for action in wanted["actions"]]
        get(f"{address}/{made['id']}", method="DELETE")


def create_runs(server: str, deployment: str, *states: str) -> list[str]:
    """Runs of a deployment that come to each of some states; their ids."""
    ids = []
    for state in states:
        run = get(f"{server}/deployments/{deployment}/create_flow_run", {})["id"]
        for name in dict.fromkeys(("Running", state)):
            body = {"state": {"type": name.upper(), "name": name}, "force": True}
            get(f"{server}/flow_runs/{run}/set_state", body)
        ids.append(run)
    return ids


def wait_until(is_so, seconds: float = 120.0) -> Any:
    """What `is_so` returns, once that is true."""
    deadline = time.monotonic() + seconds
    while not (answer := is_so()) and time.monotonic() < deadline:
        time.sleep(0.5)
    return answer


@pytest.mark.nightly
@pytest.mark.timeout(600)
@pytest.mark.xdist_group("flow")
def test_they_act(tmp_path, project, prefect_server):
    """Created as the documents say, each does on a real server what it is for, and to its own deployment alone.

    The one that waits two days waits ten seconds here.
    """
    server = prefect_server["PREFECT_API_URL"]
    project.environment.update(prefect_server)
    flow = get(f"{server}/flows/", {"name": FLOW})["id"]
    gallery, other = (
        get(f"{server}/deployments/", {"name": name, "flow_id": flow})["id"] for name in ("acted", "other")
    )
    automations = [yaml.safe_load(file.read_text()) for file in FILES]
    for automation in automations:
        within = automation["trigger"].get("within")
        automation["trigger"] |= {"within": 10} if automation["trigger"]["posture"] == "Proactive" else {}
        assert within is None or within >= 86400
    (tmp_path / "automations.yaml").write_text(yaml.safe_dump({"automations": automations}))
    project.run(
        sys.executable, "-m", "prefect", "automation", "create", "--from-file", str(tmp_path / "automations.yaml")
    )

    def find_runs(deployment: str) -> list[dict[str, Any]]:
        return get(f"{server}/flow_runs/filter", {"deployments": {"id": {"any_": [deployment]}}})

    def is_paused(deployment: str) -> bool:
        return get(f"{server}/deployments/{deployment}")["paused"]

    try:
        (crashed,) = create_runs(server, gallery, "Crashed")
        restarted = wait_until(lambda: [run for run in find_runs(gallery) if run["id"] != crashed])
        assert [run["created_by"]["type"] for run in restarted] == ["AUTOMATION"]
        create_runs(server, other, "Failed")
        create_runs(server, gallery, "Failed", "Failed")
        (stuck,) = create_runs(server, gallery, "Running")
        assert wait_until(lambda: get(f"{server}/flow_runs/{stuck}")["state_type"].startswith("CANCEL"))
        assert not is_paused(gallery)
        create_runs(server, gallery, "Failed")
        assert wait_until(lambda: is_paused(gallery))
        assert not is_paused(other)
    finally:
        for automation in get(f"{server}/automations/filter", {}):
            if automation["name"].startswith("artpipe-"):
                get(f"{server}/automations/{automation['id']}", method="DELETE")
        for deployment in (gallery, other):
            get(f"{server}/deployments/{deployment}", method="DELETE")
