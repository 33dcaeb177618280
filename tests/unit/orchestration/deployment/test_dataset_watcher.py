"""When a dataset's change is told, and which runs wait in vain."""

import os
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from artpipe.orchestration.deployment import dataset_watcher
from artpipe.orchestration.deployment.dataset_watcher import DatasetWatcher
from artpipe.orchestration.deployment.prefect_api import find_redundant_runs
from artpipe.storage.running_work import RUN_LOCKS
from artpipe.system.locks import hold_lock

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def source(tmp_path):
    """A dataset's folder with one picture."""
    folder = tmp_path / "works"
    folder.mkdir()
    (folder / "a.png").write_text("a")
    return folder


def settled(sources):
    """A watcher to whom nothing of these is new."""
    watcher = DatasetWatcher()
    watcher.find_stable(sources)
    for name in watcher.find_stable(sources):
        watcher.mark_handled(name)
    return watcher


def test_a_change_is_told_when_it_holds_still(source):
    """Not at the look that finds it, but at the next one; once settled, no more."""
    watcher = settled({"works": source})
    assert watcher.find_stable({"works": source}) == []
    (source / "b.png").write_text("b")
    assert [watcher.find_stable({"works": source}) for _ in range(3)] == [[], ["works"], ["works"]]
    watcher.mark_handled("works")
    assert watcher.find_stable({"works": source}) == []


def test_a_folder_being_copied_is_not_told(source):
    """As long as a file grows, or another one comes, from look to look."""
    watcher = settled({"works": source})
    with (source / "big.png").open("a") as copied:
        for number in range(5):
            copied.write("more")
            copied.flush()
            assert watcher.find_stable({"works": source}) == []
            (source / f"{number}.png").touch()
            assert watcher.find_stable({"works": source}) == []
    watcher.find_stable({"works": source})
    assert watcher.find_stable({"works": source}) == ["works"]


@pytest.mark.parametrize("change", ["renamed", "taken away", "touched", "in a folder"])
def test_any_change_is_seen(source, change):
    """Whatever happens to a file; what it means is for DVC to say."""
    watcher = settled({"works": source})
    picture = source / "a.png"
    if change == "renamed":
        picture.rename(source / "b.png")
    elif change == "taken away":
        picture.unlink()
    elif change == "touched":
        os.utime(picture, (1, 1))
    else:
        (source / "deep").mkdir()
        (source / "deep/b.png").touch()
    watcher.find_stable({"works": source})
    assert watcher.find_stable({"works": source}) == ["works"]


def test_what_is_not_there_is_not_told(source):
    """A folder that is being exchanged is gone for a moment."""
    watcher = settled({"works": source})
    source.rename(source.with_name("old"))
    assert [watcher.find_stable({"works": source}) for _ in range(2)] == [[], []]
    source.with_name("old").rename(source)
    assert [watcher.find_stable({"works": source}) for _ in range(2)] == [[], []]


def run(minute, *, by="SCHEDULE", started=None, **parameters):
    """A run that was due some minutes after noon."""
    return SimpleNamespace(
        deployment_id="d",
        parameters={"overlap": "wait", **parameters},
        expected_start_time=NOON + timedelta(minutes=minute),
        start_time=None if started is None else NOON + timedelta(minutes=started),
        created_by=by and SimpleNamespace(type=by),
    )


def test_after_a_sleep_one_run_is_left():
    """Of twenty missed ones the last is kept; where one has begun since, none."""
    missed = [run(minute) for minute in range(20)]
    assert list(find_redundant_runs(missed, [])) == missed[-2::-1]
    assert len(list(find_redundant_runs(missed, [run(0, started=21)]))) == 20
    assert len(list(find_redundant_runs(missed, [run(0, started=18.5)]))) == 19


def test_different_work_is_kept():
    """Runs of two datasets and of everything each do something else; a run of everything does that of any."""
    waiting = [run(0, dataset="a", by="AUTOMATION"), run(1, dataset="b", by="AUTOMATION"), run(2)]
    assert list(find_redundant_runs(waiting, [])) == []
    assert list(find_redundant_runs(waiting, [run(0, started=1.5, dataset="b")])) == [waiting[1]]
    assert len(list(find_redundant_runs(waiting, [run(0, started=3)]))) == 3


@pytest.mark.parametrize("by", [None, "USER"])
def test_what_a_person_asked_for_is_run(by):
    """As often as it was asked for."""
    assert list(find_redundant_runs([run(0, by=by), run(1, by=by)], [run(0, started=5)])) == []


def test_a_change_during_a_run_begins_the_next_one(source, tmp_path, monkeypatch, capsys):
    """It is said once that it waits; when the run has ended its event is emitted, once."""
    monkeypatch.chdir(tmp_path)
    emitted = []
    api = SimpleNamespace(
        accepts_events=lambda: True, emit_dataset_changed=emitted.append, skip_redundant_runs=lambda: 0
    )
    monkeypatch.setattr(dataset_watcher, "find_changed", lambda names, _: set(names))
    sources = {"works": source}
    watcher = settled(sources)

    def look() -> None:
        dataset_watcher._report_changes(watcher.find_stable(sources), sources, watcher, api)

    with hold_lock(RUN_LOCKS / "a.lock"):
        look()
        assert capsys.readouterr().out == ""
        (source / "b.png").write_text("b")
        for _ in range(3):
            look()
        assert "works changed; a run is at work since " in (out := capsys.readouterr().out)
        assert (emitted, out.count("\n")) == ([], 1)
    for _ in range(3):
        look()
    assert emitted == ["works"]
