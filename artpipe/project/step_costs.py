"""What training steps cost on this machine.

It is measured once for each kind of entry, and kept in the user's cache folder.
"""

import contextlib
import json
import math
import os
import platform
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from artpipe.artifacts import paths
from artpipe.artifacts.run import RunCard, RunRecord
from artpipe.config.params import Frozen, Params, TrainParams
from artpipe.contracts.plugin_info import ModelInfo, medium_info, model_info
from artpipe.errors import ArtpipeError
from artpipe.project.dataset_sizes import DatasetSize, measure_dataset
from artpipe.project.machine_costs import SWITCH, MachineCosts, StepCost, load_costs, load_shipped_costs, save_costs
from artpipe.system.atomic_files import write_json
from artpipe.system.hashing import sha256_bytes
from artpipe.system.machine import torch_version
from artpipe.system.processes import run_child

# Parameters of an entry by which no step takes longer.
_NEUTRAL = {*TrainParams.model_fields} - {"kind", "batch_size", "threads", "device", "precision"}
_PHASE_SUFFIX = "_from_step"  # of a parameter that divides a training into phases of different cost
_MOST_SHOWN = 24  # works that a sheet shows, whatever there are
_TIMEOUT_SECONDS = 120.0
_SLOW_IMPORTS_SECONDS = 4.0  # of core time


class CostRequest(Frozen):
    """A model whose steps are to be measured."""

    key: str
    model: str
    entry: Mapping[str, Any]  # as in params.yaml, with one of each multiplier
    classes: tuple[str, ...] = ()  # of its dataset, where they are known
    count: int  # works in the training split


class StepCosts:
    """What this machine's steps cost, for present models and those of earlier runs.

    The present ones are those of params.yaml.
    """

    def __init__(
        self,
        root: Path,
        params: Params,
        measured: MachineCosts | None = None,
        shipped: MachineCosts | None = None,
    ) -> None:
        self._root, self._params = root, params
        self.measured, self._shipped = measured or load_costs(), shipped
        self._sizes = dict[str, DatasetSize]()

    def size(self, dataset: str) -> DatasetSize:
        """Return the size of a dataset, or of one that is not known."""
        if dataset not in self._sizes:
            entry = self._params.datasets.get(dataset)
            unknown = DatasetSize(0, 0.0, 0, 0, ())
            self._sizes[dataset] = measure_dataset(self._root, dataset, entry) if entry else unknown
        return self._sizes[dataset]

    def request(self, model: str, entry: Mapping[str, Any]) -> CostRequest | None:
        """Return what has to be measured for an entry.

        None where its dataset or medium cannot be.
        """
        info, dataset = model_info(str(entry.get("kind"))), self._params.datasets.get(str(entry.get("dataset")))
        if dataset is None or not medium_info(dataset.medium).sample_rows:
            return None
        reduced = _reduce_multipliers(entry, info)
        has_phases = any(name.endswith(_PHASE_SUFFIX) and value is not None for name, value in entry.items())
        neutral = _NEUTRAL - ({"steps"} if has_phases else set())
        deciding = {name: value for name, value in sorted(reduced.items()) if name not in neutral}
        data = [dataset.medium, dataset.preprocess, dataset.ingest.voices]
        key = sha256_bytes(json.dumps(_plain([deciding, data]), sort_keys=True, default=str).encode())[:16]
        if info.miniature_steps:
            reduced["steps"] = info.miniature_steps
        size = self.size(str(entry["dataset"]))
        return CostRequest(key=key, model=model, entry=reduced, classes=size.classes, count=size.train)

    def training_seconds(self, entry: Mapping[str, Any], steps: int) -> float | None:
        """Return the core-seconds of a training of so many steps.

        None where its steps were not measured.
        """
        return self._sum_seconds(self.measured, entry, steps)

    def shipped_seconds(self, entry: Mapping[str, Any], steps: int) -> float | None:
        """Return the same by the shipped costs, None where they have no such entry."""
        self._shipped = self._shipped or load_shipped_costs()
        return self._sum_seconds(self._shipped, entry, steps)

    def _sum_seconds(self, machine: MachineCosts, entry: Mapping[str, Any], steps: int) -> float | None:
        asked = self.request("", entry)
        cost = machine.steps.get(asked.key) if asked else None
        if cost is None:
            return None
        size, every = self.size(str(entry.get("dataset"))), max(1, int(str(_default(entry, "evaluate_every_steps"))))
        held_out = min(size.held_out, int(str(_default(entry, "validation_works"))))
        shown = min(_MOST_SHOWN, size.held_out or size.train)
        point = cost.sheet + cost.shown * shown + (cost.measures + cost.held_out * held_out if held_out else 0.0)
        factor = count_multipliers(entry, model_info(str(entry.get("kind"))))
        points = 1 + math.ceil(steps / every)  # the first before the first step
        return machine.imports + cost.start + steps * cost.step * factor + points * point

    def find_missing(self, models: Iterable[str]) -> list[CostRequest]:
        """Return what has to be measured for these models, each once."""
        missing = dict[str, CostRequest]()
        for model in models:
            request = self.request(model, self._params.models.get(model, {}))
            if request and request.key not in self.measured.steps and not self._ran_here(model, request.key):
                missing[request.key] = request
        return list(missing.values())

    def _ran_here(self, model: str, key: str) -> bool:
        """Return whether the model was trained on this machine at the same cost of a step."""
        with contextlib.suppress(ArtpipeError):
            card = RunRecord.open(self._root / paths.run(model)).card
            before = self.request(model, read_entry(card, self._params.models[model]))
            return is_of_this_machine(card) and before is not None and before.key == key
        return False


def read_entry(card: RunCard, now: Mapping[str, Any]) -> dict[str, Any]:
    """Return the entry of an earlier training.

    It has the parameters that stand in the present one, as they were.
    """
    return {**{name: card.params.get(name, value) for name, value in now.items()}, "steps": card.steps}


def is_of_this_machine(card: RunCard) -> bool:
    """Return whether a training ran here, with this torch."""
    return card.host == platform.node() and card.versions.get("torch", torch_version()) == torch_version()


def measure_missing(root: Path, params: Params, models: Iterable[str]) -> None:
    """Measure and keep what steps cost that this machine never measured.

    What cannot be measured is asked again the next time; until then the rates stand that the kinds bring.
    """
    missing = StepCosts(root, params).find_missing(models)
    if not missing or os.environ.get(SWITCH) == "off":
        return
    counted = "one training" if len(missing) == 1 else f"{len(missing)} trainings"
    sys.stderr.write(f"measuring once what {counted} will cost on this machine ...\n")
    file = root / paths.STATE / "step-costs.json"
    imports, steps = math.inf, dict[str, StepCost]()
    with contextlib.suppress(
        OSError, ValueError, KeyError
    ):  # a plan is worth less without, and no run is worth failing for it
        for requests in (missing, []):  # again for the imports alone, where the first had to compile what it imports
            if requests or imports > _SLOW_IMPORTS_SECONDS:
                lines = _run_measurement(root, file, params, requests)
                imports = min([imports, *(line["imports"] for line in lines if "imports" in line)])
                steps |= {line["key"]: StepCost.model_validate(line["cost"]) for line in lines if "key" in line}
        if steps:
            save_costs(imports, steps)


def _run_measurement(root: Path, file: Path, params: Params, requests: Sequence[CostRequest]) -> list[dict[str, Any]]:
    """Return the answers to requests.

    They are written into a file, with the parameters.

    Those of params.yaml would not do: a preset that is only planned brings datasets that do not stand there.
    """
    contents = [request.model_dump(mode="json") for request in requests]
    write_json(file, {"params": params.model_dump(mode="json"), "requests": contents})
    answers = list[dict[str, Any]]()

    def read_line(line: str) -> None:
        with contextlib.suppress(ValueError):  # what a plugin prints, or why a model was not measured
            answer = json.loads(line)
            answers.extend([answer] if isinstance(answer, dict) else [])

    command = [sys.executable, "-m", "artpipe.project.step_measurement", str(file)]
    run_child(command, read_line, cwd=root, timeout_seconds=_TIMEOUT_SECONDS)
    return answers


def count_multipliers(entry: Mapping[str, Any], info: ModelInfo) -> int:
    """Return how many times the measured step an entry's step costs.

    It is the product of the entry's multipliers.
    """
    return math.prod(max(1, _count(entry[name])) for name in info.multipliers if name in entry)


def _count(value: Any) -> int:
    if isinstance(value, Mapping):
        return sum(_count(item) for item in value.values())
    if isinstance(value, list | tuple):
        return sum(_count(item) for item in value)
    return value if isinstance(value, int) else 1


def _reduce_multipliers(entry: Mapping[str, Any], info: ModelInfo) -> dict[str, Any]:
    """Return an entry with one of each multiplier."""
    return {name: _first(value) if name in info.multipliers else value for name, value in entry.items()}


def _plain(value: Any) -> Any:
    """Return nested parameters with 1.0 as 1.

    A run record has numbers as their kind types them.
    """
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _first(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _first(item) for name, item in [*value.items()][:1]}
    if isinstance(value, list | tuple):
        return [_first(item) for item in value[:1]]
    return 1 if isinstance(value, int) else value


def _default(entry: Mapping[str, Any], name: str) -> Any:
    return entry.get(name, TrainParams.model_fields[name].default)
