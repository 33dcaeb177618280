"""What a training cost: core time, memory, and an estimate of its energy."""

from pathlib import Path
from typing import NamedTuple, Self

from artpipe.artifacts.run import RunCard
from artpipe.config.energy_params import EnergyParams
from artpipe.config.params import load_params
from artpipe.errors import UserError

GIB = 2**30
_SECONDS_PER_HOUR = 3600


class TrainingCost(NamedTuple):
    """The cost of a training, or of a share of it."""

    core_seconds: float
    peak_memory_gib: float | None  # of main memory; None: not recorded, as in runs from before it was
    energy_wh: float | None  # an estimate; None where the memory is not known
    assumed: EnergyParams  # by which it was estimated

    def share(self, count: int) -> Self:
        """Return the cost of one of `count` works, which all share alike.

        Memory is not divided: each of them needed it.
        """
        energy = None if self.energy_wh is None else self.energy_wh / count
        return self._replace(core_seconds=self.core_seconds / count, energy_wh=energy)


def load_energy_params(root: Path) -> EnergyParams:
    """Return the project's assumptions.

    They are the usual ones where it has no params.yaml, or one with a mistake: an estimate is worth no stop.
    """
    try:
        return load_params(root / "params.yaml").gallery.energy
    except UserError:
        return EnergyParams()


def estimate_cost(run: RunCard, energy: EnergyParams) -> TrainingCost:
    """Return what a training cost, all sessions and ranks together.

    Energy, in watt-hours: core time times the watts of a core, and the time at work times the watts of the memory at
    its peak and of the GPUs; all of it times the overhead (Lannelongue et al. 2021).
    """
    if run.peak_memory is None or run.busy_seconds is None:
        return TrainingCost(run.core_seconds, None, None, energy)
    gpus = int(run.params.get("ranks", 1)) if run.device.startswith("cuda") else 0
    memory = run.peak_memory / GIB
    watts_at_work = memory * energy.watts_per_gib + gpus * energy.watts_per_gpu
    joules = run.core_seconds * energy.watts_per_core + run.busy_seconds * watts_at_work
    return TrainingCost(run.core_seconds, memory, joules * energy.overhead / _SECONDS_PER_HOUR, energy)
