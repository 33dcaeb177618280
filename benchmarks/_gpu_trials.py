"""Run the commands of `gpu.py`, and say what is wrong with one that fails."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).parent
LEAST_SECONDS = 10.0  # of one command
OVER = "not done when the time for all parts was over"
FORBIDDEN = re.compile(r"(\S+) does not have a deterministic implementation")


class PartError(Exception):
    """A part, or one subject of it, did not do what it should."""


class Trials:
    """Where commands run, on which device, and until when."""

    def __init__(self, folder: Path, device: str, seconds: float) -> None:
        self.folder, self.device = folder, device
        self.deadline = time.monotonic() + seconds
        self.live: set[subprocess.Popen] = set()
        self.at_once = min(4, max(1, (os.cpu_count() or 1) // 2))
        self.environment = {
            **os.environ,
            "ARTPIPE_TRACKING": "off",
            "OMP_NUM_THREADS": "1",
            "PYTHONPATH": str(HERE.parent),
            "COLUMNS": "200",
        }

    def start(self, project: Path, *command: str) -> subprocess.Popen:
        """Start Python with a command line, in a project; what it says goes into one pipe."""
        process = subprocess.Popen(
            [sys.executable, *command], cwd=project, env=self.environment, text=True, errors="replace",
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        self.live.add(process)
        return process

    def end_all(self) -> None:
        """Kill whatever still runs."""
        for process in list(self.live):
            process.kill()

    def lines(self, project: Path, *command: str) -> Iterator[str]:
        """Run it and yield each line as it comes.

        Raises:
            PartError: it failed, or time is over.
        """
        process, said = self.start(project, *command), []
        seconds = max(LEAST_SECONDS, self.deadline - time.monotonic())
        timer = threading.Timer(seconds, process.kill)
        timer.start()
        try:
            for line in process.stdout:
                said.append(line)
                yield line
            code = process.wait()
        finally:
            timer.cancel()
            process.kill()
            process.communicate()
        if code == -signal.SIGKILL and time.monotonic() >= self.deadline:
            raise PartError(OVER)
        if code:
            raise PartError(describe_failure("".join(said), code))

    def run(self, project: Path, *command: str) -> str:
        """Run it to its end and return what it said.

        Raises:
            PartError: it failed, or time is over.
        """
        return "".join(self.lines(project, *command))

    def train(self, project: Path, name: str) -> str:
        """Train one model by the command line."""
        return self.run(project, "-m", "artpipe", "train", name)

    def each(self, function: Callable, names: list[str], part: str) -> Iterator[dict]:
        """Yield a row for each name, several at once; a failed one has its reason."""

        def row(name: str) -> dict:
            start = time.monotonic()
            try:
                figure, ok = function(name), True
            except PartError as failure:
                figure, ok = str(failure), False
            return {"part": part, "subject": name, "ok": ok, "figure": figure, "seconds": time.monotonic() - start}

        with ThreadPoolExecutor(self.at_once) as pool:
            yield from pool.map(row, names)


def describe_failure(said: str, code: int) -> str:
    """Return the operation that forbids determinism, or the last line."""
    if forbidden := FORBIDDEN.search(said):
        return f"no deterministic algorithm: {forbidden[1]}"
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return f"exit {code}: {lines[-1][:160] if lines else 'nothing said'}"
