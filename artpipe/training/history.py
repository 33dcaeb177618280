"""What a training remembers of its evaluation points."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from artpipe.artifacts.checkpoint import HistoryRow


@dataclass
class Ledger:
    """What evaluation points leave behind, and how much fits into memory; a return to a point never undoes it."""

    history: list[HistoryRow] = field(default_factory=list)
    usual: dict[str, float] = field(default_factory=dict)  # largest mean magnitude of each loss
    best: dict[str, Tensor] | None = None
    best_step: int = 0
    best_value: float = math.nan
    rollbacks: int = 0
    diverged: bool = False
    micro_batch: int | None = None  # rows of a batch that are learned from at once; None: all, they fitted into memory

    def state(self) -> dict[str, Any]:
        """Return all of it, plain."""
        return {**vars(self), "history": [row.model_dump() for row in self.history]}

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> "Ledger":
        """Rebuild it from `state`."""
        return cls(**{**state, "history": [HistoryRow.model_validate(row) for row in state["history"]]})

    def is_better(self, value: float, direction: str) -> bool:
        """Return whether a value of the selection measure is better than the best so far."""
        if self.best is None:
            return True
        return value < self.best_value if direction == "min" else value > self.best_value
