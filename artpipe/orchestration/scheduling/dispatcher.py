"""Which stage starts when: each as soon as what it reads is done, the most urgent first, no more at a time than there is room."""

import queue
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

from prefect.futures import PrefectFuture

from artpipe.orchestration.scheduling.dvc_graph import Stage

Future = PrefectFuture[Any]


class Outcome(NamedTuple):
    """What did not go well."""

    failed: dict[str, object]  # stages, and what each failed by
    not_run: list[str]  # because what they read from failed


def dispatched(
    stages: Sequence[Stage],
    start: Callable[[Stage, list[Future]], Future],
    slots: int,
    trainings: int,
    divided: Callable[[Stage], list[Stage]] = lambda _: [],
) -> Outcome:
    """Start all `stages`, and say which failed.

    Nothing waits in the task runner, where a task that waits for another would hold a thread or a worker. What reads from
    a failed stage is started too, and at once says that it was not ready, so that a person sees it.

    Args:
        stages: each after its upstream.
        start: hands a stage to the task runner; it is told what it waited for, all of it ended.
        slots: stages at a time.
        trainings: of these, trainings at a time.
        divided: parts of a stage that could start now, which go first; the stage itself follows however they end.
    """
    line, ended = _Line(stages, slots, trainings), queue.SimpleQueue[str]()
    while line.waiting or line.running:
        stage = line.next()
        if stage is None:
            name = ended.get()
            line.futures[name].wait()
            line.running.discard(name)
        elif first := divided(stage) if line.may_divide(stage) else []:
            line.put_before(stage, first)
        else:
            future = start(stage, line.left(stage))
            line.futures[stage.name] = future
            future.add_done_callback(partial(_tell, ended, stage.name))
    states = {stage.name: line.futures[stage.name].state for stage in stages}
    not_run = [name for name, state in states.items() if state.is_pending()]  # Prefect's NotReady
    failed = {
        name: state.result(raise_on_failure=False)
        for name, state in states.items()
        if not state.is_pending() and not state.is_completed()
    }
    return Outcome(failed, not_run)


class _Line:
    """Who waits, who runs, and who is next."""

    def __init__(self, stages: Sequence[Stage], slots: int, trainings: int) -> None:
        self.waiting = {stage.name: stage for stage in stages}
        self.running, self.futures = set[str](), dict[str, Future]()
        self._parts, self._slots, self._trainings = dict[str, list[str]](), slots, trainings

    def next(self) -> Stage | None:
        """Return the most urgent stage that can start now, if there is room for one."""
        if len(self.running) >= self._slots:
            return None
        by_urgency = sorted(self.waiting.values(), key=lambda stage: -stage.urgency)
        return next(filter(self._can_start, by_urgency), None)

    def left(self, stage: Stage) -> list[Future]:
        """Let a stage go, and return what it waited for."""
        del self.waiting[stage.name]
        self.running.add(stage.name)
        return [self.futures[name] for name in stage.upstream if name in self.futures]

    def may_divide(self, stage: Stage) -> bool:
        """Say whether a stage was not asked yet for its parts, and what it reads is there."""
        read = [self.futures[name].state for name in stage.upstream if name in self.futures]
        return not stage.part and stage.name not in self._parts and all(state.is_completed() for state in read)

    def put_before(self, stage: Stage, parts: list[Stage]) -> None:
        """Let a stage wait for its parts, however they end."""
        self._parts[stage.name] = [part.name for part in parts]
        self.waiting |= {part.name: part for part in parts}

    def _can_start(self, stage: Stage) -> bool:
        upstream = [name for name in stage.upstream if name in self.futures or name in self.waiting]
        awaited = [*self._parts.get(stage.name, ()), *upstream]
        full = is_training(stage.name) and sum(map(is_training, self.running)) >= self._trainings
        return all(name in self.futures and name not in self.running for name in awaited) and not full


def _tell(ended: "queue.SimpleQueue[str]", name: str, _future: Future) -> None:
    ended.put(name)


def is_training(stage: str) -> bool:
    """Say whether a stage trains, and so takes a device."""
    return stage.startswith("train@")
