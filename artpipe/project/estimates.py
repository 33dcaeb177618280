"""What a stage will take: as measured in an earlier run of it, else estimated from its like, and said to be so."""

import contextlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from artpipe.artifacts import paths
from artpipe.artifacts.run import RunRecord
from artpipe.config.params import Frozen, Params
from artpipe.contracts.plugin_info import medium_info, model_info
from artpipe.errors import ArtpipeError
from artpipe.system.atomic_files import write_json
from artpipe.system.locks import hold_lock

DURATIONS = paths.STATE / "durations.json"  # seconds by stage, told by the flow

# Until a stage has run here: the largest of each in the default run, as measured on two cores of an AMD EPYC with native
# bf16. What a training takes, each kind says in its own file; a CPU without bf16 takes about twice as long for it.
_SECONDS = {"ingest": 13.0, "preprocess": 12.0, "weights": 10.0, "evaluate": 16.0, "gallery": 5.0}
_BYTES = {"ingest": 114e6, "preprocess": 58e6, "weights": 59e6, "train": 10e6, "evaluate": 1e6, "gallery": 4e6}


class Cost(Frozen):
    """What one stage takes."""

    core_seconds: float
    bytes: int
    measured: bool  # by an earlier run of this very stage


class Costs:
    """Knows what earlier runs took: run records, the flow's durations, sizes in dvc.lock."""

    def __init__(self, root: Path, params: Params, lock: Mapping[str, Any]) -> None:
        self._root, self._params, self._lock = root, params, lock
        self._durations = _durations(root)

    def of(self, stage: str) -> Cost:
        """Return what `stage` will take."""
        verb, _, name = stage.partition("@")
        if stage.endswith(".dvc"):
            return Cost(core_seconds=1.0, bytes=0, measured=False)
        size = self._size(stage)
        seconds = self._trained(name) if verb == "train" else self._durations.get(stage)
        measured = seconds is not None
        if seconds is None:
            seconds = self._guessed(name) if verb == "train" else self._alike(verb)
        return Cost(core_seconds=seconds, bytes=int(_BYTES.get(verb, 0) if size is None else size), measured=measured)

    def _trained(self, name: str) -> float | None:
        """Return what the last training took, in proportion to the steps and batches now asked for."""
        with contextlib.suppress(ArtpipeError):
            card = RunRecord.open(self._root / paths.run(name)).card
            return card.core_seconds / max(1, card.steps) * self._entry(name)[0]
        return None

    def _guessed(self, name: str) -> float:
        """Return steps * pictures * pixels times the rate of a model of the same kind here, else what the kind says of itself."""
        steps, pictures, pixels, kind = self._entry(name)
        for other in self._params.models:
            if self._params.models[other].get("kind") == kind and (took := self._trained(other)) is not None:
                their_steps, their_pictures, their_pixels, _ = self._entry(other)
                return took * (steps * pictures * pixels) / (their_steps * their_pictures * their_pixels)
        return steps * pictures * pixels * model_info(kind).nanoseconds_per_pixel * 1e-9

    def _entry(self, name: str) -> tuple[int, int, int, str]:
        entry = self._params.models.get(name, {})
        dataset = self._params.datasets.get(str(entry.get("dataset")))
        pixels = 64 * 64
        if dataset:
            medium = medium_info(dataset.medium)
            pixels = int(dataset.preprocess.get(medium.size_parameter, medium.default_size)) ** medium.axes
        info = model_info(str(entry.get("kind")))
        steps, pictures = entry.get("steps", info.default_steps), entry.get("batch_size", info.default_batch_size)
        return int(steps), int(pictures), pixels, str(entry.get("kind"))

    def _alike(self, verb: str) -> float:
        known = [seconds for stage, seconds in self._durations.items() if stage.partition("@")[0] == verb]
        return max(known, default=_SECONDS.get(verb, 10.0))

    def _size(self, stage: str) -> int | None:
        outs = self._lock.get(stage, {}).get("outs", [])
        return sum(int(out.get("size", 0)) for out in outs) if outs else None


def remember(stage: str, seconds: float, root: Path = Path()) -> None:
    """Keep how long a stage took, for the next plan."""
    with hold_lock(root / DURATIONS.with_suffix(".lock"), doing="noting a duration"):
        write_json(root / DURATIONS, {**_durations(root), stage: round(seconds, 1)})


def _durations(root: Path) -> dict[str, float]:
    try:
        found = json.loads((root / DURATIONS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(stage): float(seconds) for stage, seconds in found.items()}
