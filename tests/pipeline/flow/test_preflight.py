"""What is asked before a flow begins: DVC once, and nobody else where there is nothing to do."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from artpipe.cli import start_flow
from artpipe.errors import BusyError
from artpipe.orchestration import preflight
from artpipe.orchestration.deployment.dataset_watcher import find_changed
from artpipe.orchestration.run_flow import RunOptions
from artpipe.orchestration.scheduling.dvc_graph import Stage, find_stale_stages, read_graph

pytestmark = [pytest.mark.xdist_group("dvc"), pytest.mark.filterwarnings("ignore")]  # DVC's own


@pytest.fixture
def inside(project, monkeypatch):
    """The project, worked in by this process, its stand-ins taken for checked."""
    monkeypatch.chdir(project.folder)
    monkeypatch.setattr(start_flow, "check_project", lambda: "fine")
    monkeypatch.setenv("ARTPIPE_TRACKING", "off")
    monkeypatch.setenv("PREFECT_HOME", str(project.folder / ".state/prefect"))
    return project


@pytest.fixture
def asked(monkeypatch):
    """What DVC was asked, in turn."""
    calls: list[object] = []

    def counted(targets=None, **more):
        calls.append(targets)
        return read_graph(targets, **more)

    monkeypatch.setattr("artpipe.orchestration.scheduling.dvc_graph.read_graph", counted)
    return calls


@pytest.fixture
def become(monkeypatch):
    """The commands that this process would have become, each with its environment."""
    commands: list[tuple[list[str], dict[str, str]]] = []
    monkeypatch.setattr(os, "execve", lambda _, command, env: commands.append((command[1:], env)))
    return commands


def test_nothing_to_do_asks_once_and_starts_nothing(inside, asked, become, monkeypatch, capsys):
    """DVC is asked in process, and no other process is started, nor is Prefect or torch imported for it."""
    monkeypatch.setattr(subprocess.Popen, "__init__", lambda *_, **__: pytest.fail("a process was started"))
    start_flow.run_flow([])
    assert (asked, become) == ([None], [])
    assert capsys.readouterr().out.startswith("Everything is up to date.\n")


def test_what_is_to_do_is_handed_over(inside, asked, become, monkeypatch):
    """The flow is started with the stages that were found, and with a model's gallery."""
    inside.edit("params.yaml", "title: v1", "title: v2")
    start_flow.run_flow(["vae"])
    [(command, env)] = become
    assert asked == [None]
    assert command[:2] == ["-m", "artpipe.orchestration.run_flow"]
    assert RunOptions.from_json(command[2]) == RunOptions(["evaluate@vae"], True, None, 86_400.0, 2, 10.0)
    monkeypatch.setattr(os, "environ", env)
    stages = preflight.pop_stages()
    assert stages == find_stale_stages(["evaluate@vae"], gallery=True)
    assert [stage.name for stage in stages] == ["train@vae", "evaluate@vae", "gallery"]
    assert preflight.pop_stages() is None  # for one process, not for what it starts


def test_too_many_stages_are_asked_for_again():
    """What does not fit into an environment is not handed over, so the flow asks itself."""
    stage = Stage("train@" + "x" * 90, (), stale=True)
    assert preflight.encode_stages([stage] * 10)
    assert preflight.encode_stages([stage] * 1000) == {}


def test_a_named_server_is_told_of_a_run_with_nothing_to_do(inside, asked, become, monkeypatch):
    """A server that keeps a record sees every run, so the flow begins and asks."""
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:1/api")
    start_flow.run_flow([])
    assert asked == []
    [(command, _)] = become
    assert command[:2] == ["-m", "artpipe.orchestration.run_flow"]
    assert RunOptions.from_json(command[2]).targets == []


def test_a_torn_lock_is_told_and_mended(inside, become, capsys):
    """Cut short by a kill: said once, and all is to do, which the run cache has."""
    lock = Path("dvc.lock")
    lock.write_text(lock.read_text()[:300])
    start_flow.run_flow([])
    assert capsys.readouterr().out == "dvc was killed while it wrote dvc.lock: made anew from the run cache\n"
    [(_, env)] = become
    assert len(json.loads(env["ARTPIPE_STAGES"])) == len(find_stale_stages())
    assert not lock.exists()


def test_a_torn_tracking_file_is_told_and_mended(inside, become, capsys):
    """DVC takes an empty one for one that tracks nothing, and finds nothing to do; mended, it is there to be filled."""
    Path("datasets/emoji.dvc").write_text("")
    start_flow.run_flow([])
    assert capsys.readouterr().out == "dvc was killed while it wrote emoji.dvc: it tracks what lies there, as before\n"
    [(_, env)] = become
    assert [stage["name"] for stage in json.loads(env["ARTPIPE_STAGES"]) if stage["stale"]] == ["datasets/emoji.dvc"]


def test_the_watch_asks_for_what_differs(inside):
    """A dataset whose files are others than those that were ingested, and no other dataset."""
    sources = {"emoji": Path("datasets/emoji"), "digits": Path("datasets/digits.yaml")}
    assert find_changed(sources, sources) == set()
    Path("datasets/emoji/c.png").write_text("c")
    assert find_changed(sources, sources) == {"emoji"}
    inside.edit("params.yaml", "preprocess: {size: 28}", "preprocess: {size: 20}")
    assert find_changed(sources, sources) == {"emoji"}


def test_a_plan_during_a_run_is_made_all_the_same(inside, monkeypatch, capsys):
    """DVC refuses to look at what another dvc writes; the plan tells of that run and looks, a run waits for it."""
    inside.edit("params.yaml", "title: v1", "title: v2")
    expected = read_graph().changes
    writer = {"pid": os.getppid(), "cmd": "/x/dvc repro --single-item train@vae"}
    record = json.dumps({"write": {str(Path("data/checkpoints/vae").absolute()): writer}, "read": {}})
    Path(".dvc/tmp/rwlock").write_text(record)
    assert read_graph(during_run=True).changes == expected
    err = capsys.readouterr().err
    assert err.count("another run is busy with train@vae since") == 1
    assert "remove" not in err
    assert json.loads(Path(".dvc/tmp/rwlock").read_text())["write"] == json.loads(record)["write"]
    with pytest.raises(BusyError, match=r"another run is busy with train@vae since .*; try again when it has ended"):
        read_graph(wait_seconds=0.0)
