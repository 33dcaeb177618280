"""How far a run is: share of its time, time left, what each model waits for."""

import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from artpipe.artifacts.paths import LAST_STAGE
from artpipe.orchestration.scheduling.dvc_graph import Stage
from artpipe.orchestration.scheduling.stage_costs import is_training
from artpipe.orchestration.scheduling.stage_order import simulate

_DOUBT_SECONDS = 5.0  # of work as expected, beside which what was seen is weighed
_OVERDUE = 0.15  # of what a late stage took so far: so much more it is expected to take
_SKIPPED = 0.2  # of what was expected; a stage that ended earlier had nothing to do, and teaches nothing
_FIRST_SHARE = 0.02  # of a training's steps, from which on its rate is known
_KEPT_SECONDS, _KEPT_COSTS = 0.5, 50.0  # how long what is left is not computed anew


class ModelActivity(NamedTuple):
    """What is done for a model that does not hang yet."""

    doing: str  # the verb of the stage nearest to the wall that runs, `waiting`, `failed`
    seconds_left: float  # until it hangs
    step: int
    steps: int


class _Running:
    """A stage that runs: since when, and the steps that it told of."""

    def __init__(self, now: float) -> None:
        self.start = now
        self.first = self.last = (now, 0, 0)  # when, step, steps

    def tell(self, now: float, step: int, steps: int) -> None:
        if not self.first[2]:
            self.first = (now, step, steps)
        self.last = (now, step, steps)

    def total_seconds(self, now: float) -> float | None:
        """Return the seconds that it will have taken in all.

        They follow from the rate of its steps; None where that is not known yet.
        """
        (first_at, first_step, _), (last_at, step, steps) = self.first, self.last
        if not steps or step < _FIRST_SHARE * steps:
            return None
        rate = (step - first_step) / (last_at - first_at) if step > first_step else step / (last_at - self.start)
        return max(now, last_at + (steps - step) / rate) - self.start if rate > 0 else None


class RunProgress:
    """Hears of stages and steps, and says how far a run is; from any thread."""

    def __init__(self, stages: Sequence[Stage], slots: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock, self._slots = clock, threading.Lock(), slots
        self._started_at, self._share = clock(), 0.0
        self._stages = {stage.name: stage for stage in stages}
        ranks = {name: rank for rank, name in enumerate(simulate(stages, slots))}
        self._ranked = sorted(stages, key=lambda stage: ranks[stage.name])
        self._running, self._took = dict[str, _Running](), dict[str, float]()
        self._failed = set[str]()
        self._rest: tuple[float, float, dict[str, float]] = (-math.inf, 0.0, {})  # when, at what cost, what

    def on_start(self, name: str) -> None:
        """Hear that a stage started."""
        with self._lock:
            if name in self._stages:
                self._running[name] = _Running(self._clock())

    def on_step(self, name: str, step: int, steps: int) -> None:
        """Hear at which step a training is."""
        with self._lock:
            if running := self._running.get(name):
                running.tell(self._clock(), step, steps)

    def on_end(self, name: str, *, ok: bool) -> None:
        """Hear that a stage ended; what waits for a failed one never runs."""
        with self._lock:
            if running := self._running.pop(name, None):
                self._took[name] = self._clock() - running.start
            if name in self._stages and not ok:
                self._failed.add(name)

    def seconds_left(self) -> float:
        """Return the seconds until the last stage ends."""
        with self._lock:
            return max(self._simulate_rest().values(), default=0.0)

    def share(self) -> float:
        """Return which share of the run's time is over, from 0 to 1; it never falls."""
        left = self.seconds_left()
        past = self._clock() - self._started_at
        self._share = max(self._share, past / (past + left) if past + left else 1.0)
        return self._share

    def running(self) -> dict[str, tuple[int, int]]:
        """Return step and steps of each stage that runs, 0 where they are not known."""
        with self._lock:
            return {name: running.last[1:] for name, running in self._running.items()}

    def activities(self) -> dict[str, ModelActivity]:
        """Return what is done for each model that is to be evaluated and is not yet."""
        with self._lock:
            ends = self._simulate_rest()
            names = [name for name in self._stages if name.startswith("evaluate@") and name not in self._took]
            return {name.partition("@")[2]: self._describe(name, ends) for name in names}

    def _describe(self, evaluation: str, ends: Mapping[str, float]) -> ModelActivity:
        above = self._list_upstream(evaluation)
        if self._failed.intersection(above):
            return ModelActivity("failed", 0.0, 0, 0)
        active = next((name for name in above if name in self._running), None)  # the nearest to the wall
        verb = active.partition("@")[0] if active else "waiting"
        is_own = active is not None and active.partition("@")[2] == evaluation.partition("@")[2]
        if active and verb in {"train", "evaluate"} and not is_own:
            return ModelActivity("waiting", ends.get(evaluation, 0.0), 0, 0)  # another model's, which it measures with
        step, steps = self._running[active].last[1:] if active else (0, 0)
        return ModelActivity(verb, ends.get(evaluation, 0.0), step, steps)

    def _list_upstream(self, name: str) -> list[str]:
        """Return a stage and all that it waits for, the nearest first."""
        names = [name]
        for above in names:
            names += [more for more in self._stages[above].upstream if more in self._stages and more not in names]
        return names

    def _simulate_rest(self) -> dict[str, float]:
        """Return in how many seconds each stage ends that has not.

        The result is kept for as long as computing it is cheap beside it.
        """
        now = self._clock()
        made_at, cost, ends = self._rest
        if now - made_at > max(_KEPT_SECONDS, _KEPT_COSTS * cost):
            ends = self._take_slots()
            self._rest = (now, self._clock() - now, ends)
        return ends

    def _take_slots(self) -> dict[str, float]:
        """Return the same, as the slots would take the stages in the order of the plan."""
        now, factors = self._clock(), self._measure_factors()
        ends = {name: self._seconds_of(name, running, now, factors) for name, running in self._running.items()}
        lanes = sorted([*ends.values(), *[0.0] * (self._slots - len(ends))])[-self._slots :]
        ended = {**dict.fromkeys(self._took, 0.0), **ends}
        waiting = {one.name: one for one in self._ranked if one.name not in ended and not self._is_lost(one)}
        while waiting:
            ready = [one for one in waiting.values() if waiting.keys().isdisjoint(one.upstream)]
            free = min(lanes)
            starts = {one.name: max([free, *(ended.get(name, 0.0) for name in one.upstream)]) for one in ready}
            stage = min(ready, key=lambda one: starts[one.name])  # the first of the plan among those that can
            end = starts[stage.name] + stage.seconds * factors[is_training(stage.name)]
            lanes.remove(free)
            lanes.append(end)
            ended[stage.name] = ends[stage.name] = end
            del waiting[stage.name]
        return ends

    def _is_lost(self, stage: Stage) -> bool:
        return stage.name != LAST_STAGE and not self._failed.isdisjoint(self._list_upstream(stage.name))

    def _seconds_of(self, name: str, running: _Running, now: float, factors: Mapping[bool, float]) -> float:
        past = now - running.start
        total = running.total_seconds(now)
        if total is None:
            total = self._stages[name].seconds * factors[is_training(name)]
        return max(total - past, _OVERDUE * past if total < past else 0.0)

    def _measure_factors(self) -> dict[bool, float]:
        """Return how many times as long as expected stages take here and now.

        The first is for trainings, the second for all other stages.
        """
        now, expected = self._clock(), dict.fromkeys((True, False), _DOUBT_SECONDS)
        seen = dict(expected)
        totals = {name: took for name, took in self._took.items() if took > _SKIPPED * self._stages[name].seconds}
        for name, running in self._running.items():
            total, past = running.total_seconds(now), now - running.start
            if total is not None or past > self._stages[name].seconds:
                totals[name] = past if total is None else total
        for name, total in totals.items():
            if name not in self._failed:
                expected[is_training(name)] += self._stages[name].seconds
                seen[is_training(name)] += total
        return {kind: seen[kind] / expected[kind] for kind in expected}
