"""`artpipe watch`: report changed datasets to Prefect and skip redundant runs.

A dataset is reported by the event `artpipe.dataset.changed` once its files have changed, have stayed the same for two
looks, and differ from what was last ingested. Of several waiting runs with the same work one is left: after the
machine has slept, one run makes up for all that were missed.
"""

import os
import sys
import time
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from artpipe.config.params import load_params
from artpipe.errors import ArtpipeError, UserError
from artpipe.orchestration.scheduling.dvc_graph import read_graph
from artpipe.orchestration.services.addresses import local_prefect_variables
from artpipe.project.trackable_paths import require_trackable
from artpipe.storage.running_work import find_running_work
from artpipe.system.file_tree import tree_fingerprint
from artpipe.system.interrupts import SignalInterruption, raise_on_signals
from artpipe.system.plain_text import to_printable_lines
from artpipe.system.process_times import format_since

if TYPE_CHECKING:
    from artpipe.orchestration.deployment.prefect_api import PrefectApi

_LOCK_SECONDS = 60.0  # of waiting for DVC's lock
_PAUSE_FACTOR = 20  # pause at least so many times the length of a look: large folders are looked at less often
_printed_lines: set[str] = set()


class DatasetWatcher:
    """Compares each dataset's files with those of the previous look."""

    def __init__(self) -> None:
        self._last_fingerprints: dict[str, str] = {}
        self._handled_fingerprints: dict[str, str] = {}

    def find_stable(self, sources: Mapping[str, Path]) -> list[str]:
        """Return the datasets whose files have changed and then stayed the same.

        That is: as at the previous look, and other than when they were last marked as handled.
        """
        stable = []
        for name, path in sources.items():
            fingerprint = tree_fingerprint(path)
            if fingerprint and fingerprint == self._last_fingerprints.get(name) != self._handled_fingerprints.get(name):
                stable.append(name)
            self._last_fingerprints[name] = fingerprint
        return stable

    def is_new(self, name: str) -> bool:
        """Return whether a dataset was handled before, and then changed."""
        return self._handled_fingerprints.get(name, "") not in {"", self._last_fingerprints[name]}

    def mark_handled(self, name: str) -> None:
        """Leave this dataset out until its files change again."""
        self._handled_fingerprints[name] = self._last_fingerprints[name]


def find_changed(names: Collection[str], sources: Mapping[str, Path]) -> set[str]:
    """Return the datasets whose source differs from what DVC last ingested.

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
    """Watch until a signal ends it; return the exit code, 128 + the signal's number.

    Raises:
        UserError: no server is named.
    """
    os.environ.update(local_prefect_variables())
    if not os.environ.get("PREFECT_API_URL"):
        raise UserError("PREFECT_API_URL is not set; it names the server to tell, `artpipe serve` brings one")
    code = 0
    try:
        with raise_on_signals():
            _watch(every_seconds)
    except SignalInterruption as interruption:
        code = 128 + interruption.number
    return code


def _watch(every_seconds: float) -> None:
    # imported here, because Prefect reads the environment as it is imported
    from artpipe.orchestration.deployment.prefect_api import PrefectApi

    api, watcher, last_error = PrefectApi(), DatasetWatcher(), ""
    _print_line(f"watching the datasets, every {every_seconds:g} s")
    while True:
        look_seconds = 0.0
        try:
            sources = {name: Path(entry.path) for name, entry in load_params().datasets.items()}
            start = time.monotonic()
            stable = watcher.find_stable(sources)
            look_seconds = time.monotonic() - start
            _report_changes(stable, sources, watcher, api)
            last_error = ""
        except (ArtpipeError, OSError) as error:  # a torn params.yaml, a server that is away: the next look may work
            if str(error) != last_error:
                last_error = str(error)
                _print_line(last_error)
        time.sleep(max(every_seconds, _PAUSE_FACTOR * look_seconds))


def _report_changes(
    stable: Collection[str], sources: Mapping[str, Path], watcher: DatasetWatcher, api: "PrefectApi"
) -> None:
    if stable and (work := find_running_work()):  # it may have taken them in: DVC is asked when it has ended
        if (names := [name for name in stable if watcher.is_new(name)]) and api.accepts_events():
            _note_waiting(names, work.since)
    elif stable and api.accepts_events():
        _request_runs(stable, sources, watcher, api)
    if skipped_count := api.skip_redundant_runs():
        _print_line(f"{skipped_count} run{'s' * (skipped_count != 1)} waited for what another one does: skipped")


def _request_runs(
    stable: Collection[str], sources: Mapping[str, Path], watcher: DatasetWatcher, api: "PrefectApi"
) -> None:
    for name in stable:
        require_trackable(sources[name])  # DVC would wait for ever on a pipe
    changed = find_changed(stable, sources)
    for name in watcher.find_stable({name: sources[name] for name in stable}):  # DVC was slow: look again
        if name in changed:
            api.emit_dataset_changed(name)
            _print_line(f"{name} changed and holds still: its run is asked for")
        watcher.mark_handled(name)


def _note_waiting(names: Collection[str], since: float) -> None:
    """Print once for each run which datasets wait for its end."""
    for name in names:
        line = (
            f"{name} changed; a run is at work since {format_since(since)}, and the next one begins when it has ended"
        )
        if line not in _printed_lines:
            _printed_lines.add(line)
            _print_line(line)


def _print_line(sentence: str) -> None:
    sys.stdout.write(f"{to_printable_lines(sentence)}\n")
    sys.stdout.flush()
