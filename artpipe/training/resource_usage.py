"""What a training uses: core time, time at work and memory, over all its sessions."""

import re
import resource
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

_PEAK = re.compile(r"^VmHWM:\s+(\d+) kB", re.MULTILINE)
_KIB = 1024


class ResourceUsage:
    """Counts from when it is made; what former sessions used is added."""

    def __init__(self) -> None:
        self._core_seconds, self._busy_seconds = -time.process_time(), -time.monotonic()
        self._peak_memory = self._peak_gpu_memory = 0

    def add_former(self, state: Mapping[str, Any]) -> None:
        """Add what former sessions used, as `state` returned it."""
        self._core_seconds += state["core_seconds"]
        self._busy_seconds += state["busy_seconds"]
        self._peak_memory = int(state["peak_memory"])
        self._peak_gpu_memory = int(state["peak_gpu_memory"])

    def state(self) -> dict[str, float]:
        """Return core time and time at work in seconds, and peaks of memory in bytes."""
        gpu = torch.cuda.max_memory_allocated() if torch.cuda.is_available() else 0
        return {
            "core_seconds": self._core_seconds + time.process_time(),
            "busy_seconds": self._busy_seconds + time.monotonic(),
            "peak_memory": float(max(self._peak_memory, read_peak_memory())),
            "peak_gpu_memory": float(max(self._peak_gpu_memory, gpu)),
        }


def read_peak_memory() -> int:
    """Return the most bytes of memory that this process had resident at a time.

    Linux's count of the process itself; `getrusage` may have that of the one which started it.
    """
    status = Path("/proc/self/status")
    match = _PEAK.search(status.read_text(encoding="ascii", errors="replace")) if status.exists() else None
    return _KIB * (int(match[1]) if match else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
