"""How a number with its interval becomes a grade."""

import math
from collections.abc import Mapping
from typing import Literal

from artpipe.artifacts.report import Fault, Finding, Grade, Score
from artpipe.language.message import Message, Value
from artpipe.numerics.intervals import Interval

Wanted = Literal["least", "most"]
_MOST_TIMES = 25.0  # as many works; nobody has more


def grade_interval(
    interval: Interval | None, *, passing: float, good: float, failing: float | None = None, wanted: Wanted = "least"
) -> Grade:
    """Return the grade of a number by its interval.

    All of the interval has to be on one side of the pass mark; where it reaches over it nobody can tell. Good is what has all of it
    beyond `good`, failed what has none of it this side of `failing`.
    """
    if interval is None:
        return "cannot tell"
    sign = 1 if wanted == "least" else -1
    low, high = sorted((sign * interval.low, sign * interval.high))
    if failing is not None and high < sign * failing:
        return "failed"
    if high <= sign * passing:
        return "weak"
    if low < sign * passing:
        return "cannot tell"
    return "good" if low >= sign * good else "fair"


def find_remedy(score: Score, interval: Interval, mark: float) -> Message:
    """Return what would make a score tell on which side of a mark it is.

    An interval narrows with the root of the number of works: from where it ends to where the mark is.
    """
    end = interval.low if score.value >= mark else interval.high
    margin, reach = abs(score.value - mark), abs(score.value - end)
    if reach > _MOST_TIMES**0.5 * margin:
        return Message(code="too_near_to_tell")
    needed = max(score.n + 1, math.ceil(score.n * (reach / margin) ** 2))
    return Message(code="more_works_tell", values={"works": score.n, "needed": needed})


def judge_score(
    score: Score,
    *,
    passing: float,
    good: float,
    code: str,
    values: Mapping[str, Value],
    failing: float | None = None,
    wanted: Wanted = "least",
    fault: Fault = "under-trained",
    failure: Fault = "",
) -> Finding:
    """Return the finding on a score, with the sentence of `code`.

    Its values have the mark of `good` too. Where the grade is that nobody can tell, the sentence says why. One work alone is no
    ground for a grade. `failure` is the fault of what has failed, where that is another one than that of what is weak.
    """
    interval = score.interval if score.n > 1 else None
    grade = grade_interval(interval, passing=passing, good=good, failing=failing, wanted=wanted)
    faults: Mapping[Grade, Fault] = {"failed": failure or fault, "weak": fault}
    sentence = Message(code=code, values={"good": good, **values})
    if interval is None:
        sentence = Message(code="from_too_few", values={"finding": sentence, "works": score.n})
    elif grade == "cannot tell":
        sentence = _say_uncertain(sentence, score, interval, find_remedy(score, interval, passing))
    elif grade == "fair" and (score.value > good if wanted == "least" else score.value < good):
        sentence = _say_fair(sentence, score, interval)
    return Finding(
        grade=grade, fault=faults.get(grade, ""), score=score.name, value=score.value, bound=passing,
        good=good if math.isfinite(good) else None, wanted=wanted, code=sentence.code, values=sentence.values,
    )  # fmt: skip


def _say_uncertain(finding: Message, score: Score, interval: Interval, remedy: Message) -> Message:
    """Return the finding, and that its interval reaches over the pass mark.

    In per cent where the finding says a share.
    """
    low, high = interval
    if finding.values.get("share") == score.value:
        return Message(
            code="share_reaches_over", values={"finding": finding, "low": low, "high": high, "remedy": remedy}
        )
    return Message(code="reaches_over", values={"finding": finding, "low": low, "high": high, "remedy": remedy})


def _say_fair(finding: Message, score: Score, interval: Interval) -> Message:
    """Return the finding and that its interval reaches over the mark of good."""
    low, high = interval
    if finding.values.get("share") == score.value:
        return Message(code="share_not_surely_good", values={"finding": finding, "low": low, "high": high})
    return Message(code="not_surely_good", values={"finding": finding, "low": low, "high": high})
