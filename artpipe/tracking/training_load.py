"""The cores and the memory that a training takes while it runs, seen from outside.

Reading `/proc` costs the training nothing.
"""

import contextlib
import os
import time
from pathlib import Path

from artpipe.system.process_times import read_start_time
from artpipe.system.processes import find_descendants

_TICKS, _PAGE = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
_MEGABYTE = 1e6


class TrainingLoad:
    """Samples a training's processes; the first sample tells of memory alone."""

    def __init__(self, pid: int) -> None:
        self._pid, self._start = pid, read_start_time(pid)
        self._last: tuple[float, float] | None = None  # when, core-seconds until then

    def sample(self) -> tuple[int, dict[str, float]]:
        """Return the seconds since it began, and its system metrics by name.

        Nothing where it has ended.
        """
        if self._start is None or read_start_time(self._pid) != self._start:
            return 0, {}
        pids = (self._pid, *find_descendants(self._pid))
        now, usage = time.monotonic(), [_read_usage(pid) for pid in pids]
        core_seconds = sum(seconds for seconds, _ in usage)
        values = {"system/process_memory_megabytes": sum(size for _, size in usage) / _MEGABYTE}
        if self._last and now > self._last[0]:
            cores = max(0.0, core_seconds - self._last[1]) / (now - self._last[0])
            values["system/process_cpu_percentage"] = 100 * cores / (os.cpu_count() or 1)
        self._last = now, core_seconds
        return max(0, round(time.time() - self._start)), values


def _read_usage(pid: int) -> tuple[float, float]:
    """Return core-seconds and bytes of a process, zeros where it has ended."""
    with contextlib.suppress(OSError, IndexError, ValueError):
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS, float(int(fields[21]) * _PAGE)
    return 0.0, 0.0
