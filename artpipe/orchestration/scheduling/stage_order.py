"""Choose which stage starts next.

One lane goes for the next picture on the wall, the others for the earliest end.
"""

from collections.abc import Iterable, Sequence

from artpipe.orchestration.scheduling.dvc_graph import Stage


class StageOrder:
    """The one rule by which stages that can start are ordered.

    A run ends earliest where long chains go first. But one lane does without: it brings the model nearest to the wall,
    by what is still to do for it. So somebody who waits sees a picture early, and the run ends about as early, because
    with two lanes or more the others have begun with what is long. A single lane ends at the same time in any order.
    """

    def __init__(self, stages: Sequence[Stage]) -> None:
        self._by_name = {stage.name: stage for stage in stages}
        self._needed = dict[str, frozenset[str]]()  # by stage: itself and all it waits for
        for stage in stages:  # each after its upstream
            above = (self._needed[name] for name in stage.upstream if name in self._needed)
            self._needed[stage.name] = frozenset({stage.name}).union(*above)
        self._exhibiting = [stage for stage in stages if stage.appeal > 0]

    def choose(self, candidates: Sequence[Stage], unfinished: Iterable[str], running: Iterable[str]) -> Stage | None:
        """Return the stage to start next, None where there is no candidate.

        Args:
            candidates: the stages that can start now.
            unfinished: the names of all stages that have not ended, the running ones included.
            running: the names of those that run.
        """
        if not candidates:
            return None
        distances = self._seconds_to_picture(frozenset(unfinished))
        nearest = min(distances.values(), default=None)
        is_served = any(name in distances and distances[name] == nearest for name in running)
        if nearest is None or is_served:
            return max(candidates, key=lambda stage: stage.urgency)
        return min(candidates, key=lambda stage: (distances.get(stage.name, float("inf")), -stage.urgency))

    def _seconds_to_picture(self, unfinished: frozenset[str]) -> dict[str, float]:
        """Return by stage the seconds of work until the nearest model hangs.

        It is the nearest of those that wait for the stage.
        They count more where a model has less to show.
        """
        distances = dict[str, float]()
        for exhibiting in self._exhibiting:
            if exhibiting.name not in unfinished:
                continue
            missing = self._needed[exhibiting.name] & unfinished
            seconds = sum(self._by_name[name].seconds for name in missing) / exhibiting.appeal
            for name in missing:
                distances[name] = min(distances.get(name, seconds), seconds)
        return distances


def simulate(stages: Sequence[Stage], slots: int) -> dict[str, float]:
    """Return when each stage would end if each took what is expected.

    They are in the order in which they start.

    Args:
        stages: each after its upstream.
        slots: stages at a time.
    """
    order, now = StageOrder(stages), 0.0
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
