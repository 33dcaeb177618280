"""Which pictures a run leaves to the next one."""

from artpipe.orchestration.reporting.dataset_changes import DatasetChanges, describe_changes
from artpipe.orchestration.scheduling.dvc_graph import Stage


def test_what_comes_before_the_ingest_is_taken_in(tmp_path, monkeypatch):
    """What comes after it, or where nothing of the dataset is ingested, is left to the next run."""
    monkeypatch.chdir(tmp_path)
    sources = {name: tmp_path / name for name in ("read", "left")}
    for folder in sources.values():
        folder.mkdir()
    changes = DatasetChanges(sources, [Stage("ingest@read", (), stale=True)])
    assert changes.look_again() == ()
    for folder in sources.values():
        (folder / "a.png").touch()
    assert changes.look_again() == ("left",)
    changes.on_end("ingest@read")
    assert changes.look_again() == ("left",)
    (sources["read"] / "b.png").touch()
    assert changes.find() == ("left",)  # looked for a moment ago
    assert changes.look_again() == ("read", "left")
    assert (
        describe_changes(["read", "left"]) == "read, left changed while this run was at work: `artpipe run` takes it in"
    )
