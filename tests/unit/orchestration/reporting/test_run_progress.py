"""How far a run is, with a clock that the test turns."""

import pytest

from artpipe.orchestration.reporting.run_progress import RunProgress
from artpipe.orchestration.scheduling.dvc_graph import Stage


class Clock:
    """A clock that stands until it is turned."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def chain(name: str, train: float, after: str = "preprocess@d") -> list[Stage]:
    """A training and its evaluation of 10 s."""
    return [
        Stage(f"train@{name}", (after,), True, train + 10, seconds=train),
        Stage(f"evaluate@{name}", (f"train@{name}",), True, 10.0, seconds=10.0, appeal=1.0),
    ]


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def progress(clock):
    """A dataset of 20 s, two models of 100 and 200 s, on two slots: 230 s in all."""
    first = Stage("preprocess@d", (), True, 230.0, seconds=20.0)
    return RunProgress([first, *chain("short", 100), *chain("long", 200)], 2, clock)


def test_before_the_start_the_longest_chain_is_left(progress):
    """What waits is taken by the slots as it would be; each model hangs when its evaluation ends."""
    assert progress.seconds_left() == 230.0
    assert progress.share() == 0.0
    assert {name: (one.doing, one.seconds_left) for name, one in progress.activities().items()} == {
        "short": ("waiting", 130.0),
        "long": ("waiting", 230.0),
    }


def test_time_that_passed_is_no_longer_left(progress, clock):
    """A stage under way counts by what it took already; the models that wait for it say so."""
    progress.on_start("preprocess@d")
    clock.now += 10
    assert progress.seconds_left() == 220.0
    assert progress.share() == pytest.approx(10 / 230)
    assert {one.doing for one in progress.activities().values()} == {"preprocess"}


def test_steps_say_more_than_expectations(progress, clock):
    """A training at half its steps after 20 s has 20 s to go, and other trainings are expected to be as fast."""
    progress.on_start("preprocess@d")
    clock.now += 20
    progress.on_end("preprocess@d", ok=True)
    progress.on_start("train@long")
    for step in (10, 500):
        clock.now += 10
        progress.on_step("train@long", step, 1000)
    activities = progress.activities()
    assert activities["long"].step == 500
    assert 10 <= activities["long"].seconds_left - 10.0 <= 15
    assert activities["short"].seconds_left < 60
    assert progress.running() == {"train@long": (500, 1000)}


def test_a_late_stage_is_expected_to_take_some_more(progress, clock):
    """What takes longer than expected is never about to end in no time, and makes others of its sort longer."""
    progress.on_start("preprocess@d")
    clock.now += 60
    assert progress.seconds_left() > 230.0


def test_the_share_never_falls(progress, clock):
    """A run that turns out to be longer stands still in percent."""
    progress.on_start("preprocess@d")
    clock.now += 20
    before = progress.share()
    clock.now += 100
    assert progress.share() >= before
    for name in ("preprocess@d", "train@short", "train@long", "evaluate@short", "evaluate@long"):
        progress.on_start(name)
        progress.on_end(name, ok=True)
    clock.now += 1
    assert (progress.seconds_left(), progress.share(), progress.activities()) == (0.0, 1.0, {})


def test_below_a_failure_nothing_is_awaited(progress, clock):
    """A model whose training failed is said to have failed, and takes no time any more."""
    progress.on_start("preprocess@d")
    progress.on_end("preprocess@d", ok=True)
    progress.on_start("train@long")
    clock.now += 1
    progress.on_end("train@long", ok=False)
    clock.now += 1
    assert progress.activities()["long"].doing == "failed"
    assert progress.seconds_left() == pytest.approx(110.0, rel=0.1)


def test_parts_of_stages_are_no_stages_of_the_plan(progress):
    """What is done beforehand is heard of and ignored."""
    progress.on_start("ingest@d 1/2")
    progress.on_end("ingest@d 1/2", ok=True)
    assert progress.running() == {}


def test_three_times_slower_than_planned_is_known_after_a_minute(clock):
    """On a machine three times as slow the time left is right within a third after the first minute."""
    expected = {"a": 100.0, "b": 150.0, "c": 80.0, "d": 120.0}
    stages = [stage for name, seconds in expected.items() for stage in chain(name, seconds, after="elsewhere")]
    progress = RunProgress(stages, 2, clock)
    waiting, running, slow = {stage.name: stage for stage in stages}, {}, 3.0
    begin, estimates = clock.now, {}
    while waiting or running:
        ready = [one for one in waiting.values() if not {*waiting, *running} & set(one.upstream)]
        while ready and len(running) < 2:
            stage = ready.pop(0)
            progress.on_start(waiting.pop(stage.name).name)
            running[stage.name] = clock.now
        clock.now += 5
        for name, start in list(running.items()):
            seconds = slow * next(stage.seconds for stage in stages if stage.name == name)
            if clock.now - start >= seconds:
                del running[name]
                progress.on_end(name, ok=True)
            elif name.startswith("train@"):
                progress.on_step(name, int(1000 * (clock.now - start) / seconds), 1000)
        estimates[clock.now] = progress.seconds_left()
    for now, left in estimates.items():
        if begin + 60 <= now <= clock.now - 30:
            assert left == pytest.approx(clock.now - now, rel=1 / 3), now - begin
