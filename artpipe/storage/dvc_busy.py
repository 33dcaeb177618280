"""DVC's complaint that another dvc reads or writes a path, in our words.

Its own ends with the advice to remove its record of readers and writers by hand, which would break the other one.
"""

import re
import time
from pathlib import Path

from artpipe.system.plain_text import to_printable

_BUSY = "is busy, it is being blocked by"
_BLOCKER = re.compile(r"\(PID (\d+)\): ([^\n(]*)")
_NO_TARGETS = {"repro", "status"}
_CLOCK_SECONDS = 12 * 3600.0  # ago, up to which the time of day tells which one is meant


def is_busy(text: str) -> bool:
    """Return whether a text has DVC's complaint, or is its first line."""
    return _BUSY in text


def describe_busy(text: str) -> str:
    """Return such as `another run is busy with train@digits-gan since 14:03`.

    Args:
        text: DVC's complaint with the processes that it names.
    """
    blockers = [(int(match[1]), match[2].split()) for match in _BLOCKER.finditer(text)]
    if not blockers:
        return "another run is at work"
    pid, command = blockers[0]
    target = next((word for word in reversed(command) if not word.startswith("-")), "")
    work = target if "repro" in command and target not in _NO_TARGETS else f"`{' '.join(command)[:80]}`"
    return f"another run is busy with {to_printable(work)}{_describe_start(pid)}"


def _describe_start(pid: int) -> str:
    """Return since when a process has been running, empty if it has ended."""
    try:
        start = Path(f"/proc/{pid}").stat().st_ctime
    except OSError:
        return ""
    is_recent = time.time() - start < _CLOCK_SECONDS
    return f" since {time.strftime('%H:%M' if is_recent else '%Y-%m-%d %H:%M', time.localtime(start))}"
