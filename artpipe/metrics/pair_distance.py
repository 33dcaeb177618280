"""Pair distance: are samples as far from each other as real works are.

The distance to the nearest sample shows whether pictures repeat.
"""

import math

from torch import Tensor

from artpipe.artifacts.report import Finding, Score
from artpipe.contracts.metric import Evidence, Measurement, Metric, has_samples
from artpipe.numerics.nearest_neighbours import find_nearest, mean_pair_distance

_MAJORITY = 0.5


def mean_next_distance(vectors: Tensor) -> float:
    """Return the mean distance of ``(N, F)`` to the nearest other row."""
    return float(find_nearest(vectors, vectors, 1, skip_self=True)[0].double().mean())


def share_reached(rows: Tensor, works: int) -> float:
    """Return how many works `rows` ``(N,)`` name, by the count expected at random.

    `works` is how many works there are.
    """
    expected = works * -math.expm1(len(rows) * math.log1p(-1 / works)) if works > 1 else 1.0
    return len(set(rows.tolist())) / expected if len(rows) else 0.0


def measure(evidence: Evidence) -> Measurement:
    """Measure both distances as ratios to those of held-out works.

    There are as many samples as held-out works.
    """
    real, generated = evidence.features("held_out"), evidence.features("samples")
    count = min(len(real), len(generated))  # the nearest of more is nearer, so both sides have the same number
    real, generated = real[:count], generated[:count]
    pair_ratio = mean_pair_distance(generated) / max(mean_pair_distance(real), 1e-9)
    next_ratio = mean_next_distance(generated) / max(mean_next_distance(real), 1e-9)
    scores = [
        _make_score(evidence, "pair_distance", pair_ratio, count, code="score_pair_distance"),
        _make_score(evidence, "next_distance", next_ratio, count, code="score_next_distance"),
    ]  # fmt: skip
    return Measurement(scores=scores, findings=_find_collapse(evidence, pair_ratio, next_ratio))


def _make_score(evidence: Evidence, name: str, value: float, count: int, code: str) -> Score:
    return Score(name=name, value=value, n=count, extractor=evidence.extractor_id, code=code)


def _find_collapse(evidence: Evidence, pair_ratio: float, next_ratio: float) -> list[Finding]:
    bounds = evidence.params.verdicts
    findings = []
    pair_bound = bounds.collapsed_pairs if evidence.has_recognisable_samples() else bounds.identical_pairs
    if pair_ratio < pair_bound:
        findings.append(
            Finding(
                verdict="collapsed", score="pair_distance", value=pair_ratio, bound=pair_bound,
                code="pictures_alike", values={"share": pair_ratio},
            )
        )  # fmt: skip
    if next_ratio < bounds.collapsed_repeats and not _repeats_training_works(evidence):
        findings.append(
            Finding(
                verdict="collapsed", score="next_distance", value=next_ratio, bound=bounds.collapsed_repeats,
                code="pictures_repeated", values={"share": next_ratio},
            )
        )  # fmt: skip
    return findings


def _repeats_training_works(evidence: Evidence) -> bool:
    """Return whether the repeats are those of the training works.

    Then most samples are copies, and of all works alike. Who paints each of a few dozen works again and again has
    memorised them; who paints some of them only has collapsed.
    """
    copies = evidence.copy_mask("samples") if len(evidence.pictures("train")) > 1 else Tensor()
    if not len(copies) or copies.double().mean() <= _MAJORITY:
        return False
    rows = evidence.nearest_train("samples")[1][copies, 0]
    return share_reached(rows, len(evidence.pictures("train"))) >= evidence.params.verdicts.replayed_works


METRIC = Metric(applies=has_samples, measure=measure)
