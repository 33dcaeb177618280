"""The loop: one generator for every kind; and what its callers ask of the losses: means, and whether all is still well."""

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
from artpipe.training.memory_limit import Frugal

Losses = Mapping[str, Tensor]


def steps(
    learner: Learner[Any],
    batches: Batches,
    ranks: Ranks | None = None,
    seed: int = 0,
    frugal: Frugal | None = None,
) -> Iterator[Losses]:
    """Train for ever; each turn is one optimiser step and yields its losses. The caller logs, saves and stops.

    With several `ranks` each takes its share of the batch, and the losses are their means. `frugal` sees to it that
    a batch fits into memory.

    `learner.steps_done` counts the finished steps: it is 0 inside the first step and 1 when its losses are yielded.
    """
    ranks, frugal = ranks or Ranks(), frugal or Frugal()
    while True:
        ranks.draw_apart(seed, learner.steps_done)
        losses = frugal.step(learner, ranks.share(batches.draw()))
        ranks.settle(learner)
        learner.steps_done += 1
        yield ranks.mean(losses)


@dataclass
class Means:
    """Means of losses by name over the steps since the last `take`; a loss need not come with every step.

    Losses wait on their device until they are needed, so that a GPU is not stopped at every step.
    """

    sums: dict[str, float] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    _waiting: list[Losses] = field(default_factory=list)

    def add(self, losses: Losses) -> None:
        """Add the losses of one step."""
        self._waiting.append(losses)

    def settle(self) -> None:
        """Fetch what waits; sums are of float64, in the order of the steps."""
        values = [value for losses in self._waiting for value in losses.values()]
        names = [name for losses in self._waiting for name in losses]
        self._waiting.clear()
        for name, value in zip(names, _numbers(values), strict=True):
            self.sums[name] = self.sums.get(name, 0.0) + value
            self.counts[name] = self.counts.get(name, 0) + 1

    def means(self) -> dict[str, float]:
        """Return the means so far."""
        self.settle()
        return {name: self.sums[name] / self.counts[name] for name in self.sums}

    def take(self) -> dict[str, float]:
        """Return the means and begin anew."""
        found = self.means()
        self.sums, self.counts = {}, {}
        return found

    def state(self) -> dict[str, Any]:
        """Return sums and counts."""
        self.settle()
        return {"sums": self.sums, "counts": self.counts}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Restore what `state` returned."""
        self.sums, self.counts = dict(state["sums"]), dict(state["counts"])
        self._waiting.clear()


def _numbers(values: list[Tensor]) -> list[float]:
    if not values:
        return []
    return [float(number) for number in torch.stack([value.detach().double() for value in values]).tolist()]


def trouble(losses: Mapping[str, float], usual: Mapping[str, float], explosion: float) -> Message | None:
    """Say what is wrong with mean losses: not finite, or more than `explosion` times the largest `usual` magnitude.

    `usual` is by name, taken as 1 where it is smaller, so that a loss near zero may move.
    """
    for name, value in losses.items():
        if not math.isfinite(value):
            return Message(code="loss_not_a_number", values={"loss": name, "value": value})
        if name in usual and abs(value) > explosion * max(1.0, usual[name]):
            return Message(code="loss_grew", values={"loss": name, "value": value, "times": explosion})
    return None


def broken_weight(learner: Learner[Any]) -> Message | None:
    """Name the first weight or buffer that is not finite, if there is one."""
    state = {name: value for name, value in learner.state_dict().items() if value.is_floating_point()}
    if all(bool(torch.isfinite(value.sum(dtype=torch.float64))) for value in state.values()):
        return None
    bad = [name for name, value in state.items() if not bool(torch.isfinite(value).all())]
    return Message(code="weight_not_finite", values={"weight": bad[0]}) if bad else None
