"""The verdict on a model, from what its metrics found."""

import math
from collections.abc import Iterable, Sequence
from typing import get_args

from artpipe.artifacts.report import Finding, Score, Verdict
from artpipe.contracts.metric import Measurement

_VERDICTS: tuple[str, ...] = get_args(Verdict)


def decide_verdict(measurements: Sequence[Measurement]) -> tuple[list[Finding], Finding]:
    """Return all findings, the gravest first, and the verdict.

    The verdict is the gravest finding, or healthy with the number that supports it.
    """
    findings = [
        finding for measurement in measurements for finding in measurement.findings if math.isfinite(finding.value)
    ]
    findings.sort(key=lambda finding: _VERDICTS.index(finding.verdict))
    healthy = [measurement.healthy for measurement in measurements if measurement.healthy is not None]
    return findings, (*findings, *healthy, _make_unopposed_finding(select_finite_scores(measurements)))[0]


def _make_unopposed_finding(scores: Sequence[Score]) -> Finding:
    name, value = (scores[-1].name, scores[-1].value) if scores else ("none", 0.0)
    return Finding(verdict="healthy", score=name, value=value, bound=value, code="no_measure_objects")


def select_finite_scores(measurements: Iterable[Measurement]) -> list[Score]:
    """Return the scores that are numbers; a report holds no other."""
    return [score for measurement in measurements for score in measurement.scores if math.isfinite(score.value)]
