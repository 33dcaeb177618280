"""Which datasets have changed since a run took them in.

The next run takes what is new.
"""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from artpipe.config.params import load_params
from artpipe.errors import ArtpipeError
from artpipe.orchestration.scheduling.dvc_graph import Stage
from artpipe.orchestration.services.addresses import read_addresses
from artpipe.system.file_tree import tree_fingerprint

_INGEST = "ingest@"
_PAUSE_SECONDS, _COST = 5.0, 40.0  # between two looks, at least; how many times as long as a look takes


class DatasetChanges:
    """Compares the files of datasets with those that a run took in."""

    def __init__(self, sources: Mapping[str, Path], stages: Sequence[Stage]) -> None:
        self._sources = sources
        self._not_ingested = {stage.name.removeprefix(_INGEST) for stage in stages if stage.name.startswith(_INGEST)}
        self._fingerprints = {name: tree_fingerprint(path) for name, path in sources.items()}
        self._changed: tuple[str, ...] = ()
        self._next_look = 0.0

    @classmethod
    def of_project(cls, stages: Sequence[Stage]) -> "DatasetChanges":
        """Return those of the project in the working folder.

        Of no dataset where params.yaml cannot be read.
        """
        try:
            sources = {name: Path(entry.path) for name, entry in load_params().datasets.items()}
        except ArtpipeError:
            sources = {}
        return cls(sources, stages)

    def on_end(self, stage: str) -> None:
        """Hear that a stage ended: an ingest has taken in what is there now."""
        name = stage.removeprefix(_INGEST)
        if stage.startswith(_INGEST) and name in self._sources:
            self._fingerprints[name] = tree_fingerprint(self._sources[name])
            self._not_ingested.discard(name)

    def find(self) -> tuple[str, ...]:
        """Return the datasets with files that this run does not take in.

        It is looked for now and then.
        """
        start = time.monotonic()
        if start >= self._next_look:
            self._changed = tuple(
                name
                for name, path in self._sources.items()
                if name not in self._not_ingested and tree_fingerprint(path) != self._fingerprints[name]
            )
            end = time.monotonic()
            self._next_look = end + max(_PAUSE_SECONDS, _COST * (end - start))
        return self._changed

    def look_again(self) -> tuple[str, ...]:
        """Return what `find` does, looked for now."""
        self._next_look = 0.0
        return self.find()


def describe_changes(names: Sequence[str]) -> str:
    """Return what becomes of datasets that changed while a run was at work."""
    remedy = "`artpipe serve` begins the next run" if "flows" in read_addresses() else "`artpipe run` takes it in"
    return f"{', '.join(names)} changed while this run was at work: {remedy}"
