"""What the tasks of one run share: settings, child processes, device slots."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

from artpipe.orchestration.scheduling.device_slots import DeviceSlots, find_gpus
from artpipe.orchestration.scheduling.stage_processes import ChildProcesses


@dataclass(frozen=True)
class RunSettings:
    """The settings of a run, sent to its tasks in other processes and machines."""

    run: str
    cores: int
    env: Mapping[str, str]
    timeout_seconds: float
    server: bool  # one that stays


class RunContext:
    """What those tasks of a run share that are in one process."""

    _by_run: ClassVar[dict[str, "RunContext"]] = {}
    _lock: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self, settings: RunSettings) -> None:
        self.children = ChildProcesses()
        self.on_step: Callable[[str, int, int], None] = _ignore_step  # hears the step of a training, and of how many
        self.devices = DeviceSlots(settings.cores, find_gpus(), server=settings.server)

    @classmethod
    def for_run(cls, settings: RunSettings) -> "RunContext":
        """Return the context of a run, the same one for all callers in this process."""
        with cls._lock:
            if settings.run not in cls._by_run:
                cls._by_run[settings.run] = cls(settings)
            return cls._by_run[settings.run]

    def stop(self) -> None:
        """End every child and start no more."""
        self.devices.stop()
        self.children.stop()


def _ignore_step(stage: str, step: int, steps: int) -> None:
    del stage, step, steps


def max_parallel_trainings(settings: RunSettings) -> int:
    """Return how many trainings of a run may run at a time."""
    return min(settings.cores, RunContext.for_run(settings).devices.count)
