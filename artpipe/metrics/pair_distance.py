"""Pair distance: are samples as far from each other as real works are.

The distance to the nearest sample shows whether pictures repeat.
"""

import math

import torch
from torch import Tensor

from artpipe.artifacts.report import Finding, Score
from artpipe.contracts.grading import judge_score
from artpipe.contracts.metric import Evidence, Measurement, Metric, has_samples
from artpipe.numerics.half_samples import MOST_ROWS, measure_halves
from artpipe.numerics.nearest_neighbours import find_nearest, mean_pair_distance

_MAJORITY = 0.5
_FEWEST = 4  # works, of which distances say anything


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
    generated, real = generated[:count], real[:count]
    ratios = [
        measure_set(generated) / max(measure_set(real), 1e-9)
        for measure_set in (mean_pair_distance, mean_next_distance)
    ]
    distances = [
        torch.cdist(part, part).fill_diagonal_(torch.inf) for part in (generated[:MOST_ROWS], real[:MOST_ROWS])
    ]
    halves = measure_halves(
        lambda rows, columns: _measure_ratios(distances[0][rows[:, None], rows], distances[1][columns[:, None], columns]),
        count, count, evidence.seed, evidence.params.spread_subsets, MOST_ROWS,
    )  # fmt: skip
    scores = [
        Score(
            name=name,
            value=ratios[i],
            n=count,
            extractor=evidence.extractor_id,
            real=1.0,
            code={"pair_distance": "score_pair_distance", "next_distance": "score_next_distance"}[name],
        ).with_interval(None if halves is None else halves.ratio_interval(ratios[i], i))
        for i, name in enumerate(("pair_distance", "next_distance"))
    ]
    return Measurement(scores=scores, findings=_judge_variety(evidence, *scores) if count > _FEWEST else ())


def _measure_ratios(generated: Tensor, real: Tensor) -> Tensor:
    """Return the ratios of mean distance and of mean nearest distance ``(2,)``.

    Distances are ``(N, N)``, infinite on the diagonal.
    """
    means = [part[part.isfinite()].double().mean() for part in (generated, real)]
    nexts = [part.min(1).values.double().mean() for part in (generated, real)]
    return torch.stack([above / below.clamp(min=1e-9) for above, below in (means, nexts)])


def _judge_variety(evidence: Evidence, pairs: Score, nexts: Score) -> list[Finding]:
    """Judge whether pictures differ as works do.

    Pictures unlike any work are all alike early in a training: then only what is identical has collapsed. Repeats of all training
    works are memorised, and that is found elsewhere.
    """
    bounds, is_like_works = evidence.params.verdicts, evidence.has_recognisable_samples()
    passing = bounds.under_trained_pairs
    findings = [
        judge_score(
            pairs, failing=bounds.collapsed_pairs if is_like_works else bounds.identical_pairs, passing=passing,
            good=bounds.good_pairs, failure="collapsed", code="pictures_differ",
            values={"share": pairs.value, "wanted": passing},
        )
    ]  # fmt: skip
    if not _repeats_training_works(evidence):
        passing = bounds.under_trained_repeats
        finding = judge_score(
            nexts, failing=bounds.collapsed_repeats, passing=passing, good=bounds.good_repeats, failure="collapsed",
            code="next_differs", values={"share": nexts.value, "wanted": passing},
        )  # fmt: skip
        findings.append(finding)
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
