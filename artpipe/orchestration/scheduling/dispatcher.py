"""Start each stage as soon as its upstream is done, in the order of `StageOrder`.

No more run at a time than there are slots.
"""

import queue
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, Protocol

from prefect.futures import PrefectFuture

from artpipe.orchestration.scheduling.dvc_graph import Stage
from artpipe.orchestration.scheduling.stage_costs import is_training
from artpipe.orchestration.scheduling.stage_order import StageOrder

Future = PrefectFuture[Any]


class Watcher(Protocol):
    """Hears how a run goes on, from the thread that dispatches it."""

    def on_start(self, name: str) -> None:
        """Hear that a stage, or a part of one, has started."""

    def on_end(self, name: str, *, ok: bool) -> None:
        """Hear that it has ended; `ok` where it did what it should."""


class _Nobody:
    def on_start(self, name: str) -> None:
        pass

    def on_end(self, name: str, *, ok: bool) -> None:
        pass


_NOBODY = _Nobody()


class Outcome(NamedTuple):
    """The stages that failed, and those not run because of it."""

    failed: dict[str, object]  # the error of each failed stage, by its name
    not_run: list[str]  # stages below a failed one


def dispatch(
    stages: Sequence[Stage],
    start: Callable[[Stage, list[Future]], Future],
    slots: int,
    max_trainings: int,
    split: Callable[[Stage], list[Stage]] = lambda _: [],
    watcher: Watcher = _NOBODY,
) -> Outcome:
    """Run all `stages` and return which failed.

    Nothing waits in the task runner, where a task that waits for another would hold a thread or a worker. A stage below a
    failed one is started too, and at once reports that its upstream is not ready, so that a person sees it.

    Args:
        stages: each after its upstream.
        start: submits a stage to the task runner; takes the futures of its upstream, all of them ended.
        slots: stages at a time.
        max_trainings: of these, trainings at a time.
        split: returns the parts of a stage that can run before it; the stage itself follows however they end.
        watcher: hears of every stage that starts and ends.
    """
    stage_queue, ended_names = _StageQueue(stages, slots, max_trainings), queue.SimpleQueue[str]()
    while stage_queue.waiting or stage_queue.running:
        stage = stage_queue.next_stage()
        if stage is None:
            name = ended_names.get()
            watcher.on_end(name, ok=stage_queue.mark_ended(name))
        elif parts := split(stage) if stage_queue.can_split(stage) else []:
            stage_queue.add_parts(stage, parts)
        else:
            future = start(stage, stage_queue.mark_running(stage))
            watcher.on_start(stage.name)
            stage_queue.futures[stage.name] = future
            future.add_done_callback(partial(_report_end, ended_names, stage.name))
    return _collect_outcome({stage.name: stage_queue.futures[stage.name].state for stage in stages})


def _collect_outcome(states: Mapping[str, Any]) -> Outcome:
    not_run = [name for name, state in states.items() if state.is_pending()]  # Prefect's NotReady
    failed = {
        name: state.result(raise_on_failure=False)
        for name, state in states.items()
        if not state.is_pending() and not state.is_completed()
    }
    return Outcome(failed, not_run)


class _StageQueue:
    """The stages that wait, those that run, and which of them is next."""

    def __init__(self, stages: Sequence[Stage], slots: int, max_trainings: int) -> None:
        self.waiting = {stage.name: stage for stage in stages}
        self.running, self.futures = set[str](), dict[str, Future]()
        self._parts, self._slots, self._trainings = dict[str, list[str]](), slots, max_trainings
        self._order = StageOrder(stages, slots)

    def next_stage(self) -> Stage | None:
        """Return the stage to start now, if a slot is free and one can start."""
        if len(self.running) >= self._slots:
            return None
        candidates = list(filter(self._can_start, self.waiting.values()))
        return self._order.choose(candidates, self.waiting.keys() | self.running, self.running)

    def mark_running(self, stage: Stage) -> list[Future]:
        """Count a stage as running, and return the futures of its upstream."""
        del self.waiting[stage.name]
        self.running.add(stage.name)
        return [self.futures[name] for name in stage.upstream if name in self.futures]

    def mark_ended(self, name: str) -> bool:
        """Count a stage as ended when it is; return whether it did what it should."""
        self.futures[name].wait()
        self.running.discard(name)
        return bool(self.futures[name].state.is_completed())

    def can_split(self, stage: Stage) -> bool:
        """Return whether a stage may be split: not asked before, its upstream complete."""
        upstream_states = [self.futures[name].state for name in stage.upstream if name in self.futures]
        return (
            not stage.is_share
            and stage.name not in self._parts
            and all(state.is_completed() for state in upstream_states)
        )

    def add_parts(self, stage: Stage, parts: list[Stage]) -> None:
        """Let a stage wait for its parts, however they end."""
        self._parts[stage.name] = [part.name for part in parts]
        self.waiting |= {part.name: part for part in parts}

    def _can_start(self, stage: Stage) -> bool:
        upstream = [name for name in stage.upstream if name in self.futures or name in self.waiting]
        awaited = [*self._parts.get(stage.name, ()), *upstream]
        trainings_full = is_training(stage.name) and sum(map(is_training, self.running)) >= self._trainings
        return all(name in self.futures and name not in self.running for name in awaited) and not trainings_full


def _report_end(ended_names: "queue.SimpleQueue[str]", name: str, _future: Future) -> None:
    ended_names.put(name)
