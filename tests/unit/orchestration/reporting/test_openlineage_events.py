"""OpenLineage events of stages, written by OpenLineage's own client and read back."""

import json
import uuid

import pytest

from artpipe.orchestration.reporting import openlineage_events
from artpipe.orchestration.reporting.openlineage_events import is_enabled, report_stage

FLOW_RUN = str(uuid.UUID(int=1))
LOCK = """\
schema: '2.0'
stages:
  train@gan:
    cmd: artpipe train gan
    deps: [{path: data/shards/digits, hash: md5, md5: a1.dir, size: 3}]
    outs: [{path: data/checkpoints/gan, hash: md5, md5: b2.dir, size: 4}]
"""


@pytest.fixture
def events(tmp_path, monkeypatch):
    """Name a file for the events; return what reads them."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dvc.lock").write_text(LOCK)
    file = tmp_path / "events.jsonl"
    for name, value in {"TYPE": "file", "LOG_FILE_PATH": str(file), "APPEND": "true"}.items():
        monkeypatch.setenv(f"OPENLINEAGE__TRANSPORT__{name}", value)
    monkeypatch.setenv("OPENLINEAGE_NAMESPACE", "museum")
    openlineage_events._open_client.cache_clear()
    yield lambda: [json.loads(line) for line in file.read_text().splitlines()]
    openlineage_events._open_client.cache_clear()


def test_a_stage_starts_and_completes_with_what_it_read_and_made(events, tmp_path):
    """Two events of one run below the flow's run; files with the hashes of dvc.lock."""
    with report_stage("train@gan", FLOW_RUN):
        pass
    start, end = events()
    assert [one["eventType"] for one in (start, end)] == ["START", "COMPLETE"]
    assert start["run"]["runId"] == end["run"]["runId"] != FLOW_RUN
    assert (end["job"]["namespace"], end["job"]["name"]) == ("museum", "train@gan")
    assert end["run"]["facets"]["parent"]["run"]["runId"] == FLOW_RUN
    ((read,), (made,)) = end["inputs"], end["outputs"]
    assert (read["namespace"], read["name"]) == ("file", str(tmp_path / "data/shards/digits"))
    assert read["facets"]["version"]["datasetVersion"] == "a1.dir"
    assert made["facets"]["version"]["datasetVersion"] == "b2.dir"


@pytest.mark.parametrize(("error", "kind"), [(RuntimeError("no disk"), "FAIL"), (KeyboardInterrupt(), "ABORT")])
def test_a_stage_that_did_not_end_well_says_so(events, error, kind):
    """A failure has its message, a stop has none; the error goes on as it was."""
    with pytest.raises(type(error)), report_stage("train@gan", FLOW_RUN):
        raise error
    assert events()[-1]["eventType"] == kind
    assert events()[-1]["run"]["facets"].get("errorMessage", {}).get("message") == (
        "no disk" if kind == "FAIL" else None
    )


def test_nothing_is_sent_unless_somebody_names_a_place(tmp_path, monkeypatch):
    """Without a variable the client is not even opened."""
    monkeypatch.chdir(tmp_path)
    for name in ("OPENLINEAGE_URL", "OPENLINEAGE_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(openlineage_events, "_open_client", lambda: pytest.fail("it was opened"))
    with report_stage("train@gan", FLOW_RUN):
        pass
    assert [is_enabled(one) for one in ({}, {"OPENLINEAGE_URL": ""}, {"OPENLINEAGE_URL": "http://x"})] == [
        False,
        False,
        True,
    ]
    assert list(tmp_path.iterdir()) == []
