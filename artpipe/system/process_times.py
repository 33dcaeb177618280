"""Since when a process has been running, by Linux's own count.

The times of `/proc/PID` itself are those of the first look at it.
"""

import os
import time
from functools import lru_cache
from pathlib import Path

from artpipe.system.processes import find_process

_CLOCK_SECONDS = 12 * 3600.0  # ago, up to which the time of day tells which one is meant


def read_start_time(pid: int) -> float | None:
    """Return when a process started, in seconds since the epoch; None if it has ended."""
    process = find_process(pid)
    return None if process is None else _read_boot_time() + process.started / os.sysconf("SC_CLK_TCK")


def format_since(start: float) -> str:
    """Return a time as `14:03`, with the date where that was half a day ago or more."""
    is_recent = time.time() - start < _CLOCK_SECONDS
    return time.strftime("%H:%M" if is_recent else "%Y-%m-%d %H:%M", time.localtime(start))


@lru_cache(maxsize=1)
def _read_boot_time() -> float:
    lines = Path("/proc/stat").read_text(encoding="ascii").splitlines()
    return float(next(line for line in lines if line.startswith("btime ")).split()[1])
