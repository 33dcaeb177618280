"""DVC's complaint that another dvc reads or writes a path, in our words.

Its own ends with the advice to remove its record of readers and writers by hand, which would break the other one.
"""

import re
from collections.abc import Sequence

from artpipe.system.plain_text import to_printable
from artpipe.system.process_times import format_since, read_start_time

_BUSY = "is busy, it is being blocked by"
_BLOCKER = re.compile(r"\(PID (\d+)\): ([^\n(]*)")
_NO_TARGETS = {"repro", "status"}


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
    start = read_start_time(pid)
    return f"another run is busy with {describe_command(command)}{f' since {format_since(start)}' if start else ''}"


def describe_command(command: Sequence[str]) -> str:
    """Return the stage that a command of DVC makes, else the command in backquotes."""
    target = next((word for word in reversed(command) if not word.startswith("-")), "")
    work = target if "repro" in command and target not in _NO_TARGETS else f"`{' '.join(command)[:80]}`"
    return to_printable(work)
