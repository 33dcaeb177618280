"""`artpipe watch`: runs begin when they should, and no more of them than are of use.

A dataset whose files changed, have held still for two looks and differ from what was last ingested is told to Prefect
as the event `artpipe.dataset.changed`. Of runs that wait for the same, one is kept: after the machine has slept, one
run makes up for all that were missed.
"""

import os
import sys
import time
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from artpipe.config.params import load_params
from artpipe.errors import ArtpipeError, UserError
from artpipe.orchestration.deployment.exclusive_run import someone_works
from artpipe.orchestration.scheduling.dvc_graph import read_graph
from artpipe.orchestration.services.addresses import prefect_beside
from artpipe.project.trackable_paths import require_trackable
from artpipe.system.file_tree import signature
from artpipe.system.interrupts import SignalInterruption, signals_raise
from artpipe.system.plain_text import plain_lines

if TYPE_CHECKING:
    from artpipe.orchestration.deployment.prefect_api import Desk

_LOCK_SECONDS = 60.0  # of waiting for DVC's lock, before it is said who holds it
_REST = 20  # times as long as a look took is the least until the next: large folders are looked at less often


class Watcher:
    """Remembers each dataset's files from look to look."""

    def __init__(self) -> None:
        self._seen: dict[str, str] = {}
        self._settled: dict[str, str] = {}

    def look(self, sources: Mapping[str, Path]) -> list[str]:
        """Return the datasets whose files are as they were at the last look, and not as they were when settled."""
        still = []
        for name, path in sources.items():
            now = signature(path)
            if now and now == self._seen.get(name) != self._settled.get(name):
                still.append(name)
            self._seen[name] = now
        return still

    def settle(self, name: str) -> None:
        """Return this dataset no more until its files change."""
        self._settled[name] = self._seen[name]


def differing(names: Collection[str], sources: Mapping[str, Path]) -> set[str]:
    """Return the datasets whose source is not what was last ingested, by what DVC says.

    Raises:
        UserError, BusyError: see `read_graph`.
    """
    changes = read_graph([f"ingest@{name}" for name in names], wait_seconds=_LOCK_SECONDS).changes
    return {
        name
        for name in names
        for change in changes.get(f"ingest@{name}", ())
        if isinstance(change, dict) and str(sources[name]) in change.get("changed deps", {})
    }


def watch_datasets(every_seconds: float) -> int:
    """Watch until told to end and return the exit code: 128 and the signal's number.

    Raises:
        UserError: no server is named.
    """
    os.environ.update(prefect_beside())
    if not os.environ.get("PREFECT_API_URL"):
        raise UserError("PREFECT_API_URL is not set; it names the server to tell, `artpipe serve` brings one")
    code = 0
    try:
        with signals_raise():
            _stay(every_seconds)
    except SignalInterruption as told:
        code = 128 + told.number
    return code


def _stay(every_seconds: float) -> None:
    from artpipe.orchestration.deployment.prefect_api import (
        Desk,  # here, because Prefect reads the environment as it is imported
    )

    desk, watcher, trouble = Desk(), Watcher(), ""
    _say(f"watching the datasets, every {every_seconds:g} s")
    while True:
        took = 0.0
        try:
            sources = {name: Path(entry.path) for name, entry in load_params().datasets.items()}
            began = time.monotonic()
            still = watcher.look(sources)
            took = time.monotonic() - began
            _act(still, sources, watcher, desk)
            trouble = ""
        except (ArtpipeError, OSError) as error:  # a torn params.yaml, a server that is away: it passes, or is mended
            if str(error) != trouble:
                trouble = str(error)
                _say(trouble)
        time.sleep(max(every_seconds, _REST * took))


def _act(still: Collection[str], sources: Mapping[str, Path], watcher: Watcher, desk: "Desk") -> None:
    if still and not someone_works() and desk.is_open():  # a run at work sees it, or leaves it for after
        for name in still:
            require_trackable(sources[name])  # DVC would wait for ever on a pipe
        changed = differing(still, sources)
        still = watcher.look({name: sources[name] for name in still})  # DVC took its time
        for name in still:
            if name in changed:
                desk.tell_changed(name)
                _say(f"{name} changed and holds still: its run is asked for")
            watcher.settle(name)
    if skipped := desk.skip_superfluous():
        _say(f"{skipped} run{'s' * (skipped != 1)} waited for what another one does: skipped")


def _say(sentence: str) -> None:
    sys.stdout.write(f"{plain_lines(sentence)}\n")
    sys.stdout.flush()
