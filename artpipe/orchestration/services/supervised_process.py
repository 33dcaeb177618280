"""One part of what is served: a child under a guard, its output in a file, started again when it ends."""

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
_LONGEST_PAUSE_SECONDS = 60.0
_TAIL_LINES = 5
_START_SECONDS = 400.0  # Prefect's new home takes 40 s alone, many times that beside trainings


class Part:
    """A child process that should stay."""

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
        """Describe the child `python -m MODULE...`; it is ready when `ready` says so, or is in a line that it shows."""
        self.name, self._command, self._env, self._log = name, [sys.executable, "-m", *module], env, log
        self._ready, self._show = ready, show
        self.child: subprocess.Popen[str] | None = None
        self._spoke = threading.Event()
        self._falls, self._again = 0, 0.0

    def start(self) -> None:
        """Start the child; its log begins anew, the last one stays beside it."""
        self._spoke.clear()
        self._log.parent.mkdir(parents=True, exist_ok=True)
        self._again = 0.0
        if self._log.exists():
            self._log.replace(self._log.with_suffix(".last.log"))
        with self._log.open("w", encoding="utf-8") as log:
            stdout = log if self._show is None else subprocess.PIPE
            self.child = start_child(self._command, env=self._env, grace_seconds=GRACE_SECONDS, stdout=stdout)
        self._began = time.monotonic()
        if self._show is not None:
            threading.Thread(target=self._read, args=(self.child, self._show), daemon=True).start()

    def ready(self) -> bool:
        """Say whether it answers."""
        return self._spoke.is_set() if isinstance(self._ready, str) else self._ready()

    def code(self) -> int | None:
        """Return the exit code of a child that has ended."""
        return None if self.child is None else self.child.poll()

    def wait(self) -> int:
        """Wait until the child ends by itself and return its exit code; 0 where none was started."""
        return 0 if self.child is None else self.child.wait()

    def look_after(self, say: Callable[[str], None]) -> None:
        """Start the child again if it has ended: at once the first time, later and later where it keeps falling."""
        if (code := self.code()) is None:
            return
        now = time.monotonic()
        if not self._again:
            self._falls = 0 if now - self._began > _LONGEST_PAUSE_SECONDS else self._falls + 1
            pause = min(2.0**self._falls, _LONGEST_PAUSE_SECONDS)
            self._again = now + pause
            say(f"{self.name} ended with exit code {code} and is started again in {pause:.0f} s; see {self._log}")
        elif now >= self._again:
            self.start()

    def told(self) -> str:
        """Return the last it said, and where the rest is."""
        lines = [line.strip() for line in self._log.read_text(errors="replace").splitlines() if line.strip()]
        return "\n  ".join([f"{self._log} ends with:", *lines[-_TAIL_LINES:]]) if lines else f"{self._log} is empty"

    def end(self) -> None:
        """End the child with all its group."""
        end_parts([self])

    def _read(self, child: subprocess.Popen[str], show: Callable[[str], None]) -> None:
        assert child.stdout is not None  # noqa: S101  # it was started with a pipe
        with child.stdout as lines, self._log.open("a", encoding="utf-8") as log:
            for line in lines:
                log.write(line)
                log.flush()
                if isinstance(self._ready, str) and self._ready in line:
                    self._spoke.set()
                show(line.rstrip())


def end_parts(parts: Sequence[Part]) -> None:
    """End the children of all parts at the same time, each with all its group."""
    end_children([part.child for part in parts if part.child], GRACE_SECONDS)


def wait(parts: Sequence[Part]) -> None:
    """Wait until every part answers.

    Raises:
        ArtpipeError: one ended, or did not answer in time; the message holds the last it said.
    """
    deadline = time.monotonic() + _START_SECONDS
    for part in parts:
        while not part.ready():
            if part.code() is not None or time.monotonic() > deadline:
                raise ArtpipeError(f"{part.name} did not come up; {part.told()}")
            time.sleep(0.1)


def answers(port: int, path: str) -> bool:
    """Say whether a server of this machine answers at all."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return bool(connection.getresponse().status)  # whatever it is: an empty gallery's is no success
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def free_port(usual: int) -> int:
    """Return `usual`, or a free port where somebody listens there."""
    for port in (usual, 0):
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: a port just left is free
            probe.bind(("127.0.0.1", port))
            return int(probe.getsockname()[1])
    raise UserError("no port of this machine is free")
