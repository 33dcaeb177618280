"""Estimates of the time and disk space a stage needs.

They are measured in an earlier run, else estimated from similar stages, which is then said.
"""

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


class CostEstimator:
    """Estimates stages from earlier runs.

    It reads run records, the flow's durations and sizes in dvc.lock.
    """

    def __init__(self, root: Path, params: Params, lock: Mapping[str, Any]) -> None:
        self._root, self._params, self._lock = root, params, lock
        self._durations = _load_durations(root)

    def estimate(self, stage: str) -> Cost:
        """Return what `stage` will take."""
        verb, _, name = stage.partition("@")
        if stage.endswith(".dvc"):
            return Cost(core_seconds=1.0, bytes=0, measured=False)
        size = self._find_output_size(stage)
        seconds = self._scale_last_training(name) if verb == "train" else self._durations.get(stage)
        measured = seconds is not None
        if seconds is None:
            seconds = self._estimate_training(name) if verb == "train" else self._find_longest(verb)
        return Cost(core_seconds=seconds, bytes=int(_BYTES.get(verb, 0) if size is None else size), measured=measured)

    def _scale_last_training(self, name: str) -> float | None:
        """Return the last training's time, scaled to its present steps and batches.

        None where there is no record.
        """
        with contextlib.suppress(ArtpipeError):
            card = RunRecord.open(self._root / paths.run(name)).card
            return card.core_seconds / max(1, card.steps) * self._read_entry(name)[0]
        return None

    def _estimate_training(self, name: str) -> float:
        """Return steps * pictures * pixels times the rate of a model of this kind.

        Without such a model here, the rate is what the kind says of itself.
        """
        steps, pictures, pixels, kind = self._read_entry(name)
        for other in self._params.models:
            if (
                self._params.models[other].get("kind") == kind
                and (seconds := self._scale_last_training(other)) is not None
            ):
                their_steps, their_pictures, their_pixels, _ = self._read_entry(other)
                return seconds * (steps * pictures * pixels) / (their_steps * their_pictures * their_pixels)
        return steps * pictures * pixels * model_info(kind).nanoseconds_per_pixel * 1e-9

    def _read_entry(self, name: str) -> tuple[int, int, int, str]:
        entry = self._params.models.get(name, {})
        dataset = self._params.datasets.get(str(entry.get("dataset")))
        pixels = 64 * 64
        if dataset:
            medium = medium_info(dataset.medium)
            pixels = int(dataset.preprocess.get(medium.size_parameter, medium.default_size)) ** medium.axes
        info = model_info(str(entry.get("kind")))
        steps, pictures = entry.get("steps", info.default_steps), entry.get("batch_size", info.default_batch_size)
        return int(steps), int(pictures), pixels, str(entry.get("kind"))

    def _find_longest(self, verb: str) -> float:
        durations = [seconds for stage, seconds in self._durations.items() if stage.partition("@")[0] == verb]
        return max(durations, default=_SECONDS.get(verb, 10.0))

    def _find_output_size(self, stage: str) -> int | None:
        outs = self._lock.get(stage, {}).get("outs", [])
        return sum(int(out.get("size", 0)) for out in outs) if outs else None


def save_duration(stage: str, seconds: float, root: Path = Path()) -> None:
    """Keep how long a stage took, for the next plan."""
    with hold_lock(root / DURATIONS.with_suffix(".lock"), doing="noting a duration"):
        write_json(root / DURATIONS, {**_load_durations(root), stage: round(seconds, 1)})


def _load_durations(root: Path) -> dict[str, float]:
    try:
        durations = json.loads((root / DURATIONS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(stage): float(seconds) for stage, seconds in durations.items()}
