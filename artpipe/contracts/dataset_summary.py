"""What the record of a dataset says of all its works together."""

from collections.abc import Sequence
from dataclasses import dataclass

from artpipe.contracts.gallery_work import RealWork


@dataclass(frozen=True)
class Tally:
    """How many works share a value."""

    name: str
    count: int


@dataclass(frozen=True)
class Attribution:
    """How many works have the same creator, licence and source."""

    creator: str
    licence: str
    origin: str
    count: int


@dataclass(frozen=True)
class Refusal:
    """An input that was quarantined, and why."""

    name: str
    reason: str
    detail: str = ""


@dataclass(frozen=True)
class Collection:
    """What the record of a dataset says, all works together."""

    kept: int
    quarantined: int
    licences: Sequence[Tally] = ()  # the most frequent first
    creators: Sequence[Tally] = ()
    origins: Sequence[Tally] = ()
    labels: Sequence[Tally] = ()
    unlabelled: int = 0
    splits: Sequence[Tally] = ()
    reasons: Sequence[Tally] = ()  # of quarantine
    notes: Sequence[Tally] = ()  # what was done to works on the way in
    refusals: Sequence[Refusal] = ()  # the first of them
    works: Sequence[RealWork] = ()  # all of them, where they are few
    attributions: Sequence[Attribution] = ()  # the most works first; of a very mixed one not all

    @property
    def kinds(self) -> int:
        """Return how many kinds its works are of, 0 where each work is one of its own."""
        return len(self.labels) if len(self.labels) < self.kept - self.unlabelled else 0

    @property
    def is_mixed(self) -> bool:
        """Return whether licence or creator is not the same for all works."""
        return len(self.licences) > 1 or len(self.creators) > 1
