"""The automations that come as files: Prefect's schema takes them, and a real server keeps them as they stand."""

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
