"""What the tasks of one run are told, and what those of them share that are in one process."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from artpipe.orchestration.scheduling.device_slots import Devices, gpus
from artpipe.orchestration.scheduling.stage_processes import Children


@dataclass(frozen=True)
class Setting:
    """What all tasks of one run are told; it travels to other processes and machines."""

    run: str
    cores: int
    env: Mapping[str, str]
    timeout_seconds: float
    server: bool  # one that stays


class Crew:
    """What the tasks of a run share that are in one process."""

    _of: ClassVar[dict[str, "Crew"]] = {}
    _lock: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self, setting: Setting) -> None:
        self.children = Children()
        self.devices = Devices(setting.cores, gpus(), server=setting.server)

    @classmethod
    def of(cls, setting: Setting) -> "Crew":
        """Return the crew of a run, the same for all who ask in this process."""
        with cls._lock:
            if setting.run not in cls._of:
                cls._of[setting.run] = cls(setting)
            return cls._of[setting.run]

    def stop(self) -> None:
        """End every child and start no more."""
        self.devices.stop()
        self.children.stop()


def trainings_at_once(setting: Setting) -> int:
    """Return how many trainings of a run may be at work at a time."""
    return min(setting.cores, Crew.of(setting).devices.count)
