"""What is at work in a project: its runs, and the outputs that are being made.

Each run of the flow holds a lock of its own; DVC notes which process writes which output (`rwlock`). What a process
noted that has ended counts for nothing.
"""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from artpipe.artifacts.paths import STATE
from artpipe.errors import BusyError
from artpipe.storage.dvc_busy import describe_command
from artpipe.system.locks import is_locked
from artpipe.system.process_times import format_since, read_start_time

RUN_LOCKS = STATE / "flows"  # one lock for each run, named by its id; its text is the process's pid
_MAX_STAGES = 3  # named in a sentence


class RunningWork(NamedTuple):
    """The runs and commands of DVC that are at work in a project."""

    since: float  # when the first of them began, in seconds since the epoch
    runs: tuple[int, ...]  # pids
    stages: tuple[str, ...]  # that are being made, or commands of DVC
    outputs: frozenset[Path]  # that are being made: incomplete; relative to the project where they lie inside

    def describe(self) -> str:
        """Return such as `a run is at work since 14:03 (train@digits-gan)`."""
        noun = "a run is" if len(self.runs) < 2 else f"{len(self.runs)} runs are"  # noqa: PLR2004
        more = f" and {len(self.stages) - _MAX_STAGES} more" if len(self.stages) > _MAX_STAGES else ""
        stages = f" ({', '.join(self.stages[:_MAX_STAGES])}{more})" if self.stages else ""
        return f"{noun} at work since {format_since(self.since)}{stages}"


def find_running_work(root: Path = Path()) -> RunningWork | None:
    """Return what is at work in a project, None where nothing is."""
    runs = tuple(sorted(_find_runs(root)))
    writers = list(_find_writers(root))
    starts = [read_start_time(pid) for pid in (*runs, *(pid for pid, _, _ in writers))]
    known_starts = [start for start in starts if start is not None]
    if not known_starts:
        return None
    stages = dict.fromkeys(describe_command(command).strip("`") for _, command, _ in writers)
    return RunningWork(min(known_starts), runs, tuple(stages), frozenset(path for _, _, path in writers))


def require_no_running_work(root: Path, remedy: str = "try again when it has ended") -> None:
    """Raise if a run or a stage is at work.

    Raises:
        BusyError: what is at work, since when, and the remedy.
    """
    if work := find_running_work(root):
        raise BusyError(f"{work.describe()}; {remedy}")


def _find_runs(root: Path) -> Iterator[int]:
    """Yield the pid of each run whose lock is held."""
    for lock in (root / RUN_LOCKS).glob("*.lock"):
        with contextlib.suppress(OSError, ValueError):  # it ended meanwhile
            if is_locked(lock):
                yield int(lock.read_text(encoding="ascii"))


def _find_writers(root: Path) -> Iterator[tuple[int, list[str], Path]]:
    """Yield pid, command and output of each living process that DVC noted as a writer."""
    with contextlib.suppress(OSError, ValueError, AttributeError):  # no note, or a torn one
        notes: dict[str, Any] = json.loads((root / ".dvc/tmp/rwlock").read_text(encoding="utf-8"))
        base = root.resolve()
        for name, note in notes.get("write", {}).items():
            pid, path = note.get("pid"), Path(name)
            if isinstance(pid, int) and Path(f"/proc/{pid}").exists():
                inside = path.is_relative_to(base)
                yield pid, str(note.get("cmd", "")).split(), path.relative_to(base) if inside else path
