"""Compare the scores of two reports, with intervals, or say why not."""

from collections.abc import Iterator
from typing import NamedTuple

from artpipe.artifacts.report import ReportCard, Score
from artpipe.artifacts.shards import Spec
from artpipe.config.params import Frozen
from artpipe.language.message import Message
from artpipe.numerics.intervals import Interval, difference_interval

_HASH_DIGITS = 8  # of a hash in a message


class Measured(NamedTuple):
    """A report, its name in a comparison, and the form of the works it is about."""

    label: str
    report: ReportCard
    spec: Spec


class ScorePair(Frozen):
    """A score of two models: the second minus the first, or why they are not compared."""

    name: str
    better: str
    first: Score | None
    second: Score | None
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    refusal: Message | None = None

    @property
    def interval(self) -> Interval | None:
        """Return the 95 % interval of the difference, None where there is none."""
        return None if self.low is None or self.high is None else Interval(self.low, self.high)

    @property
    def outcome(self) -> str:
        """Return what the second is: "better", "worse", "unclear", or nothing.

        Unclear is a difference whose interval holds zero; a difference of what is neither good nor bad is nothing.
        """
        if self.low is None or self.high is None:
            return ""
        if self.low <= 0 <= self.high:
            return "unclear"
        if self.better == "neither":
            return ""
        return "better" if (self.low > 0) == (self.better == "higher") else "worse"

    @property
    def real_works(self) -> list[float]:
        """Return the same measure of real works; two where that of both models differs."""
        measured = (score.real for score in (self.first, self.second) if score)
        return list(dict.fromkeys(value for value in measured if value is not None))


def estimate_difference(first: Score, second: Score) -> Interval | None:
    """Return the 95 % interval of the second score minus the first.

    None where one of them has no interval.
    """
    intervals = first.interval, second.interval
    if intervals[0] is None or intervals[1] is None:
        return None
    return difference_interval(second.value, intervals[1], first.value, intervals[0])


def compare_scores(first: Measured, second: Measured) -> Iterator[ScorePair]:
    """Yield every score that one of two models has, the first's in their order.

    What is measured of real works alone, and what a training did, are no scores of a model and left out.
    """
    ours, theirs = (
        {score.name: score for score in one.report.scores if not (score.is_anchor or score.is_training_record)}
        for one in (first, second)
    )
    for name in dict.fromkeys((*ours, *theirs)):
        yield _compare(first, second, name, ours.get(name), theirs.get(name))


def _compare(first: Measured, second: Measured, name: str, ours: Score | None, theirs: Score | None) -> ScorePair:
    known = ours or theirs
    better = known.better if known else "neither"
    if ours is None or theirs is None:
        owner = second.label if ours is None else first.label
        refusal = Message(code="score_of_one_model", values={"model": owner})
        return ScorePair(name=name, better=better, first=ours, second=theirs, refusal=refusal)
    if refused := find_refusal(first, second, ours, theirs):
        return ScorePair(name=name, better=better, first=ours, second=theirs, refusal=refused)
    interval = estimate_difference(ours, theirs)
    return ScorePair(
        name=name,
        better=better,
        first=ours,
        second=theirs,
        difference=theirs.value - ours.value,
        low=interval and interval.low,
        high=interval and interval.high,
    )


def find_refusal(first: Measured, second: Measured, ours: Score, theirs: Score) -> Message | None:
    """Return why two scores of one name may not be compared, None where they may."""
    return next(_find_refusals(first, second, ours, theirs), None)


def _find_refusals(first: Measured, second: Measured, ours: Score, theirs: Score) -> Iterator[Message]:
    datasets = [one.report.dataset for one in (first, second)]
    if datasets[0] != datasets[1]:
        yield Message(code="scores_of_other_datasets", values={"first": datasets[0], "second": datasets[1]})
    sizes = [_format_size(one.spec) for one in (first, second)]
    if sizes[0] != sizes[1]:
        yield Message(code="scores_of_other_sizes", values={"first": sizes[0], "second": sizes[1]})
    if ours.extractor != theirs.extractor:
        names = [_shorten(score.extractor) for score in (ours, theirs)]
        yield Message(code="scores_of_other_extractors", values={"first": names[0], "second": names[1]})
    if first.report.shards != second.report.shards:
        names = [f"{one.report.dataset} {_shorten(one.report.shards)}" for one in (first, second)]
        yield Message(code="scores_of_other_works", values={"first": names[0], "second": names[1]})
    labels = first.label, second.label
    if owner := _find_silent(labels, ours.basis, theirs.basis):
        yield Message(code="score_without_works", values={"model": owner})
    if ours.basis != theirs.basis:
        names = [_shorten(score.basis) for score in (ours, theirs)]
        yield Message(code="scores_of_other_works", values={"first": names[0], "second": names[1]})
    if ours.n != theirs.n:
        yield Message(code="scores_of_other_counts", values={"first": ours.n, "second": theirs.n})
    if owner := _find_silent(labels, ours.settings, theirs.settings):
        yield Message(code="score_without_settings", values={"model": owner})
    if ours.settings != theirs.settings:
        yield Message(code="scores_of_other_settings", values={"first": ours.settings, "second": theirs.settings})


def _find_silent(labels: tuple[str, str], first: str, second: str) -> str:
    """Return which of two models says nothing where the other does, empty where none."""
    if bool(first) == bool(second):
        return ""
    return labels[1] if first else labels[0]


def _format_size(spec: Spec) -> str:
    return f"{spec.width}×{spec.height}×{spec.channels}" if spec.channels else f"{spec.medium} {spec.length}"


def _shorten(name: str | None) -> str:
    return (name or "-")[:_HASH_DIGITS]
