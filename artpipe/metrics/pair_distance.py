"""Pair distance: are the samples as far from each other as real works are, and is each of them its own picture."""

import math

from torch import Tensor

from artpipe.artifacts.report import Finding, Score
from artpipe.contracts.metric import Evidence, Measured, Metric, paints
from artpipe.numerics.nearest_neighbours import find_nearest, mean_pair_distance

_MOST = 0.5


def next_distance(vectors: Tensor) -> float:
    """Return the mean distance of ``(N, F)`` to the nearest other row."""
    return float(find_nearest(vectors, vectors, 1, skip_self=True)[0].double().mean())


def reached(rows: Tensor, works: int) -> float:
    """Return how many of `works` works `rows` ``(N,)`` name, against what as many random draws from them would name."""
    expected = works * -math.expm1(len(rows) * math.log1p(-1 / works)) if works > 1 else 1.0
    return len(set(rows.tolist())) / expected if len(rows) else 0.0


def measure(evidence: Evidence) -> Measured:
    """Measure both distances on as many samples as there are held-out works, as ratios to those of real works."""
    real, painted = evidence.features("held_out"), evidence.features("samples")
    count = min(len(real), len(painted))  # the nearest of more is nearer, so both sides have the same number
    real, painted = real[:count], painted[:count]
    pairs = mean_pair_distance(painted) / max(mean_pair_distance(real), 1e-9)
    repeats = next_distance(painted) / max(next_distance(real), 1e-9)
    scores = [
        _score(evidence, "pair_distance", pairs, count, code="score_pair_distance"),
        _score(evidence, "next_distance", repeats, count, code="score_next_distance"),
    ]  # fmt: skip
    return Measured(scores=scores, findings=_collapsed(evidence, pairs, repeats))


def _score(evidence: Evidence, name: str, value: float, count: int, code: str) -> Score:
    return Score(name=name, value=value, n=count, extractor=evidence.extractor, code=code)


def _collapsed(evidence: Evidence, pairs: float, repeats: float) -> list[Finding]:
    bounds = evidence.params.verdicts
    found = []
    alike = bounds.collapsed_pairs if evidence.recognisable() else bounds.identical_pairs
    if pairs < alike:
        found.append(
            Finding(
                verdict="collapsed", score="pair_distance", value=pairs, bound=alike,
                code="pictures_alike", values={"share": pairs},
            )
        )  # fmt: skip
    if repeats < bounds.collapsed_repeats and not _replays(evidence):
        found.append(
            Finding(
                verdict="collapsed", score="next_distance", value=repeats, bound=bounds.collapsed_repeats,
                code="pictures_repeated", values={"share": repeats},
            )
        )  # fmt: skip
    return found


def _replays(evidence: Evidence) -> bool:
    """Say whether the repeats are those of the training works: most samples are copies, and of all works alike.

    Who paints each of a few dozen works again and again has memorised them; who paints some of them only has collapsed.
    """
    copies = evidence.copies("samples") if len(evidence.pictures("train")) > 1 else Tensor()
    if not len(copies) or copies.double().mean() <= _MOST:
        return False
    rows = evidence.nearest_train("samples")[1][copies, 0]
    return reached(rows, len(evidence.pictures("train"))) >= evidence.params.verdicts.replayed_works


METRIC = Metric(applies=paints, measure=measure)
