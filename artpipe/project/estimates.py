"""Estimates of the core time and disk space a stage needs.

What ran before on this machine counts most, scaled to the present parameters and sizes. Else a training is estimated by
its steps as they were measured on this machine, anything else by the number and size of its works, which is then said.
"""

import contextlib
import json
import resource
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from artpipe.artifacts import paths
from artpipe.artifacts.run import RunRecord
from artpipe.config.params import Frozen, Params, load_params
from artpipe.contracts.plugin_info import medium_info, model_info
from artpipe.errors import ArtpipeError
from artpipe.project.machine_costs import load_shipped_costs
from artpipe.project.step_costs import StepCosts, is_of_this_machine, read_entry
from artpipe.system.atomic_files import write_json
from artpipe.system.locks import hold_lock
from artpipe.system.machine import machine_key

DURATIONS = paths.STATE / "durations.json"  # what each stage took, told by itself
_START_SECONDS = 1.2  # core-seconds of `dvc repro` around a stage, which no record has
_OPENING_SECONDS = 1.5  # of a training's own code: reading its data, hashing what it made
_BASE_SECONDS = {"ingest": 2.5, "preprocess": 1.8, "weights": 5.0, "evaluate": 5.0, "gallery": 6.0}
_GALLERY_SECONDS = 0.4  # of each model that hangs
_SAMPLES = 2000  # scored in an evaluation, of which the kinds say what it takes
_BYTES = {"ingest": 114e6, "preprocess": 58e6, "weights": 59e6, "train": 10e6, "evaluate": 1e6, "gallery": 4e6}


class Cost(Frozen):
    """What one stage takes."""

    core_seconds: float
    start_seconds: float  # of core time before it and after it, by DVC
    bytes: int
    measured: bool  # by an earlier run of this very stage

    @property
    def seconds(self) -> float:
        """Return the seconds for which it has a core."""
        return self.core_seconds + self.start_seconds


class Duration(NamedTuple):
    """What a stage took, and what was expected of it.

    The ratio of the two holds when parameters and sizes change.
    """

    core_seconds: float
    expected: float
    machine: str


class CostEstimator:
    """Estimates stages from earlier runs and from what was measured on this machine.

    It reads run records, the stages' durations and sizes in dvc.lock.
    """

    def __init__(self, root: Path, params: Params, lock: Mapping[str, Any], steps: StepCosts | None = None) -> None:
        self._root, self._params, self._lock = root, params, lock
        self._steps = steps or StepCosts(root, params)
        self._durations = load_durations(root)

    def estimate(self, stage: str) -> Cost:
        """Return what `stage` will take."""
        verb, _, name = stage.partition("@")
        if stage.endswith(".dvc"):
            return Cost(core_seconds=1.0, start_seconds=0.0, bytes=0, measured=False)
        size = self._find_output_size(stage)
        seconds = self._scale_last_training(name) if verb == "train" else self._scale_last_run(stage)
        measured = seconds is not None
        if seconds is None:
            seconds = self._estimate_training(name) if verb == "train" else self.expect(stage)
        return Cost(
            core_seconds=seconds,
            start_seconds=_START_SECONDS * self._slowness,
            bytes=int(_BYTES.get(verb, 0) if size is None else size),
            measured=measured,
        )

    def expect(self, stage: str) -> float:
        """Return what a stage is expected to take where nothing of it ran.

        It goes by the stage's works, and by how slow this machine is.
        """
        verb, _, name = stage.partition("@")
        if verb == "train":
            return self._estimate_training(name)
        seconds = _BASE_SECONDS.get(verb, 10.0)
        if verb in {"ingest", "preprocess"} and name in self._params.datasets:
            size, info = self._steps.size(name), medium_info(self._params.datasets[name].medium)
            work, megabyte = info.ingest_milliseconds if verb == "ingest" else info.preprocess_milliseconds
            seconds += 1e-3 * (size.works * work + size.megabytes * megabyte)
        elif verb == "evaluate" and name in self._params.models:
            share = self._params.evaluation.samples / _SAMPLES
            seconds += share * model_info(str(self._params.models[name].get("kind"))).evaluation_seconds
        elif verb == "gallery":
            seconds += _GALLERY_SECONDS * len(self._params.models)
        return seconds * self._slowness

    @cached_property
    def _slowness(self) -> float:
        """Return how many times as long as the machine of shipped seconds this one takes.

        It is told by what both take to import.
        """
        imports = self._steps.measured.imports
        return imports / load_shipped_costs().imports if imports else 1.0

    def _scale_last_run(self, stage: str) -> float | None:
        """Return the last run's time, scaled to present sizes.

        None where there was none on this machine.
        """
        last = self._durations.get(stage)
        if last is None or last.machine not in {"", machine_key()}:
            return None
        return last.core_seconds * (self.expect(stage) / last.expected if last.expected else 1.0)

    def _scale_last_training(self, name: str) -> float | None:
        """Return the last training's time, scaled to its present parameters.

        None where there is no record, or one of another machine and something better is known.
        """
        with contextlib.suppress(ArtpipeError):
            card = RunRecord.open(self._root / paths.run(name)).card
            now = self._params.models.get(name, {})
            then = read_entry(card, now)
            if self._is_known(now) and not is_of_this_machine(card):
                return None
            return card.core_seconds * self._compare(now, then)
        return None

    def _compare(self, now: Mapping[str, Any], then: Mapping[str, Any]) -> float:
        """Return how many times as long as one entry's training another's takes."""
        before = self._steps.training_seconds(then, _read_steps(then))
        after = self._steps.training_seconds(now, _read_steps(now))
        if before and after:
            return after / before
        return self._estimate_shipped(now) / self._estimate_shipped(then)

    def _is_known(self, entry: Mapping[str, Any]) -> bool:
        return self._steps.training_seconds(entry, _read_steps(entry)) is not None

    def _estimate_training(self, name: str) -> float:
        """Return what a training that never ran takes.

        As measured on this machine, else as shipped, else like another of its kind. Without all, the rate is what the
        kind says of itself.
        """
        entry = self._params.models.get(name, {})
        measured = self._steps.training_seconds(entry, _read_steps(entry))
        if measured is not None:
            return measured + _OPENING_SECONDS * self._slowness
        shipped = self._steps.shipped_seconds(entry, _read_steps(entry))
        if shipped is not None:
            return (shipped + _OPENING_SECONDS) * self._slowness
        for other, other_entry in self._params.models.items():
            if other_entry.get("kind") == entry.get("kind"):
                seconds = self._scale_last_training(other)
                if seconds is not None:
                    return seconds * self._estimate_shipped(entry) / self._estimate_shipped(other_entry)
        return self._estimate_shipped(entry)

    def _estimate_shipped(self, entry: Mapping[str, Any]) -> float:
        """Return steps * pictures * pixels times the rate that the kind brings."""
        dataset, pixels = self._params.datasets.get(str(entry.get("dataset"))), 64 * 64
        if dataset:
            medium = medium_info(dataset.medium)
            pixels = int(dataset.preprocess.get(medium.size_parameter, medium.default_size)) ** medium.axes
        info = model_info(str(entry.get("kind")))
        pictures = int(entry.get("batch_size", info.default_batch_size))
        return _read_steps(entry) * pictures * pixels * info.nanoseconds_per_pixel * 1e-9

    def _find_output_size(self, stage: str) -> int | None:
        outs = self._lock.get(stage, {}).get("outs", [])
        return sum(int(out.get("size", 0)) for out in outs) if outs else None


def _read_steps(entry: Mapping[str, Any]) -> int:
    return int(entry.get("steps", model_info(str(entry.get("kind"))).default_steps))


def save_duration(stage: str, core_seconds: float, expected: float = 0.0, root: Path = Path()) -> None:
    """Keep what a stage took, beside what was expected of it, for the next plan."""
    with hold_lock(root / DURATIONS.with_suffix(".lock"), doing="noting a duration"):
        row = Duration(round(core_seconds, 1), round(expected, 2), machine_key())
        write_json(root / DURATIONS, {**load_durations(root), stage: row})


def save_stage_duration(stage: str, root: Path = Path()) -> None:
    """Keep what the stage took that this process is, its children included.

    A training has its own record.
    """
    if stage.startswith("train@"):
        return
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    core_seconds = sum(usage.ru_utime + usage.ru_stime for usage in used)
    with contextlib.suppress(ArtpipeError, OSError):  # the stage is done, and only the next plan knows less
        expected = CostEstimator(root, load_params(root / "params.yaml"), {}).expect(stage)
        save_duration(stage, core_seconds, expected, root)


def load_durations(root: Path) -> dict[str, Duration]:
    """Return what stages took; rows that cannot be read are left out."""
    durations = dict[str, Duration]()
    try:
        rows = json.loads((root / DURATIONS).read_text(encoding="utf-8"))
        for stage, row in rows.items():
            with contextlib.suppress(TypeError, ValueError):
                core_seconds, expected, machine = row
                durations[str(stage)] = Duration(float(core_seconds), float(expected), str(machine))
    except (OSError, ValueError, AttributeError):
        pass
    return durations
