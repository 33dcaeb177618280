"""Training: what the history tells without looking at a picture.

Diverged, dominated by the discriminator, or stopped while still improving.
"""

import math
from statistics import fmean, median
from typing import Literal

from artpipe.artifacts.checkpoint import HistoryRow
from artpipe.artifacts.report import Finding, Score
from artpipe.contracts.metric import Evidence, Measurement, Metric
from artpipe.language.message import Value

_MINIMUM_POINTS = 4  # fewer evaluation points than these tell no trend
_ALMOST_NOTHING = 1e-12


def measure(evidence: Evidence) -> Measurement:
    """Find divergence, a dominating discriminator and a steep last quarter."""
    history = evidence.card.history
    findings = [_find_divergence(evidence), _find_domination(evidence, history), _find_steep_end(evidence, history)]
    score = Score(
        name="steps",
        value=float(evidence.card.steps.get("best", 0)),
        n=1,
        code="score_steps",
    )
    return Measurement(scores=[score], findings=[finding for finding in findings if finding is not None])


def _find_divergence(evidence: Evidence) -> Finding | None:
    """Find weights or losses that are no numbers, or a loss that exploded.

    A training that gave up after its rollbacks is found too.
    """
    broken = sum(int((~weight.isfinite()).sum()) for weight in evidence.learner.state_dict().values())
    if broken:
        return _make_finding("weights", broken, 0, code="weights_not_finite", values={"weights": broken})
    if evidence.broken_samples:
        count = evidence.broken_samples
        return _make_finding("samples", count, 0, code="pictures_not_finite", values={"pictures": count})
    if explosion := _find_explosion(evidence):
        return explosion
    if evidence.card.diverged:
        times, allowed = evidence.card.rollbacks, int(evidence.card.params.get("rollbacks", 0))
        return _make_finding("rollbacks", times, allowed, code="rolled_back_too_often", values={"times": times})
    return None


def _find_explosion(evidence: Evidence) -> Finding | None:
    """Find a last loss that is no number, exploded, or is beyond belief."""
    bounds = evidence.params.verdicts
    for name, value, factor in _measure_explosions(evidence.card.history):
        if not math.isfinite(value):
            return _make_finding(name, -1, 0, code="loss_not_finite", values={"loss": name})
        if factor > bounds.explosion:
            return _make_finding(
                name, factor, bounds.explosion, code="loss_exploded", values={"loss": name, "times": factor}
            )
        if abs(value) > bounds.largest_loss:
            return _make_finding(
                name, value, bounds.largest_loss, code="loss_too_large", values={"loss": name, "value": value}
            )
    return None


def _make_finding(score: str, value: float, bound: float, code: str, values: dict[str, Value]) -> Finding:
    return Finding(grade="failed", fault="diverged", score=score, value=value, bound=bound, code=code, values=values)


def _measure_explosions(history: tuple[HistoryRow, ...]) -> list[tuple[str, float, float]]:
    """Return each loss's last value and how many times its median before that is."""
    if not history:
        return []
    explosions = []
    for name, value in history[-1].losses.items():
        before = [abs(row.losses[name]) for row in history[:-1] if math.isfinite(row.losses.get(name, math.nan))]
        typical = median(before) if before else abs(value)
        explosions.append((name, value, abs(value) / max(typical, 1.0)))
    return explosions


def _find_domination(evidence: Evidence, history: tuple[HistoryRow, ...]) -> Finding | None:
    """Find a discriminator whose loss is almost nothing, or that is far ahead.

    A critic without a zero (Wasserstein) is neither. What is almost nothing differs between losses, of which some are sums of
    two; the logits between real works and pictures do not.
    """
    rows = [row.losses for row in history if "discriminator" in row.losses]
    if not rows or min(row["discriminator"] for row in rows) < 0:
        return None
    last, bounds = rows[-max(1, len(rows) // _MINIMUM_POINTS) :], evidence.params.verdicts
    loss = fmean(row["discriminator"] for row in last)
    if loss < bounds.dominated_loss:
        return _make_domination(
            "discriminator",
            loss,
            bounds.dominated_loss,
            "least",
            code="discriminator_always_right",
            values={"loss": loss},
        )
    gap = fmean(row.get("d_real", 0.0) - row.get("d_fake", 0.0) for row in last)
    if gap <= bounds.dominated_gap:
        return None
    return _make_domination(
        "discriminator_gap", gap, bounds.dominated_gap, "most", code="discriminator_far_ahead",
        values={"gap": gap, "wanted": bounds.dominated_gap},
    )  # fmt: skip


def _make_domination(
    score: str, value: float, bound: float, wanted: Literal["least", "most"], code: str, values: dict[str, Value]
) -> Finding:
    return Finding(
        grade="weak", fault="discriminator dominates", wanted=wanted, score=score, value=value, bound=bound, code=code,
        values=values,
    )  # fmt: skip


def _find_steep_end(evidence: Evidence, history: tuple[HistoryRow, ...]) -> Finding | None:
    """Find a measure that improved much in the last quarter of the training."""
    share, bound = share_of_last_quarter(evidence, history), evidence.params.verdicts.under_trained_steepness
    if share is None or share <= bound:
        return None
    name = str(evidence.card.selection)
    return Finding(
        grade="weak", fault="under-trained", wanted="most", score="gain_in_last_quarter", value=share, bound=bound,
        code="still_learning", values={"share": share, "measure": name},
    )  # fmt: skip


def share_of_last_quarter(evidence: Evidence, history: tuple[HistoryRow, ...]) -> float | None:
    """Return the share of the selection measure's improvement in the last quarter.

    None where it cannot be known.
    """
    name, measure = evidence.card.selection, evidence.learner.selection_measure
    values = [row.validation[name] for row in history if name in row.validation] if name else []
    if len(values) < _MINIMUM_POINTS or not all(map(math.isfinite, values)):
        return None
    # A restored GAN has no feature extractor and selects nothing: KID, less is better.
    sign = -1 if measure is not None and measure[1] == "max" else 1
    values = [sign * value for value in values]
    total = values[0] - min(values)
    last_gain = min(values[: -(len(values) // _MINIMUM_POINTS)]) - min(values)
    return last_gain / total if total > _ALMOST_NOTHING else 0.0


METRIC = Metric(applies=lambda _: True, measure=measure)
