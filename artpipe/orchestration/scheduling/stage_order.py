"""Choose which stage starts next.

One lane goes for the next picture to be seen, the others for the earliest end.
"""

from collections.abc import Iterable, Sequence

from artpipe.orchestration.scheduling.dvc_graph import Stage


class StageOrder:
    """The one rule by which stages that can start are ordered.

    A run ends earliest where long chains go first. But one lane does without: it brings the model nearest to the wall,
    by what is still to do for it. So somebody who waits sees a picture early, and the run ends about as early, because
    with two lanes or more the others have begun with what is long. A single lane ends at the same time in any order.
    Where a chain would end after a lane's share of all that is left, if it waited for another lane, the run would wait for
    it alone at its end: it starts at once.

    As long as there is nothing to see, a training counts only until what it makes is worth a look; one that has come to
    run serves as this lane.
    """

    def __init__(self, stages: Sequence[Stage], lanes: int) -> None:
        self._lanes = lanes
        self._by_name = {stage.name: stage for stage in stages}
        self._needed = dict[str, frozenset[str]]()  # by stage: itself and all it waits for
        for stage in stages:  # each after its upstream
            above = (self._needed[name] for name in stage.upstream if name in self._needed)
            self._needed[stage.name] = frozenset({stage.name}).union(*above)
        self._exhibiting = [stage for stage in stages if stage.appeal > 0]
        self._showing = {stage.name for stage in stages if stage.first_look < 1}  # before they have ended

    def choose(self, candidates: Sequence[Stage], unfinished: Iterable[str], running: Iterable[str]) -> Stage | None:
        """Return the stage to start next, None where there is no candidate.

        Args:
            candidates: the stages that can start now.
            unfinished: the names of all stages that have not ended, the running ones included.
            running: the names of those that run.
        """
        if not candidates:
            return None
        unfinished, running = frozenset(unfinished), frozenset(running)
        longest = max(candidates, key=lambda stage: stage.urgency)
        distances = self._seconds_to_picture(unfinished)
        nearest = min(distances.values(), default=None)
        is_served = any(name in self._showing or distances.get(name) == nearest for name in running)
        if nearest is None or is_served:
            return longest
        chosen = min(candidates, key=lambda stage: (distances.get(stage.name, float("inf")), -stage.urgency))
        return longest if self._is_late(longest, chosen, unfinished, running) else chosen

    def _is_late(self, longest: Stage, chosen: Stage, unfinished: frozenset[str], running: frozenset[str]) -> bool:
        """Return whether the run would end later if the longest chain waited.

        Of what runs half is taken to be left, which it is on average.
        """
        if self._lanes == 1 or self._lanes - len(running) != 1:
            return False
        left = self._sum_seconds(unfinished) - self._sum_seconds(running) / 2
        waits = min([chosen.seconds, *(self._by_name[name].seconds / 2 for name in running)])
        return waits + longest.urgency >= left / self._lanes

    def _seconds_to_picture(self, unfinished: frozenset[str]) -> dict[str, float]:
        """Return by stage the seconds of work until the nearest model is seen.

        It is the nearest of those that wait for the stage.
        They count more where a model has less to show.
        """
        distances = dict[str, float]()
        is_empty = all(exhibiting.name in unfinished for exhibiting in self._exhibiting)
        for exhibiting in self._exhibiting:
            if exhibiting.name not in unfinished:
                continue
            missing = self._needed[exhibiting.name] & unfinished
            looks = [self._seconds_to_look(name, missing) for name in missing & self._showing if is_empty]
            seconds = min([*looks, self._sum_seconds(missing)]) / exhibiting.appeal
            for name in missing:
                distances[name] = min(distances.get(name, seconds), seconds)
        return distances

    def _seconds_to_look(self, training: str, missing: frozenset[str]) -> float:
        """Return the seconds that are missing until a training shows something."""
        stage = self._by_name[training]
        return self._sum_seconds(self._needed[training] & missing) - (1 - stage.first_look) * stage.seconds

    def _sum_seconds(self, names: Iterable[str]) -> float:
        return sum(self._by_name[name].seconds for name in names)


def simulate(stages: Sequence[Stage], slots: int) -> dict[str, float]:
    """Return when each stage would end if each took what is expected.

    They are in the order in which they start.

    Args:
        stages: each after its upstream.
        slots: stages at a time.
    """
    order, now = StageOrder(stages, slots), 0.0
    waiting, running, ends = {stage.name: stage for stage in stages}, dict[str, float](), dict[str, float]()
    while waiting or running:
        ready = [
            stage
            for stage in waiting.values()
            if waiting.keys().isdisjoint(stage.upstream) and running.keys().isdisjoint(stage.upstream)
        ]
        stage = order.choose(ready, waiting.keys() | running.keys(), running) if len(running) < slots else None
        if stage is None:
            now = running.pop(min(running, key=running.__getitem__))
            continue
        del waiting[stage.name]
        ends[stage.name] = running[stage.name] = now + stage.seconds
    return ends
