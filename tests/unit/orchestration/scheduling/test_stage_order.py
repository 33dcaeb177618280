"""Which stage starts next: one lane for the next picture, the others for the earliest end."""

from artpipe.orchestration.scheduling.dvc_graph import Stage
from artpipe.orchestration.scheduling.stage_order import StageOrder, simulate


def chain(name: str, ingest: float, train: float, appeal: float = 1.0, first_look: float = 1.0) -> list[Stage]:
    """A dataset and a model of the same name, the evaluation taking 5 s."""
    urgency = ingest + train + 5.0
    return [
        Stage(f"ingest@{name}", (), True, urgency, seconds=ingest),
        Stage(f"train@{name}", (f"ingest@{name}",), True, urgency - ingest, seconds=train, first_look=first_look),
        Stage(f"evaluate@{name}", (f"train@{name}",), True, 5.0, seconds=5.0, appeal=appeal),
    ]


def test_the_nearest_picture_comes_first_and_is_not_interrupted():
    """One lane: the shortest model from its dataset to the wall, then the next one."""
    starts = simulate([*chain("long", 10, 300), *chain("short", 10, 20), *chain("middle", 10, 100)], 1)
    assert [name.partition("@")[2] for name in starts] == ["short"] * 3 + ["middle"] * 3 + ["long"] * 3


def test_other_lanes_begin_with_what_is_long():
    """Two lanes: the shortest model and the longest one begin, and the run ends as early as the longest chain lets it."""
    stages = [*chain("long", 10, 300), *chain("short", 10, 20), *chain("middle", 10, 100)]
    ends = simulate(stages, 2)
    assert set(list(ends)[:2]) == {"ingest@short", "ingest@long"}
    assert ends["evaluate@short"] == 35.0
    assert max(ends.values()) == 315.0


def test_what_is_worth_more_comes_first_at_the_same_time():
    """A model that hangs half as much to see counts as if it took twice as long."""
    starts = simulate([*chain("judge", 10, 20, appeal=0.5), *chain("painter", 10, 40)], 1)
    assert next(iter(starts)) == "ingest@painter"
    starts = simulate([*chain("judge", 10, 20, appeal=0.5), *chain("painter", 10, 80)], 1)
    assert next(iter(starts)) == "ingest@judge"


def test_what_shows_something_early_comes_first():
    """A training whose pictures are worth a look after a fifth of its time counts a fifth; what hangs is later."""
    stages = [*chain("plain", 10, 50), *chain("early", 10, 100, first_look=0.2), *chain("long", 10, 300)]
    ends = simulate(stages, 2)
    assert list(ends)[:3] == ["ingest@early", "ingest@long", "train@early"]
    assert ends["evaluate@early"] == 115.0


def test_what_shows_something_already_serves_the_lane():
    """Meanwhile the other lanes go for the earliest end; afterwards what hangs soonest is next."""
    stages = [*chain("plain", 10, 50), *chain("early", 10, 100, first_look=0.2), *chain("long", 10, 300)]
    assert list(simulate(stages, 2))[3:5] == ["train@long", "evaluate@early"]
    assert list(simulate(stages, 2))[5:] == ["ingest@plain", "train@plain", "evaluate@plain", "evaluate@long"]


def test_an_early_look_counts_while_nothing_hangs():
    """Where a model hangs, only whole models count."""
    stages = [*chain("hung", 1, 1), *chain("plain", 10, 50), *chain("early", 10, 100, first_look=0.2)]
    assert [name.partition("@")[2] for name in simulate(stages, 1)] == ["hung"] * 3 + ["plain"] * 3 + ["early"] * 3


def test_what_is_done_already_counts_no_more():
    """Where a dataset is ready, its second model may be nearer than the first one of another dataset."""
    second = [
        Stage("train@second", ("ingest@a",), True, 35.0, seconds=30.0),
        Stage("evaluate@second", ("train@second",), True, 5.0, seconds=5.0, appeal=1.0),
    ]
    starts = list(simulate([*chain("a", 50, 10), *second, *chain("b", 50, 20)], 1))
    assert starts.index("train@second") < starts.index("ingest@b")


def test_where_nothing_will_hang_urgency_alone_counts():
    """Stages below no evaluation, such as those of a dataset alone."""
    stages = [Stage("ingest@a", (), True, 1.0, seconds=1.0), Stage("ingest@b", (), True, 2.0, seconds=2.0)]
    assert list(simulate(stages, 1)) == ["ingest@b", "ingest@a"]
    assert StageOrder(stages, 1).choose([], [], []) is None


def test_a_chain_as_long_as_half_of_what_is_left_starts_at_once():
    """Two lanes, three chains: the last one is not left over for one lane while the other has nothing to do."""
    stages = [*chain("a", 5, 60), *chain("b", 5, 90), *chain("c", 5, 100), *chain("d", 5, 110), *chain("e", 5, 200)]
    ends = simulate(stages, 2)
    assert max(ends.values()) <= sum(stage.seconds for stage in stages) / 2 + 15
    assert ends["evaluate@a"] == 70.0
