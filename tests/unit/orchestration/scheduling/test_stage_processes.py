"""Children of a flow: heard line by line, limited in time, ended together."""

import os
import sys
import threading
import time

import pytest

from artpipe.orchestration.scheduling.stage_processes import ChildProcesses, StoppedError


def run(children: ChildProcesses, *code: str, timeout_seconds: float = 60.0) -> tuple[int, list[str]]:
    lines: list[str] = []
    found = children.run([sys.executable, "-S", "-c", "\n".join(code)], lines.append, os.environ, timeout_seconds)
    return found, lines


def test_output_comes_by_line_and_the_exit_code_is_told():
    """Both streams are heard, and 3 is 3."""
    code, lines = run(
        ChildProcesses(), "import sys", "print('out', flush=True)", "print('err', file=sys.stderr)", "sys.exit(3)"
    )
    assert (code, lines) == (3, ["out", "err"])


def test_too_long_is_ended():
    """A child that outlives its time is gone, and the error says so."""
    with pytest.raises(TimeoutError, match="ended after 1 s"):
        run(ChildProcesses(), "import time", "time.sleep(600)", timeout_seconds=1.0)


def test_stopping_ends_all_and_starts_no_more():
    """A running child ends, its runner is told, and the next is refused."""
    children, ended = ChildProcesses(), []

    def hang() -> None:
        try:
            run(children, "import time", "print(1, flush=True)", "time.sleep(600)")
        except StoppedError as error:
            ended.append(str(error))

    thread = threading.Thread(target=hang)
    thread.start()
    while not children._running:
        time.sleep(0.01)
    children.stop()
    thread.join(30)
    assert ended == ["stopped; it goes on when started again"]  # no command line
    with pytest.raises(StoppedError):
        run(children, "pass")
