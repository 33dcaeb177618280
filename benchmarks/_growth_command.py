"""Run a command and measure it with all its children: core-seconds, wall-clock, peak memory."""

import os
import resource
import subprocess  # the command to be measured
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import psutil

ROOT = Path(__file__).parents[1]
_LOOK_SECONDS = 0.2
_MIB = 2**20


class Measured(NamedTuple):
    """What one command took."""

    core_seconds: float
    wall_seconds: float
    peak_mib: float


def environment(home: Path) -> dict[str, str]:
    """Return an environment of one thread, with a home of its own and no setting of artpipe."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("ARTPIPE_", "PREFECT_", "MLFLOW_"))}
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    own = {"HOME": str(home), "PATH": path, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "NO_COLOR": "1"}
    return {**kept, **own, "GIT_CONFIG_GLOBAL": os.devnull, "XDG_CACHE_HOME": str(home / ".cache")}


def measure(command: list[str], folder: Path, more: Mapping[str, str] = MappingProxyType({})) -> Measured:
    """Run a command in a folder; its descendants count where it waits for them.

    Memory is the sum of proportional set sizes, looked at five times a second, so that of shared pages is counted once.

    Raises:
        SystemExit: the command failed; its last lines are shown.
    """
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    log = folder.parent / "command.log"
    with log.open("w") as stream:
        env = {**environment(folder.parent), **more}
        child = subprocess.Popen(command, cwd=folder, env=env, stdout=stream, stderr=subprocess.STDOUT)
        peak = 0
        while child.poll() is None:
            peak = max(peak, _tree_bytes(child.pid))
            time.sleep(_LOOK_SECONDS)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if child.returncode:
        sys.exit(f"{' '.join(command)} ended with {child.returncode}:\n{log.read_text(errors='replace')[-3000:]}")
    cores = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Measured(cores, time.perf_counter() - began, peak / _MIB)


def artpipe(*arguments: str) -> list[str]:
    """Return the command line of our own command."""
    return [sys.executable, "-m", "artpipe", *arguments]


def _tree_bytes(pid: int) -> int:
    total = 0
    try:
        processes: list[Any] = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    except psutil.Error:
        return 0
    for process in processes:
        try:
            total += process.memory_full_info().pss
        except psutil.Error:
            continue  # it ended between two looks
    return total
