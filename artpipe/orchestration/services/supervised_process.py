"""A guarded child process, its output in a file, restarted when it ends."""

import contextlib
import http.client
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from artpipe.errors import ArtpipeError, UserError
from artpipe.system.processes import end_children, start_child

GRACE_SECONDS = 25.0  # trainings save for 10 s, then Prefect reports
_MAX_PAUSE_SECONDS = 60.0
_TAIL_LINES = 5
_START_SECONDS = 400.0  # Prefect's new home takes 40 s alone, many times that beside trainings


class SupervisedProcess:
    """A child process that should keep running."""

    def __init__(
        self,
        name: str,
        module: Sequence[str],
        env: Mapping[str, str],
        log: Path,
        *,
        ready: Callable[[], bool] | str,
        show: Callable[[str], None] | None = None,
    ) -> None:
        """Describe the child `python -m MODULE...`.

        Args:
            name: for messages.
            module: the module's name and its arguments.
            env: its environment.
            log: the file of its output.
            ready: returns whether it is ready, or is a text of the line in which it says so.
            show: called with each line of its output.
        """
        self.name, self._command, self._env, self._log = name, [sys.executable, "-m", *module], env, log
        self._ready, self._show = ready, show
        self.child: subprocess.Popen[str] | None = None
        self._ready_line_seen = threading.Event()
        self._failure_count, self._restart_at = 0, 0.0

    def start(self) -> None:
        """Start the child with a new log; the previous one is kept beside it."""
        self._ready_line_seen.clear()
        self._log.parent.mkdir(parents=True, exist_ok=True)
        self._restart_at = 0.0
        if self._log.exists():
            self._log.replace(self._log.with_suffix(".last.log"))
        with self._log.open("w", encoding="utf-8") as log:
            stdout = log if self._show is None else subprocess.PIPE
            self.child = start_child(self._command, env=self._env, grace_seconds=GRACE_SECONDS, stdout=stdout)
        self._started_at = time.monotonic()
        if self._show is not None:
            threading.Thread(target=self._read_output, args=(self.child, self._show), daemon=True).start()

    def is_ready(self) -> bool:
        """Return whether it is ready."""
        return self._ready_line_seen.is_set() if isinstance(self._ready, str) else self._ready()

    def exit_code(self) -> int | None:
        """Return the exit code of a child that has ended."""
        return None if self.child is None else self.child.poll()

    def wait(self) -> int:
        """Wait until the child ends and return its exit code; 0 if none was started."""
        return 0 if self.child is None else self.child.wait()

    def restart_if_ended(self, say: Callable[[str], None]) -> None:
        """Start the child again if it has ended, after a pause.

        The pause doubles with each failure, up to a minute.
        """
        if (code := self.exit_code()) is None:
            return
        now = time.monotonic()
        if not self._restart_at:
            self._failure_count = 0 if now - self._started_at > _MAX_PAUSE_SECONDS else self._failure_count + 1
            pause = min(2.0**self._failure_count, _MAX_PAUSE_SECONDS)
            self._restart_at = now + pause
            say(f"{self.name} ended with exit code {code} and is started again in {pause:.0f} s; see {self._log}")
        elif now >= self._restart_at:
            self.start()

    def describe_log(self) -> tuple[str, Sequence[str]]:
        """Return where its output is, and the last lines of it."""
        lines = [line.strip() for line in self._log.read_text(errors="replace").splitlines() if line.strip()]
        return f"{self._log} {'ends with:' if lines else 'is empty'}", lines[-_TAIL_LINES:]

    def end(self) -> None:
        """End the child with its whole process group."""
        end_processes([self])

    def _read_output(self, child: subprocess.Popen[str], show: Callable[[str], None]) -> None:
        assert child.stdout is not None  # noqa: S101  # it was started with a pipe
        with child.stdout as lines, self._log.open("a", encoding="utf-8") as log:
            for line in lines:
                log.write(line)
                log.flush()
                if isinstance(self._ready, str) and self._ready in line:
                    self._ready_line_seen.set()
                show(line.rstrip())


def end_processes(processes: Sequence[SupervisedProcess]) -> None:
    """End all children at the same time, each with its whole process group."""
    end_children([process.child for process in processes if process.child], GRACE_SECONDS)


def wait_until_ready(processes: Sequence[SupervisedProcess]) -> None:
    """Wait until every process is ready.

    Raises:
        ArtpipeError: one ended, or was not ready in time; its details are its last output.
    """
    deadline = time.monotonic() + _START_SECONDS
    for process in processes:
        while not process.is_ready():
            if process.exit_code() is not None or time.monotonic() > deadline:
                place, last_lines = process.describe_log()
                raise ArtpipeError(f"{process.name} did not come up; {place}", details=last_lines)
            time.sleep(0.1)


def is_answering(port: int, path: str) -> bool:
    """Return whether a server on this machine answers at all."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return bool(connection.getresponse().status)  # whatever it is: an empty gallery's is no success
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def find_free_port(usual: int) -> int:
    """Return `usual`, or a free port where that one is in use."""
    for port in (usual, 0):
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: a port just left is free
            probe.bind(("127.0.0.1", port))
            return int(probe.getsockname()[1])
    raise UserError("no port of this machine is free")
