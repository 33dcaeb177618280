"""Save and load evaluation reports: scores, grade and exhibits of a checkpoint."""

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from artpipe.artifacts.cards import ParameterCard, load_card, save_card
from artpipe.config.params import Frozen
from artpipe.language.message import CODE, Message, upgrade_text_field
from artpipe.numerics.intervals import NORMAL_QUANTILE, Interval
from artpipe.system.hashing import sha256_bytes

Grade = Literal[
    "failed",
    "weak",  # it is still learning
    "cannot tell",  # too few works, or a feature extractor that knows too little
    "fair",  # its subject is plain
    "good",  # a stranger would take it for the dataset's
]  # the gravest first
Fault = Literal[
    "diverged",
    "collapsed",
    "posterior collapsed",
    "class dropped",
    "labels ignored",
    "discriminator dominates",
    "memorised",
    "under-trained",
    "",
]  # the gravest first; empty where there is none
_KEY_DIGITS = 8  # of the key that comparable scores share
_EXTRACTOR_DIGITS = 24  # of a feature extractor's hash, or of what else names it
PASSING: tuple[Grade, ...] = ("fair", "good")
# The grade and the fault of what reports called a verdict before there were grades.
_FORMER_VERDICTS: dict[str, tuple[Grade, Fault]] = {
    "healthy": ("fair", ""),
    "undecided": ("cannot tell", ""),
    "under-trained": ("weak", "under-trained"),
    "discriminator dominates": ("weak", "discriminator dominates"),
}


class Score(Message):
    """One measured number, and what it means to a visitor.

    Scores of different feature extractors are never compared.
    `explanation` instead of a code is a sentence that is shown as it stands, as reports had before.
    """

    code: str = Field(default="", pattern=f"^(?:{CODE})?$")
    name: str
    value: float
    n: int  # samples it rests on
    spread: float | None = (
        None  # one standard deviation of repeated estimates; in reports from before there were intervals
    )
    low: float | None = None  # the ends of the 95 % confidence interval; None where it is no estimate
    high: float | None = None
    real: float | None = None  # the same measure of real works among themselves
    basis: str = ""  # hash of the held-out works and the size it was measured on; only scores of one basis are compared
    settings: str = ""  # numbers of `evaluation` on which it depends, beside n; empty: on none
    better: Literal["lower", "higher", "neither"] = "neither"
    unit: str | Message = ""
    extractor: str | None = None  # hash of the feature extractor's checkpoint, or what else names the feature extractor
    is_anchor: bool = False  # of real works alone, which another score is held against
    decides: bool = False  # the first of these in a report says which of two models of a kind is better

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, fields: Any) -> Any:
        return upgrade_text_field(fields, "explanation")

    @property
    def interval(self) -> Interval | None:
        """Return its 95 % interval; a spread alone stands for one."""
        if self.low is not None and self.high is not None:
            return Interval(self.low, self.high)
        half = None if self.spread is None else NORMAL_QUANTILE * self.spread
        return None if half is None else Interval(self.value - half, self.value + half)

    @property
    def is_training_record(self) -> bool:
        """Return whether it is a fact of the training, by which nothing is compared."""
        return self.name == "steps"

    @property
    def comparison_key(self) -> str:
        """Return what scores that may be compared share, and no others.

        A hash of the feature extractor, the held-out works with their size, the number of samples, and settings.
        """
        identity = json.dumps([self.extractor or "", self.basis, self.n, self.settings])
        return sha256_bytes(identity.encode())[:_KEY_DIGITS]

    def describe_difference(self, other: "Score") -> str:
        """Return what makes another score incomparable, empty where nothing does.

        They compare where feature extractor, number of works, held-out works, size and settings are the same. A score from
        before that does not say what it was measured on compares with its like alone.
        """
        if self.extractor != other.extractor:
            shown = [(score.extractor or "none")[:_EXTRACTOR_DIGITS] for score in (self, other)]
            return f"it was measured with another feature extractor ({shown[0]}, not {shown[1]})"
        if self.n != other.n:
            return f"it was measured on another number of works ({self.n}, not {other.n})"
        return self._describe_other_basis(other)

    def _describe_other_basis(self, other: "Score") -> str:
        for is_said, what in (
            (bool(self.basis) == bool(other.basis), "which works it was measured on"),
            (bool(self.settings) == bool(other.settings), "with which settings it was measured"),
        ):
            if not is_said:
                return f"only one of both says {what}"
        if self.basis != other.basis:
            return f"it was measured on other held-out works, or in another size ({self.basis}, not {other.basis})"
        if self.settings != other.settings:
            return f"it was measured with other settings ({self.settings}, not {other.settings})"
        return ""

    def with_interval(self, interval: Interval | None) -> Self:
        """Return the score with its interval, unchanged where there is none."""
        return self if interval is None else self.model_copy(update={"low": interval.low, "high": interval.high})


class Finding(Message):
    """What a metric concludes: a grade, the number that decides it, its pass mark.

    The code names the sentence to be said. `sentence` instead of a code is shown as it stands, and `verdict` instead of
    grade and fault is understood, as reports had both before.
    """

    grade: Grade
    fault: Fault = ""
    score: str  # its name in the table
    value: float
    bound: float  # the pass mark, or what must not be crossed
    good: float | None = None  # the mark from which on it is good; None where no number makes it so
    wanted: Literal["least", "most", ""] = (
        ""  # on which side of the bound the value is wanted; empty: by grade and value
    )

    @model_validator(mode="before")
    @classmethod
    def _from_former_report(cls, fields: Any) -> Any:
        if isinstance(fields, dict) and "verdict" in fields:
            rest = {key: value for key, value in fields.items() if key != "verdict"}
            grade, fault = _FORMER_VERDICTS.get(fields["verdict"], ("failed", fields["verdict"]))
            fields = {"grade": grade, "fault": fault, **rest}
        return upgrade_text_field(fields, "sentence")

    @property
    def is_passing(self) -> bool:
        """Return whether it speaks for the model."""
        return self.grade in PASSING


class Neighbour(Frozen):
    """A training work near an exhibit."""

    digest: str  # SHA-256 of the original work
    distance: float


class SavedExhibitFile(Frozen):
    """A further file of an exhibit."""

    file: str
    sha256: str


class OtherModel(Frozen):
    """A model that had a part in an exhibit beside the one whose report has it."""

    name: str
    kind: str
    checkpoint: str  # hash of its card


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
    shares: tuple[float, ...] = ()  # of it that come from each of these, where they are known
    neighbours: tuple[Neighbour, ...] = ()  # nearest training works, nearest first
    sha256: str = ""
    other_models: tuple[OtherModel, ...] = ()  # that had a part in it
    parts: dict[str, SavedExhibitFile] = Field(default_factory=dict)  # by name: before, poster, score, midi, step N ...

    @field_validator("caption", mode="before")
    @classmethod
    def _from_text(cls, caption: Any) -> Any:
        return Message.of(caption) if isinstance(caption, str) else caption


class LivePath(Frozen):
    """What a visitor may ask of a model that words steer, and its own settings."""

    guidance: float
    steps: int
    captions: tuple[str, ...] = ()  # of held-out works, one of which each seed asks for; empty: it heeds classes alone
    refused: tuple[str, ...] = ()  # words that it does not paint
    words: tuple[str, ...] = ()  # all that it learned; empty: it may know others


class LiveModel(Frozen):
    """A program with which a page paints as the model does; see docs/live.md."""

    file: str
    sha256: str
    classes: tuple[str, ...] = ()  # that can be asked for
    works: tuple[str, ...] = ()  # digests of training works to compare with, each with a small picture
    path: LivePath | None = None  # of a model that words steer


class WrittenWorks(Frozen):
    """How many of the works that a sequence model wrote are whole.

    Those that hang are the first of these.
    """

    whole: int
    written: int


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
    findings: tuple[Finding, ...]  # all of them, the gravest first; those that praise it too
    scores: tuple[Score, ...]
    exhibits: tuple[SavedExhibit, ...]
    works: dict[str, str] = Field(default_factory=dict)  # small pictures of real works: file -> SHA-256
    tables: dict[str, Any] = Field(
        default_factory=dict
    )  # confusion matrix, calibration, nearest pairs: JSON by metric name

    whole_works: WrittenWorks | None = None  # of a model that writes; None: what hangs are the first of all it wrote
    live: LiveModel | None = None  # of a model that a visitor can paint with

    @property
    def decisive(self) -> Score | None:
        """Return the score that compares two models, None where a person has to look."""
        return next((score for score in self.scores if score.decides), None)

    def choose_scores(self, headlines: Collection[str] = ()) -> list[Score]:
        """Return the two scores that say most.

        The one that decides, that of the verdict, else the first headline, or the first that can be better or worse.
        """
        own = [score for score in self.scores if not (score.is_anchor or score.is_training_record)]
        first = [score for score in own if score.decides][:1]
        second = [score for score in own if score.name == self.verdict.score]
        rest = sorted(
            own, key=lambda score: (score.name not in headlines, score.better == "neither")
        )  # else as they stand
        return list({score.name: score for score in (*first, *second, *rest)}.values())[:2]


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
