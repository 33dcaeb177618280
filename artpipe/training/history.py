"""The history of a training: its evaluation points and its best weights."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from artpipe.artifacts.checkpoint import HistoryRow
from artpipe.contracts.model import Learner


@dataclass
class TrainingHistory:
    """Evaluation points, best weights, rollbacks and the micro-batch of a training.

    A rollback to an earlier point does not undo it.
    """

    points: list[HistoryRow] = field(default_factory=list)
    usual: dict[str, float] = field(default_factory=dict)  # largest mean magnitude of each loss
    best: dict[str, Tensor] | None = None
    best_step: int = 0
    best_value: float = math.nan
    rollbacks: int = 0
    diverged: bool = False
    micro_batch: int | None = None  # rows of a batch that are learned from at once; None: all, they fitted into memory

    def state(self) -> dict[str, Any]:
        """Return everything as plain values; the points are called `history` there."""
        others = {name: value for name, value in vars(self).items() if name != "points"}
        return {"history": [row.model_dump() for row in self.points], **others}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> "TrainingHistory":
        """Rebuild the history from what `state` returned."""
        others = {name: value for name, value in state.items() if name != "history"}
        return cls(points=[HistoryRow.model_validate(row) for row in state["history"]], **others)

    def is_better(self, value: float, direction: str) -> bool:
        """Say whether a measure beats the best so far; `direction` is ``min`` or ``max``."""
        if self.best is None:
            return True
        return value < self.best_value if direction == "min" else value > self.best_value


def copy_weights(learner: Learner[Any]) -> dict[str, Tensor]:
    """Return a copy of all weights and buffers, on the CPU."""
    return {name: value.detach().cpu().clone() for name, value in learner.state_dict().items()}
