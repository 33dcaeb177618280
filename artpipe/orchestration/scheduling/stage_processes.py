"""Child processes started by the threads of a flow's task runner."""

import contextlib
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence

from artpipe.errors import StoppedError
from artpipe.system.processes import end_child, end_children, start_child

_STOPPED = "stopped; it goes on when started again"


class ChildProcesses:
    """Child processes, each under a guard that dies with this process."""

    def __init__(
        self,
        grace_seconds: float = 12.0,  # a training saves its state within 10 s
    ) -> None:
        self._grace_seconds = grace_seconds
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[str]] = set()
        self._stopped = False

    def run(
        self, command: Sequence[str], on_line: Callable[[str], None], env: Mapping[str, str], timeout_seconds: float
    ) -> int:
        """Run `command`, call `on_line` with each line of output, return the exit code.

        Raises:
            TimeoutError: it took longer than `timeout_seconds` and was ended.
            StoppedError: `stop` was called.
        """
        child = self._start(command, env)
        reader = threading.Thread(target=_read_lines, args=(child, on_line), daemon=True)
        reader.start()
        try:
            code = child.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"ended after {timeout_seconds:.0f} s: {' '.join(command)}") from None
        finally:
            end_child(child, self._grace_seconds)
            reader.join(timeout=2)  # something in another session may hold the pipe open
            self._running.discard(child)
        if self._stopped:
            raise StoppedError(_STOPPED)
        return code

    def stop(self) -> None:
        """End every child with all it started, at the same time, and start no more."""
        with self._lock:
            self._stopped = True
            running = list(self._running)
        end_children(running, self._grace_seconds)

    def _start(self, command: Sequence[str], env: Mapping[str, str]) -> subprocess.Popen[str]:
        with self._lock:
            if self._stopped:
                raise StoppedError(_STOPPED)
            child = start_child(command, env=env, grace_seconds=self._grace_seconds, stdout=subprocess.PIPE)
            self._running.add(child)
            return child


def _read_lines(child: subprocess.Popen[str], on_line: Callable[[str], None]) -> None:
    with child.stdout or contextlib.nullcontext(()) as lines:
        for line in lines:
            on_line(line.rstrip())
