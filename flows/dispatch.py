"""Which stage starts when: each as soon as what it reads is done, the most urgent first, no more at a time than there is room."""

import queue
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

from prefect.futures import PrefectFuture

from flows.dvc_graph import Stage

Future = PrefectFuture[Any]


class Outcome(NamedTuple):
    """What did not go well."""

    failed: dict[str, object]  # stages, and what each failed by
    not_run: list[str]  # because what they read from failed


def dispatched(
    stages: Sequence[Stage], start: Callable[[Stage, list[Future]], Future], slots: int, trainings: int
) -> Outcome:
    """Start all `stages`, and say which failed.

    Nothing waits in the task runner, where a task that waits for another would hold a thread or a worker. What reads from
    a failed stage is started too, and at once says that it was not ready, so that a person sees it.

    Args:
        stages: each after its upstream.
        start: hands a stage to the task runner; it is told what it waited for, all of it ended.
        slots: stages at a time.
        trainings: of these, trainings at a time.
    """
    waiting = {stage.name: stage for stage in stages}
    futures, running = dict[str, Future](), set[str]()
    ended: queue.SimpleQueue[str] = queue.SimpleQueue()
    while waiting or running:
        for stage in sorted(waiting.values(), key=lambda stage: -stage.urgency):
            upstream = [name for name in stage.upstream if name in futures or name in waiting]
            ready = all(name in futures and name not in running for name in upstream)
            room = len(running) < slots and not (
                is_training(stage.name) and sum(map(is_training, running)) >= trainings
            )
            if ready and room:
                del waiting[stage.name]
                running.add(stage.name)
                futures[stage.name] = start(stage, [futures[name] for name in upstream])
                futures[stage.name].add_done_callback(partial(_tell, ended, stage.name))
        name = ended.get()
        futures[name].wait()
        running.discard(name)
    states = {stage.name: futures[stage.name].state for stage in stages}
    not_run = [name for name, state in states.items() if state.is_pending()]  # Prefect's NotReady
    failed = {
        name: state.result(raise_on_failure=False)
        for name, state in states.items()
        if not state.is_pending() and not state.is_completed()
    }
    return Outcome(failed, not_run)


def _tell(ended: "queue.SimpleQueue[str]", name: str, _future: Future) -> None:
    ended.put(name)


def is_training(stage: str) -> bool:
    """Say whether a stage trains, and so takes a device."""
    return stage.startswith("train@")
