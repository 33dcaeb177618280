"""The training loop, a generator that every kind of model shares.

Beside it what its callers ask of the losses: running means, and whether they diverge.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from artpipe.contracts.model import Learner
from artpipe.language.message import Message
from artpipe.training.data import Batches
from artpipe.training.distributed import Ranks
from artpipe.training.memory_limit import MemoryLimitedStepper

Losses = Mapping[str, Tensor]


def training_steps(
    learner: Learner[Any],
    batches: Batches,
    ranks: Ranks | None = None,
    seed: int = 0,
    stepper: MemoryLimitedStepper | None = None,
) -> Iterator[Losses]:
    """Train forever; yield the losses of each optimiser step.

    The caller logs, saves and stops.

    With several `ranks` each takes its share of the batch, and the losses are their means. `stepper` sees to it that
    a batch fits into memory.

    `learner.steps_done` counts the finished steps: it is 0 inside the first step and 1 when its losses are yielded.
    """
    ranks, stepper = ranks or Ranks(), stepper or MemoryLimitedStepper()
    while True:
        ranks.seed_step(seed, learner.steps_done)
        losses = stepper.step(learner, ranks.split_batch(batches.draw()))
        ranks.sync_buffers(learner)
        learner.steps_done += 1
        yield ranks.average_losses(losses)


@dataclass
class RunningMeans:
    """Means of losses by name over the steps since the last `take`.

    A loss need not come with every step.

    Losses wait on their device until they are needed, so that a GPU is not stopped at every step.
    """

    sums: dict[str, float] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    _waiting: list[Losses] = field(default_factory=list)

    def add(self, losses: Losses) -> None:
        """Add the losses of one step."""
        self._waiting.append(losses)

    def _fetch_pending(self) -> None:
        """Fetch what waits; sums are of float64, in the order of the steps."""
        values = [value for losses in self._waiting for value in losses.values()]
        names = [name for losses in self._waiting for name in losses]
        self._waiting.clear()
        for name, value in zip(names, _fetch_numbers(values), strict=True):
            self.sums[name] = self.sums.get(name, 0.0) + value
            self.counts[name] = self.counts.get(name, 0) + 1

    def means(self) -> dict[str, float]:
        """Return the means so far."""
        self._fetch_pending()
        return {name: self.sums[name] / self.counts[name] for name in self.sums}

    def take(self) -> dict[str, float]:
        """Return the means and start again from nothing."""
        means = self.means()
        self.sums, self.counts = {}, {}
        return means

    def state(self) -> dict[str, Any]:
        """Return sums and counts."""
        self._fetch_pending()
        return {"sums": self.sums, "counts": self.counts}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Restore what `state` returned."""
        self.sums, self.counts = dict(state["sums"]), dict(state["counts"])
        self._waiting.clear()


def _fetch_numbers(values: list[Tensor]) -> list[float]:
    if not values:
        return []
    return [float(number) for number in torch.stack([value.detach().double() for value in values]).tolist()]


def describe_divergence(losses: Mapping[str, float], usual: Mapping[str, float], explosion: float) -> Message | None:
    """Describe what is wrong with mean losses; None where nothing is.

    Wrong is what is not finite, or more than `explosion` times the largest `usual` magnitude.

    `usual` is by name, taken as 1 where it is smaller, so that a loss near zero may move.
    """
    for name, value in losses.items():
        if not math.isfinite(value):
            return Message(code="loss_not_a_number", values={"loss": name, "value": value})
        if name in usual and abs(value) > explosion * max(1.0, usual[name]):
            return Message(code="loss_grew", values={"loss": name, "value": value, "times": explosion})
    return None


def find_nonfinite_weight(learner: Learner[Any]) -> Message | None:
    """Name the first weight or buffer that is not finite, None where all are."""
    state = {name: value for name, value in learner.state_dict().items() if value.is_floating_point()}
    if all(bool(torch.isfinite(value.sum(dtype=torch.float64))) for value in state.values()):
        return None
    bad = [name for name, value in state.items() if not bool(torch.isfinite(value).all())]
    return Message(code="weight_not_finite", values={"weight": bad[0]}) if bad else None
