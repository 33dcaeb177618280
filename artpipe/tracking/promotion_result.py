"""What promoting and taking back did, in text and for programs."""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple

from artpipe.artifacts.champions import Champion

_HASH_DIGITS = 12  # digits of a hash, enough to find it by


class PromotionOutcome(StrEnum):
    """What became of a model that was to be promoted."""

    PROMOTED = "promoted"
    UNCHANGED = "unchanged"  # it was the champion already
    REFUSED = "refused"


class Promotion(NamedTuple):
    """What became of one model."""

    model: str
    dataset: str
    kind: str
    outcome: PromotionOutcome
    champion: Champion | None = None  # who counts now; None where it was refused
    before: Champion | None = None  # who counted until now
    reason: str = ""  # why it was refused

    def to_text(self) -> str:
        """Return it in a sentence."""
        if self.champion is None:
            return self.reason
        place, champion = f"{self.dataset} {self.kind}", describe_champion(self.champion)
        if self.outcome == PromotionOutcome.UNCHANGED:
            return f"{place}: {champion} is the champion already"
        return f"{place}: the champion is {champion}{f', before it {describe_champion(self.before)}' if self.before else ''}"

    def to_json(self) -> Mapping[str, Any]:
        """Return the same for programs."""
        champions = {"champion": _dump(self.champion), "before": _dump(self.before)}
        return {**self._asdict(), "outcome": self.outcome.value, **champions}


class Promotions(NamedTuple):
    """What became of each model, in the order of params.yaml."""

    promotions: tuple[Promotion, ...]

    def to_text(self) -> str:
        """Return a line for each model."""
        lines = "\n".join(promotion.to_text() for promotion in self.promotions)
        return lines or "nothing has been evaluated yet; `artpipe run` does it"

    def to_json(self) -> Mapping[str, Any]:
        """Return the same for programs."""
        return {"promotions": [promotion.to_json() for promotion in self.promotions]}


class Rollback(NamedTuple):
    """A champion that counts again."""

    dataset: str
    kind: str
    champion: Champion
    folder: Path  # of its checkpoint
    taken_back: Champion

    def to_text(self) -> str:
        """Return it in a sentence."""
        champion, taken_back = describe_champion(self.champion), describe_champion(self.taken_back)
        return f"{self.dataset} {self.kind}: the champion is {champion} again, in {self.folder}; {taken_back} was taken back"

    def to_json(self) -> Mapping[str, Any]:
        """Return the same for programs."""
        champions = {"champion": _dump(self.champion), "taken_back": _dump(self.taken_back)}
        return {**self._asdict(), "folder": str(self.folder), **champions}


def describe_champion(champion: Champion) -> str:
    """Return a champion by its model, score and the beginning of its hash."""
    score = champion.score
    number = f"{score.name} {score.value:.4g}, " if score else ""
    return f"{champion.model} ({number}{champion.checkpoint[:_HASH_DIGITS]})"


def _dump(champion: Champion | None) -> Mapping[str, Any] | None:
    return None if champion is None else champion.model_dump(mode="json")
