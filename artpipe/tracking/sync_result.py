"""What a sync with MLflow brought over, in text and for programs."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple


@dataclass
class SyncTally:
    """The counts of what was newly written."""

    runs: int = 0
    rows: int = 0  # of metrics
    pictures: int = 0


class SyncResult(NamedTuple):
    """How many trainings MLflow has, and what of them was new."""

    store: str  # MLflow's address, without passwords
    trainings: int
    new: SyncTally

    def to_text(self) -> str:
        """Return it in a sentence."""
        new = f"{self.new.runs} runs, {self.new.rows} rows, {self.new.pictures} pictures"
        return f"MLflow: {self.trainings} trainings; new: {new} ({self.store})"

    def to_json(self) -> Mapping[str, Any]:
        """Return the same for programs."""
        return {"store": self.store, "trainings": self.trainings, "new": asdict(self.new)}
