"""Which stage starts when, with futures that end when the test says."""

import logging
import os
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from prefect.client.schemas.objects import State, StateType

from artpipe.orchestration.reporting import console, prefect_artifacts
from artpipe.orchestration.scheduling import stage_run
from artpipe.orchestration.scheduling.dispatcher import dispatch
from artpipe.orchestration.scheduling.dvc_graph import Stage
from artpipe.orchestration.scheduling.run_context import RunSettings

OK, BAD, NOT_READY = (
    State(type=StateType.COMPLETED),
    State(type=StateType.FAILED),
    State(type=StateType.PENDING, name="NotReady"),
)


class Ends:
    """A future that ends after some seconds in a state."""

    def __init__(self, seconds: float, state: State) -> None:
        self._over, self._end = threading.Event(), state
        self._calls = []
        threading.Timer(seconds, self._finish).start()

    @property
    def state(self) -> State:
        return self._end if self._over.is_set() else State(type=StateType.RUNNING)

    def wait(self) -> None:
        self._over.wait()

    def add_done_callback(self, call) -> None:
        self._calls.append(call)
        if self._over.is_set():
            call(self)

    def _finish(self) -> None:
        self._over.set()
        for call in list(self._calls):
            call(self)


class Runner:
    """Starts stages as a task runner would; what reads from a failed one is not ready."""

    def __init__(self, *failing: str, seconds: float = 0.02) -> None:
        self.failing, self.seconds = failing, seconds
        self.order, self.running, self.most, self.trainings = [], set(), 0, 0
        self.lock = threading.Lock()

    def __call__(self, stage, upstream):
        assert all(not future.state.is_running() for future in upstream)
        if any(not future.state.is_completed() for future in upstream) and stage.name != "gallery":
            return Ends(0.0, NOT_READY)
        with self.lock:
            self.order.append(stage.name)
            self.running.add(stage.name)
            self.most = max(self.most, len(self.running))
            self.trainings = max(self.trainings, sum(name.startswith("train@") for name in self.running))
        future = Ends(self.seconds, BAD if stage.name in self.failing else OK)
        future.add_done_callback(lambda _: self.running.discard(stage.name))
        return future


def stages(**urgencies: float) -> list[Stage]:
    """Four trainings that read one dataset, their evaluations, the gallery."""
    trainings = [Stage(f"train@{name}", ("preprocess@d",), True, urgency) for name, urgency in urgencies.items()]
    evaluations = [Stage(f"evaluate@{name}", (f"train@{name}", "elsewhere"), True, 0.5) for name in urgencies]
    last = Stage("gallery", tuple(f"evaluate@{name}" for name in urgencies), stale=True)
    return [Stage("preprocess@d", (), stale=True), *trainings, *evaluations, last]


def test_the_most_urgent_of_what_can_start_goes_first():
    """One slot: by urgency, and each after what it reads; what is up to date (`elsewhere`) holds nobody."""
    runner = Runner()
    assert dispatch(stages(a=1.0, b=3.0, c=2.0), runner, 1, 1) == ({}, [])
    assert [name for name in runner.order if "train" in name] == ["train@b", "train@c", "train@a"]
    assert runner.order[0] == "preprocess@d"
    assert runner.order[-1] == "gallery"
    assert runner.most == 1


@pytest.mark.parametrize(("slots", "trainings"), [(2, 2), (4, 1), (3, 2)])
def test_there_are_never_more_than_there_is_room_for(slots, trainings):
    """So many at a time, and of these so many trainings; all room is used."""
    runner = Runner()
    dispatch(stages(a=1.0, b=1.0, c=1.0, d=1.0), runner, slots, trainings)
    assert runner.most <= slots
    assert runner.trainings == trainings


def test_a_failed_stage_stops_only_what_reads_it():
    """Its evaluation is not run, the others are, the gallery is hung; each is named once."""
    runner = Runner("train@b")
    failed = dispatch(stages(a=1.0, b=2.0), runner, 2, 2)
    assert (list(failed.failed), failed.not_run) == (["train@b"], ["evaluate@b"])
    assert runner.order[-1] == "gallery"


def test_nothing_to_do_is_done_at_once():
    """No stage, no wait."""
    began = time.monotonic()
    assert dispatch([], Runner(), 2, 2) == ({}, [])
    assert time.monotonic() - began < 1


def halve(stage):
    return (
        [replace(stage, name=f"{stage.name} {part}", is_share=True) for part in "ab"]
        if "preprocess" in stage.name
        else []
    )


@pytest.mark.parametrize("failing", [(), ("preprocess@d a",), ("preprocess@d a", "preprocess@d b")])
def test_parts_go_first_and_a_lost_one_fails_nothing(failing):
    """What divides waits for its parts, which run at the same time; it follows however they end, and they are not named."""
    runner = Runner(*failing)
    assert dispatch(stages(a=1.0), runner, 2, 2, halve) == ({}, [])
    assert runner.order[:3] == ["preprocess@d a", "preprocess@d b", "preprocess@d"]
    assert runner.order[-1] == "gallery"
    assert runner.most == 2


def test_what_reads_from_a_failed_stage_is_not_divided():
    """Its parts would be for nothing."""
    runner, above = Runner("ingest@d"), Stage("ingest@d", (), stale=True)
    below = [replace(stage, upstream=stage.upstream or ("ingest@d",)) for stage in stages()]
    assert list(dispatch([above, *below], runner, 2, 2, halve).failed) == ["ingest@d"]
    assert runner.order == ["ingest@d", "gallery"]


@pytest.mark.parametrize("line", ["failed to run: artpipe train gan, exited with -9", "exited with 137"])
def test_a_killed_stage_says_what_may_have_killed_it(monkeypatch, line):
    """SIGKILL leaves a stage no time to say anything, so the flow names the likely cause and what helps."""
    monkeypatch.setattr(stage_run, "get_run_logger", lambda: logging.getLogger("test"))
    monkeypatch.setattr(console, "print_output_line", lambda *_: None)
    monkeypatch.setattr(
        prefect_artifacts,
        "ProgressArtifact",
        lambda *_: type("ProgressArtifact", (), {"read_line": lambda *_: None})(),
    )
    output = stage_run.StageOutput("train@gan", lambda *_: None)
    output.read_line(line)
    error = output.make_error(255)
    assert type(error) is RuntimeError  # tried again it would most likely be killed again
    assert "because memory ran out" in str(error)
    assert "\n" not in str(error)


def test_of_what_dvc_hints_nothing_is_shown(monkeypatch, capsys):
    """Its advice for git, which it sets in with a tab, is not for those who see the whole run."""
    monkeypatch.setattr(stage_run, "get_run_logger", lambda: logging.getLogger("test"))
    output = stage_run.StageOutput("ingest@digits", lambda *_: None)
    for line in (
        "To track the changes with git, run:",
        "\tgit add dvc.lock",
        "\tdvc config core.autostage true",
        "kept",
    ):
        output.read_line(line)
    assert capsys.readouterr().out.split() == ["ingest@digits", "kept"]


def test_a_path_that_another_run_uses_is_told_once_and_in_our_words(monkeypatch, capsys):
    """DVC's complaint, and its advice to remove a lock by hand, are shown to nobody; each try is a fresh start."""
    monkeypatch.setattr(stage_run, "get_run_logger", lambda: logging.getLogger("test"))
    monkeypatch.setattr(stage_run, "_BUSY_SECONDS", 0.0)
    output = stage_run.StageOutput("evaluate@gan", lambda *_: None)
    for _ in range(2):
        for line in (
            "ERROR: failed to reproduce 'evaluate@gan': '/p/data' is busy, it is being blocked by:",
            "  (PID 4194303): /x/dvc --wait-for-lock repro --single-item train@gan",
            "",
            "If there are no processes with such PIDs, you can manually remove '/p/.dvc/tmp/rwlock' and try again.",
        ):
            output.read_line(line)
        assert output.busy
        assert str(output.make_error(255)) == "another run is busy with train@gan"
        output.wait_for_other()
        assert not output.busy
    output.read_line("kept")
    assert capsys.readouterr().out.splitlines() == [
        "  evaluate@gan another run is busy with train@gan; waiting",
        "  evaluate@gan kept",
    ]


@pytest.mark.parametrize(
    ("stage", "is_removed"),
    [
        ("train@shapes-classifier", False),
        ("evaluate@shapes", True),  # a dataset's name
        ("ingest@shapes", False),
        ("preprocess@gone", True),
        ("weights@shapes", True),
        ("gallery", False),
    ],
)
@pytest.mark.usefixtures("studio")
def test_a_stage_whose_entry_was_removed_is_known(stage, is_removed):
    """As `artpipe dataset remove` may take it between the look at the graph and the stage's turn."""
    assert stage_run.is_removed(stage) is is_removed


@pytest.fixture
def settings(monkeypatch, tmp_path):
    """Those of a run without a server, whose `artpipe` takes the dataset `shapes` out of params.yaml, then fails."""
    monkeypatch.setattr(stage_run, "get_run_logger", lambda: logging.getLogger("test"))
    stub = tmp_path / "bin" / "artpipe"
    stub.parent.mkdir()
    stub.write_text("#!/bin/sh\nsed -i 's/^  shapes:/  another:/' params.yaml\nexit 3\n")
    stub.chmod(0o755)
    env = {**os.environ, "PATH": f"{stub.parent}:{os.environ['PATH']}"}
    return RunSettings(run=tmp_path.name, cores=1, env=env, timeout_seconds=60, server=False)


@pytest.mark.usefixtures("studio")
def test_a_stage_that_was_removed_meanwhile_fails_nothing(settings, capsys):
    """DVC finds no such stage: it is left out, and that is all that is said of it."""
    stage_run.reproduce_stage("ingest@gone", settings)
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith(" ")]  # of the stage
    assert lines == ["  ingest@gone removed from params.yaml since the run began; left out"]


@pytest.mark.usefixtures("studio")
def test_a_stage_that_dvc_does_not_know_has_failed(settings):
    """Its entry stands in params.yaml, so it is not that it was removed."""
    Path("dvc.yaml").write_text("stages: {}\n")
    with pytest.raises(RuntimeError, match=r"^dvc: Stage 'ingest@shapes' not found inside 'dvc.yaml' file$"):
        stage_run.reproduce_stage("ingest@shapes", settings)


@pytest.mark.usefixtures("studio")
def test_a_stage_that_failed_has_failed_though_it_was_removed_meanwhile(settings):
    """DVC knew it and ran it: that is no stage to leave out."""
    with pytest.raises(RuntimeError, match=r"^failed with exit code 3$"):
        stage_run.reproduce_stage("ingest@shapes", settings)
    assert stage_run.is_removed("ingest@shapes")
