"""Precision, recall (Kynkaanniemi et al. 2019), density and coverage (Naeem et al. 2020), by nearest neighbours."""

from dataclasses import dataclass

import torch
from torch import Tensor

from artpipe.artifacts.report import Finding, Score
from artpipe.contracts.metric import Evidence, Measured, Metric, halves, paints, share_spread
from artpipe.nn.classifier.rotation_pretext import ROTATIONS
from artpipe.numerics.nearest_neighbours import find_nearest, iterate_blocks


@dataclass(frozen=True)
class Four:
    """The four shares; density may exceed 1."""

    precision: float
    recall: float
    density: float
    coverage: float


def four(real: Tensor, painted: Tensor, k: int) -> Four:
    """Measure two feature sets ``(N, F)`` and ``(M, F)``; a work's ball reaches to its `k`-th neighbour of the same set.

    `k` shrinks where a set is smaller; memory stays bounded whatever the counts.
    """
    k = max(1, min(k, len(real) - 1, len(painted) - 1))
    real_radius = find_nearest(real, real, k, skip_self=True)[0][:, -1]
    painted_radius = find_nearest(painted, painted, k, skip_self=True)[0][:, -1]
    hits = torch.zeros(len(painted), dtype=torch.long)  # balls of real works around each picture
    covered, recalled = torch.zeros(len(real), dtype=torch.bool), torch.zeros(len(real), dtype=torch.bool)
    for block in iterate_blocks(len(real), len(painted)):
        distances = torch.cdist(real[block], painted, compute_mode="donot_use_mm_for_euclid_dist")
        inside = distances < real_radius[block, None]
        hits += inside.sum(0)
        covered[block] = inside.any(1)
        recalled[block] = (distances < painted_radius).any(1)
    return Four(
        precision=_share(hits > 0), recall=_share(recalled), density=float(hits.sum()) / (k * len(painted)), coverage=_share(covered)
    )  # fmt: skip


def _share(hits: Tensor) -> float:
    return float(hits.double().mean())


def measure(evidence: Evidence) -> Measured:
    """Measure samples against held-out works, and coverage of one half of the held-out works by the other.

    As many samples as works, because more of them would reach more; the verdict compares halves with halves.
    """
    real, painted = evidence.features("held_out"), evidence.features("samples")
    painted = painted[: len(real)]
    k = evidence.params.coverage_neighbours
    found = four(real, painted, k)
    samples, works, extractor = len(painted), len(real), evidence.extractor
    scores = [
        _share_score("precision", found.precision, samples, extractor, code="score_precision"),
        _share_score("recall", found.recall, works, extractor, code="score_recall"),
        Score(name="density", value=found.density, n=samples, extractor=extractor, code="score_density"),
        _share_score("coverage", found.coverage, works, extractor, code="score_coverage"),
    ]
    reached, ceiling = _by_halves(real, painted, k) or (found.coverage, 1.0)
    scores += _ceiling_score(evidence, ceiling, len(real) // 2)
    return _judged(evidence, scores, reached / max(ceiling, 1e-9))


def _share_score(name: str, share: float, n: int, extractor: str, code: str) -> Score:
    spread = share_spread(share, n)
    return Score(name=name, value=share, n=n, spread=spread, better="higher", extractor=extractor, code=code)


def _by_halves(real: Tensor, painted: Tensor, k: int) -> tuple[float, float] | None:
    """Return how one half of the real works is covered by as many samples, and by the other half; None with too few."""
    first, second = halves(real)
    if len(first) <= k:
        return None
    return four(first, painted[: len(second)], k).coverage, four(first, second, k).coverage


def _ceiling_score(evidence: Evidence, value: float, count: int) -> list[Score]:
    extractor = evidence.extractor
    return [Score(name="coverage_real", value=value, n=count, extractor=extractor, code="score_coverage_real")]


def _judged(evidence: Evidence, scores: list[Score], relative: float) -> Measured:
    held_out, fewest = len(evidence.features("held_out")), evidence.params.verdicts.fewest_works
    if held_out < fewest:
        few = Finding(
            verdict="undecided", score="coverage", value=held_out, bound=fewest,
            code="held_out_too_few", values={"works": held_out, "fewest": fewest},
        )  # fmt: skip
        return Measured(scores=scores, findings=(few,))
    bound = evidence.params.verdicts.under_trained_coverage
    good = relative >= bound
    if good and (doubt := _doubted(evidence)) is not None:
        return Measured(scores=scores, findings=(doubt,))
    finding = Finding(
        verdict="healthy" if good else "under-trained",
        score="coverage",
        value=relative,
        bound=bound,
        code="covers_variety",
        values={"share": relative, "wanted": bound},
    )
    return Measured(scores=scores, healthy=finding if good else None, findings=() if good else (finding,))


def _doubted(evidence: Evidence) -> Finding | None:
    """Find a feature extractor that recognises little more than guessing would: works unlike each other look alike to it."""
    accuracy, bound = evidence.extractor_accuracy, evidence.params.verdicts.extractor_skill
    if accuracy is None or evidence.feature_extractor is None:
        return None
    guess = 1 / len(evidence.extractor_classes or ROTATIONS)
    skill = (accuracy - guess) / (1 - guess)
    if skill >= bound:
        return None
    return Finding(
        verdict="undecided", score="coverage", value=max(0.0, skill), bound=bound,
        code="extractor_near_guessing", values={"share": accuracy, "guess": guess},
    )  # fmt: skip


METRIC = Metric(applies=paints, measure=measure, headline=("coverage",))
