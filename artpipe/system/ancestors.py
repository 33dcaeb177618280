"""The processes above this one, whose death ends it, and how it hears of that."""

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from artpipe.system.processes import Process, find_process

_POLL_SECONDS = 0.2


def find_session_ancestors(pid: int | None = None) -> tuple[Process, ...]:
    """Return the ancestors whose death ends a process, up to its session's leader.

    A leader with a terminal is a person's shell and is left out: closing it sends SIGHUP. So are those that `nohup` asks
    to outlive: SIGHUP is ignored here, and not there.
    """
    own_process = find_process(pid or os.getpid())
    if own_process is None or own_process.session == own_process.pid:
        return ()
    outlives = _ignores_hangup(own_process.pid)
    chain, current = list[Process](), find_process(own_process.parent)
    while current is not None and current.session == own_process.session:
        leader = current.pid == current.session
        if not (leader and current.terminal) and not (outlives and not _ignores_hangup(current.pid)):
            chain.append(current)
        current = None if leader else find_process(current.parent)
    return tuple(chain)


def _ignores_hangup(pid: int) -> bool:
    """Return whether a process ignores SIGHUP, as all do below `nohup`."""
    with contextlib.suppress(OSError):
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace")
        return bool(int(status.partition("SigIgn:")[2].split()[0], 16) >> (signal.SIGHUP - 1) & 1)
    return False


@contextlib.contextmanager
def watch_processes(ancestors: Sequence[Process], when_gone: Callable[[Process], None]) -> Iterator[None]:
    """Call `when_gone` once, from a thread, when one of `ancestors` has ended.

    A parent-death signal is not enough: under `sh -c` the parent is the shell, which outlives a killed `dvc`.
    """
    stopped = threading.Event()

    def look() -> None:
        while not stopped.wait(_POLL_SECONDS):
            for ancestor in ancestors:
                current = find_process(ancestor.pid)
                if current is None or current.started != ancestor.started:
                    when_gone(ancestor)
                    return

    (thread := threading.Thread(target=look, name="ancestors", daemon=True)).start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()
