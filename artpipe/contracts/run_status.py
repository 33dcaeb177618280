"""What the entrance of an early gallery sees of the run that makes it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from artpipe.contracts.gallery_work import Media


@dataclass(frozen=True)
class Activity:
    """What a run does for a model that does not hang yet."""

    doing: str  # the verb of a stage, `waiting` or `failed`
    seconds_left: float = 0.0  # until it hangs
    step: int = 0  # of its training
    steps: int = 0  # 0: not known yet
    sheet: "Media | None" = None  # what it made at its newest evaluation point


@dataclass(frozen=True)
class RunStatus:
    """A run that is under way; only the entrance of an early gallery shows it."""

    share: float  # of its time that is over, 0 to 1
    seconds_left: float
    activities: Mapping[str, Activity]  # by model
    time: str  # of day, at which this was so
    changed: tuple[str, ...] = ()  # datasets with works that only the next run takes in

    def most_to_see(self) -> str:
        """Return the model whose sheet is most to look at; nothing where there is none."""
        sheets = {name: activity.sheet for name, activity in self.activities.items() if activity.sheet}
        return max(sheets, key=lambda name: (sheets[name].colour, sheets[name].width), default="")
