"""The grade of a model, from what its metrics found."""

import math
from collections.abc import Iterable, Sequence
from typing import get_args

from artpipe.artifacts.report import Fault, Finding, Grade, Score
from artpipe.contracts.metric import Measurement

_GRADES: tuple[str, ...] = get_args(Grade)
_FAULTS: tuple[str, ...] = get_args(Fault)


def decide_verdict(measurements: Sequence[Measurement]) -> tuple[list[Finding], Finding]:
    """Return all findings, the gravest first, and the one that decides.

    The gravest decides: a model is as good as what speaks for it least. Among equal grades that is what is nearest to the
    mark of its grade. Where nothing was found nobody can tell.
    """
    findings = [
        finding for measurement in measurements for finding in measurement.findings if math.isfinite(finding.value)
    ]
    findings.sort(key=_measure_gravity)
    return findings, (*findings, _make_silent_finding(select_finite_scores(measurements)))[0]


def _measure_gravity(finding: Finding) -> tuple[int, int, float]:
    """Return the sorting key of a finding: grade, fault, distance to its mark.

    The mark is that of its grade: what is good is measured by that of good.
    """
    mark = finding.good if finding.grade == "good" and finding.good is not None else finding.bound
    value, bound = abs(finding.value), abs(mark)
    smaller, larger = (bound, value) if finding.wanted == "least" else (value, bound)
    margin = 1 - smaller / larger if larger > 0 else 0.0  # 0 at the pass mark, 1 endlessly far from it
    return (_GRADES.index(finding.grade), _FAULTS.index(finding.fault), margin)


def _make_silent_finding(scores: Sequence[Score]) -> Finding:
    name, value = (scores[-1].name, scores[-1].value) if scores else ("none", 0.0)
    return Finding(grade="cannot tell", score=name, value=value, bound=value, code="no_measure_speaks")


def select_finite_scores(measurements: Iterable[Measurement]) -> list[Score]:
    """Return the scores that are numbers; a report holds no other."""
    return [score for measurement in measurements for score in measurement.scores if math.isfinite(score.value)]
