"""Save and load evaluation reports: scores, verdict and exhibits of a checkpoint."""

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from artpipe.artifacts.cards import ParameterCard, load_card, save_card
from artpipe.config.params import Frozen
from artpipe.language.message import CODE, Message, upgrade_text_field

Verdict = Literal[
    "diverged",
    "collapsed",
    "posterior collapsed",
    "class dropped",
    "discriminator dominates",
    "memorised",
    "under-trained",
    "undecided",  # too few works to tell, or a feature extractor that knows too little
    "healthy",
]  # the gravest first


class Score(Message):
    """One measured number, and what it means to a visitor.

    Scores of different feature extractors are never compared.
    `explanation` instead of a code is a sentence that is shown as it stands, as reports had before.
    """

    code: str = Field(default="", pattern=f"^(?:{CODE})?$")
    name: str
    value: float
    n: int  # samples it rests on
    spread: float | None = None  # one standard deviation of repeated estimates
    better: Literal["lower", "higher", "neither"] = "neither"
    unit: str | Message = ""
    extractor: str | None = None  # hash of the feature extractor's checkpoint, or what else names the feature extractor
    decides: bool = False  # the first of these in a report says which of two models of a kind is better

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, fields: Any) -> Any:
        return upgrade_text_field(fields, "explanation")


class Finding(Message):
    """What a metric concludes: a verdict, the number that decides it, its bound.

    The bound is the one that the number crossed; the code names the sentence to be said.
    `sentence` instead of a code is shown as it stands, as reports had before.
    """

    verdict: Verdict
    score: str
    value: float
    bound: float

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, fields: Any) -> Any:
        return upgrade_text_field(fields, "sentence")


class Neighbour(Frozen):
    """A training work near an exhibit."""

    digest: str  # SHA-256 of the original work
    distance: float


class SavedExhibitFile(Frozen):
    """A further file of an exhibit."""

    file: str
    sha256: str


class SavedExhibit(Frozen):
    """One exhibit of a report; `file` is relative to the report's folder."""

    file: str
    kind: Literal["image", "video", "audio", "text"]
    role: str  # sample, reconstruction, explanation, failure ...
    caption: Message
    seed: int | None = None
    label: int | None = None
    certainty: float | None = None  # the feature extractor's probability that it is of its label
    digests: tuple[str, ...] = ()  # the real works it shows or was made from
    neighbours: tuple[Neighbour, ...] = ()  # nearest training works, nearest first
    sha256: str = ""
    parts: dict[str, SavedExhibitFile] = Field(default_factory=dict)  # by name: before, poster, score, midi, step N ...

    @field_validator("caption", mode="before")
    @classmethod
    def _from_text(cls, caption: Any) -> Any:
        return Message.of(caption) if isinstance(caption, str) else caption


class ReportCard(ParameterCard):
    """`report.json`."""

    model: str
    kind: str
    dataset: str
    checkpoint: str  # hash of the checkpoint this report is about
    step: int | None = None  # of the training, at which the weights of the exhibits were taken
    shards: str
    feature_extractor: str | None  # hash of the extractor's checkpoint
    verdict: Finding
    findings: tuple[Finding, ...]  # all of them, the gravest first
    scores: tuple[Score, ...]
    exhibits: tuple[SavedExhibit, ...]
    works: dict[str, str] = Field(default_factory=dict)  # small pictures of real works: file -> SHA-256
    tables: dict[str, Any] = Field(
        default_factory=dict
    )  # confusion matrix, calibration, nearest pairs: JSON by metric name

    @property
    def decisive(self) -> Score | None:
        """Return the score that compares two models, None where a person has to look."""
        return next((score for score in self.scores if score.decides), None)


def work_file(digest: str, suffix: str = ".png") -> str:
    """Return the file of a real work's small picture, or of a text's first lines."""
    return f"works/{digest[:16]}{suffix}"


def save_report(folder: Path, card: ReportCard) -> str:
    """Write `report.json` last and return its hash."""
    return save_card(folder / "report.json", card)


def load_report(folder: Path) -> tuple[ReportCard, str]:
    """Return a report and its hash, verified.

    Raises:
        UserError, CorruptError: see `load_card`.
    """
    return load_card(folder / "report.json", ReportCard)
