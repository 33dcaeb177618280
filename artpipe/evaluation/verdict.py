"""The verdict on a model, from what its metrics found."""

import math
from collections.abc import Iterable, Sequence
from typing import get_args

from artpipe.artifacts.report import Finding, Score, Verdict
from artpipe.contracts.metric import Measured

_GRAVITY: tuple[str, ...] = get_args(Verdict)


def judge(measured: Sequence[Measured]) -> tuple[list[Finding], Finding]:
    """Return all findings, the gravest first, and the verdict: the gravest, or healthy with the number that speaks for it."""
    findings = [finding for found in measured for finding in found.findings if math.isfinite(finding.value)]
    findings.sort(key=lambda finding: _GRAVITY.index(finding.verdict))
    praise = [found.healthy for found in measured if found.healthy is not None]
    return findings, (*findings, *praise, _unopposed(finite_scores(measured)))[0]


def _unopposed(scores: Sequence[Score]) -> Finding:
    name, value = (scores[-1].name, scores[-1].value) if scores else ("none", 0.0)
    return Finding(verdict="healthy", score=name, value=value, bound=value, code="no_measure_objects")


def finite_scores(measured: Iterable[Measured]) -> list[Score]:
    """Return the scores that are numbers; a report holds no other."""
    return [score for found in measured for score in found.scores if math.isfinite(score.value)]
