"""Precision, recall, density and coverage, by nearest neighbours.

Kynkaanniemi et al. 2019 (the first two), Naeem et al. 2020 (the others).
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from artpipe.artifacts.report import Finding, Score
from artpipe.contracts.feature_source import FeatureSource
from artpipe.contracts.grading import judge_score
from artpipe.contracts.metric import Evidence, Measurement, Metric, has_samples, name_score, split_halves
from artpipe.numerics.half_samples import MOST_ROWS, HalfSamples, measure_halves
from artpipe.numerics.intervals import Interval, share_interval
from artpipe.numerics.prdc import measure_prdc

_NAMES = ("precision", "recall", "density", "coverage")
_OF_SAMPLES = frozenset({"precision", "density"})  # shares of samples; the others are of works


def measure(evidence: Evidence) -> Measurement:
    """Measure samples against held-out works, by each feature extractor.

    Coverage of one half of the held-out works by the other is what real works reach. As many samples as works, because more of them
    would reach more.
    """
    measured = [_measure_source(evidence, source) for source in evidence.sources]
    return Measurement(
        scores=[score for scores, _ in measured for score in scores],
        findings=[*_find_doubts(evidence), *(finding for _, findings in measured for finding in findings)],
    )


def _measure_source(evidence: Evidence, source: FeatureSource) -> tuple[list[Score], list[Finding]]:
    real, generated = evidence.features("held_out", source), evidence.features("samples", source)
    generated = generated[: len(real)]
    k = evidence.params.coverage_neighbours
    shares, halves = (
        evidence.compare_samples(len(generated), source).shares,
        _measure_halves(evidence, real, generated, k),
    )
    first, second = split_halves(real)
    of_real = measure_prdc(first, second, k) if len(first) > k else None
    scores = []
    for column, name in enumerate(_NAMES):
        value, n = getattr(shares, name), len(generated) if name in _OF_SAMPLES else len(real)
        score = Score(
            name=name_score(evidence, name, source), value=value, n=n, better="neither" if name == "density" else "higher",
            extractor=source.sha256, real=None if of_real is None else getattr(of_real, name), code={"precision": "score_precision", "recall": "score_recall", "density": "score_density", "coverage": "score_coverage"}[name],
        )  # fmt: skip
        scores.append(score.with_interval(_make_interval(name, value, n, halves, column)))
    return scores, _judge_shares(evidence, source, {score.code: score for score in scores})


def _make_interval(name: str, value: float, n: int, halves: HalfSamples | None, column: int) -> Interval | None:
    if halves is None:
        return None if name == "density" else share_interval(value, n)
    return halves.interval(value, column).clamp(0.0) if name == "density" else halves.share_interval(value, n, column)


def _measure_halves(evidence: Evidence, real: Tensor, generated: Tensor, k: int) -> HalfSamples | None:
    """Measure the four on random halves, from distances that are computed once."""
    if len(real) // 2 <= k or len(generated) // 2 <= k:
        return None
    counts, real, generated = (len(real), len(generated)), real[:MOST_ROWS], generated[:MOST_ROWS]
    within_real, within_generated, between = (
        torch.cdist(real, real),
        torch.cdist(generated, generated),
        torch.cdist(real, generated),
    )

    def measure_rows(rows: Tensor, columns: Tensor) -> Tensor:
        distances = between[rows[:, None], columns]
        radii = [
            part[index[:, None], index].kthvalue(k + 1, dim=1).values  # the nearest is the work itself
            for part, index in ((within_real, rows), (within_generated, columns))
        ]
        inside, recalled = distances < radii[0][:, None], (distances < radii[1]).any(1)
        shares = [inside.any(0), recalled, inside.sum(0) / k, inside.any(1)]
        return torch.stack([share.double().mean() for share in shares])

    return measure_halves(measure_rows, *counts, evidence.seed, evidence.params.spread_subsets, MOST_ROWS)


def _judge_shares(evidence: Evidence, source: FeatureSource, scores: Mapping[str, Score]) -> list[Finding]:
    bounds, held_out = evidence.params.verdicts, len(evidence.features("held_out", source))
    coverage, precision = scores["score_coverage"], scores["score_precision"]
    if held_out < bounds.fewest_works:
        return [
            Finding(
                grade="cannot tell", score="held_out_works", value=held_out, bound=bounds.fewest_works, wanted="least",
                code="held_out_too_few", values={"works": held_out, "fewest": bounds.fewest_works},
            )
        ]  # fmt: skip
    good_precision = bounds.good_precision * (precision.real or 1.0)
    return [
        judge_score(
            coverage, failing=bounds.failed_coverage, passing=bounds.under_trained_coverage, good=bounds.good_coverage,
            code="covers_variety",
            values={"share": coverage.value, "wanted": bounds.under_trained_coverage, "real": coverage.real or 0.0},
        ),
        judge_score(
            precision, passing=bounds.under_trained_precision, good=max(good_precision, bounds.under_trained_precision),
            code="among_works_share",
            values={"share": precision.value, "wanted": bounds.under_trained_precision, "real": precision.real or 1.0},
        ),
    ]  # fmt: skip


def _find_doubts(evidence: Evidence) -> list[Finding]:
    """Find a feature extractor without skill that has nobody beside it.

    Works unlike each other look alike to it.
    """
    skill = evidence.extractor_skill
    if skill is None or skill.is_shown or evidence.pretrained or evidence.feature_extractor is None:
        return []
    return [
        Finding(
            grade="cannot tell", score="extractor_accuracy", value=skill.share, bound=skill.guess, wanted="least",
            code="extractor_near_guessing",
            values={"share": skill.share, "guess": skill.guess, "works": skill.works, "low": skill.interval.low, "high": skill.interval.high},
        )
    ]  # fmt: skip


METRIC = Metric(applies=has_samples, measure=measure, headline=("coverage",))
