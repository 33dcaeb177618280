"""Class entropy: how evenly the samples spread over the classes.

A feature extractor names the classes; one that is missing is a finding.
"""

import torch
from torch import Tensor

from artpipe.artifacts.report import Finding, Score
from artpipe.contracts.metric import Evidence, Measurement, Metric, has_classifiable_samples
from artpipe.numerics.half_samples import measure_halves
from artpipe.numerics.intervals import share_interval


def entropy(counts: Tensor) -> float:
    """Return the entropy in nats of counts ``(K,)``.

    It is log K when they are even, 0 when there is one class.
    """
    shares = counts.double() / counts.sum().clamp(min=1)
    return abs(float(torch.xlogy(shares, shares).sum()))


def expected_shares(evidence: Evidence, requested: Tensor | None, real: Tensor) -> Tensor:
    """Return the share ``(K,)`` of each class, were the samples real works.

    An unconditional model should be judged like real works. Where labels were asked for, held-out works of those labels
    say how often the feature extractor would name each class.
    """
    classes = len(evidence.classes)
    overall = torch.bincount(real, minlength=classes).double() / max(1, len(real))
    labels = evidence.held_out.get("labels")
    if requested is None or labels is None:
        return overall
    shares = torch.zeros(classes, dtype=torch.float64)
    for label in range(classes):
        rows = real[labels == label]
        predicted_shares = (
            torch.bincount(rows, minlength=classes).double() / len(rows) if len(rows) else torch.eye(classes)[label]
        )
        shares += predicted_shares * (requested == label).double().mean()
    return shares


def measure(evidence: Evidence) -> Measurement:
    """Measure the entropy and agreement with the requested labels.

    Classes that are missing are findings.
    """
    predicted, real = (
        evidence.class_probabilities("samples").argmax(1),
        evidence.class_probabilities("held_out").argmax(1),
    )
    requested = evidence.prompt.labels if evidence.prompt else None
    expected = expected_shares(evidence, requested, real)
    counts = torch.bincount(predicted, minlength=len(evidence.classes))
    scores = [
        _make_entropy_score(evidence, predicted, real), *_make_agreement_scores(evidence, predicted, requested),
    ]  # fmt: skip
    table = {
        "classes": list(evidence.classes),
        "painted": counts.tolist(),
        "expected": [round(share * len(predicted), 2) for share in expected.tolist()],
    }
    is_read = evidence.has_recognisable_samples() and (
        evidence.extractor_skill is None or evidence.extractor_skill.is_shown
    )
    findings = _find_dropped_classes(evidence, counts, expected) if is_read else []
    return Measurement(scores=scores, findings=findings, tables={"class_entropy": table})


def _make_entropy_score(evidence: Evidence, predicted: Tensor, real: Tensor) -> Score:
    classes = len(evidence.classes)
    maximum = torch.tensor(classes).double().log().item()
    real_entropy = entropy(torch.bincount(real, minlength=classes))
    value = entropy(torch.bincount(predicted, minlength=classes))
    halves = measure_halves(
        lambda rows, _: torch.tensor(entropy(torch.bincount(predicted[rows], minlength=classes))),
        len(predicted), len(predicted), evidence.seed, evidence.params.spread_subsets,
    )  # fmt: skip
    score = Score(
        name="class_entropy", value=value, n=len(predicted), unit="nats", extractor=evidence.extractor_sha256,
        better="higher", real=real_entropy, code="score_class_entropy", values={"even": maximum, "real": real_entropy},
    )  # fmt: skip
    return score.with_interval(None if halves is None else halves.interval(value).clamp(0.0, maximum))


def _make_agreement_scores(evidence: Evidence, predicted: Tensor, requested: Tensor | None) -> list[Score]:
    if requested is None:
        return []
    share = float((predicted == requested).double().mean())
    score = Score(
        name="asked_agreement", value=share, n=len(predicted), better="higher", extractor=evidence.extractor_sha256,
        code="score_asked_agreement",
    )  # fmt: skip
    return [score.with_interval(share_interval(share, len(predicted)))]


def _find_dropped_classes(evidence: Evidence, counts: Tensor, expected: Tensor) -> list[Finding]:
    """Find classes that were expected often and painted far too seldom."""
    bounds = evidence.params.verdicts
    expected_counts = expected * counts.sum()
    ratio = torch.where(expected_counts >= bounds.dropped_expected, counts / expected_counts.clamp(min=1e-9), torch.inf)
    worst = int(ratio.argmin())
    missing = [
        name
        for name, class_ratio in zip(evidence.classes, ratio.tolist(), strict=True)
        if class_ratio < bounds.dropped_share
    ]
    if not missing:
        return []
    return [
        Finding(
            grade="failed", fault="class dropped", score="class_share", value=float(ratio[worst]), bound=bounds.dropped_share,
            wanted="least", code="classes_seldom_painted", values={"classes": tuple(missing), "share": bounds.dropped_share},
        )
    ]  # fmt: skip


METRIC = Metric(applies=has_classifiable_samples, measure=measure, headline=("asked_agreement",))
