"""What training steps cost: on this machine, kept for its user, and as shipped."""

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path

from pydantic import Field

from artpipe.config.params import Frozen
from artpipe.system.atomic_files import write_json
from artpipe.system.locks import hold_lock
from artpipe.system.machine import machine_key
from artpipe.system.user_cache import cache_file

SHIPPED_COSTS = Path(__file__).with_name("shipped_step_costs.json")
SWITCH = "ARTPIPE_MEASURE"  # environment variable; off: only earlier runs and what is shipped
_MOST_SECONDS = 1e6  # of a step; more is a damaged file
_MOST_ENTRIES = 2000  # that are kept, the newest


class StepCost(Frozen):
    """Core-seconds of a training on this machine, without the imports."""

    start: float = Field(ge=0, le=_MOST_SECONDS, allow_inf_nan=False)  # building, and what the first steps take more
    step: float = Field(
        gt=0, le=_MOST_SECONDS, allow_inf_nan=False
    )  # the mean over the training, with one of each multiplier
    sheet: float = Field(ge=0, le=_MOST_SECONDS, allow_inf_nan=False)  # of an evaluation point
    shown: float = Field(ge=0, le=_MOST_SECONDS, allow_inf_nan=False)  # of each work on it
    measures: float = Field(ge=0, le=_MOST_SECONDS, allow_inf_nan=False)  # of an evaluation point
    held_out: float = Field(ge=0, le=_MOST_SECONDS, allow_inf_nan=False)  # of each work it measures on
    precision: str
    device: str


class MachineCosts(Frozen):
    """What was measured on one machine."""

    imports: float = Field(
        default=0.0, ge=0, allow_inf_nan=False
    )  # core-seconds of what each training imports; 0: not measured
    steps: dict[str, StepCost] = Field(default_factory=dict)  # by the key of a request; the newest are last


def load_costs(file: Path | None = None) -> MachineCosts:
    """Return what was measured on this machine.

    Nothing where the file is missing or broken.
    """
    if os.environ.get(SWITCH) == "off":
        return MachineCosts()
    try:
        content = json.loads((file or cache_file("step-costs.json")).read_text(encoding="utf-8"))
        return MachineCosts.model_validate(content[machine_key()])
    except (OSError, ValueError, KeyError, TypeError, RuntimeError):
        return MachineCosts()


def load_shipped_costs() -> MachineCosts:
    """Return what the starters' trainings cost on two cores with AVX2 alone.

    `benchmarks/step_costs.py` writes them.
    """
    return MachineCosts.model_validate_json(SHIPPED_COSTS.read_bytes())


def save_costs(imports: float, steps: Mapping[str, StepCost]) -> None:
    """Add what was measured to the user's file.

    Where it cannot be written, it is measured again.
    """
    file = cache_file("step-costs.json")
    try:
        with hold_lock(file.with_suffix(".lock"), doing="noting what trainings cost"):
            try:
                content = json.loads(file.read_text(encoding="utf-8"))
            except (OSError, ValueError):
                content = {}
            former = load_costs(file)
            newest = dict([*{**former.steps, **steps}.items()][-_MOST_ENTRIES:])
            least = min(imports, former.imports or imports)
            least = least if math.isfinite(least) else 0.0
            machine = MachineCosts(imports=least, steps=newest).model_dump(mode="json")
            write_json(file, {**(content if isinstance(content, dict) else {}), machine_key(): machine})
    except OSError:
        return
