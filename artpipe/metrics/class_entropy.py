"""Class entropy: how evenly the samples spread over the classes.

A feature extractor names the classes; one that is missing is a finding. Works may be uneven too, so the best entropy is theirs.
"""

import torch
from torch import Tensor

from artpipe.artifacts.report import Finding, Score
from artpipe.contracts.grading import judge_score
from artpipe.contracts.metric import Evidence, Measurement, Metric, has_classifiable_samples
from artpipe.numerics.entropy_interval import entropy, entropy_interval
from artpipe.numerics.intervals import share_interval


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
    agreement = None if requested is None else _score_agreement(evidence, predicted, requested, real)
    scores = [_make_entropy_score(evidence, predicted, real), *([] if agreement is None else [agreement])]
    table = {
        "classes": list(evidence.classes),
        "painted": counts.tolist(),
        "expected": [round(share * len(predicted), 2) for share in expected.tolist()],
    }
    is_read = evidence.has_recognisable_samples() and (
        evidence.extractor_skill is None or evidence.extractor_skill.is_shown
    )
    findings = _find_dropped_classes(evidence, counts, expected) if is_read else []
    if is_read and agreement is not None and requested is not None:
        findings += _judge_agreement(evidence, agreement, share_by_chance(predicted, requested, len(evidence.classes)))
    return Measurement(scores=scores, findings=findings, tables={"class_entropy": table})


def _make_entropy_score(evidence: Evidence, predicted: Tensor, real: Tensor) -> Score:
    classes = len(evidence.classes)
    maximum = torch.tensor(classes).double().log().item()
    real_entropy = entropy(torch.bincount(real, minlength=classes))
    counts = torch.bincount(predicted, minlength=classes)
    score = Score(
        name="class_entropy", value=entropy(counts), n=len(predicted), unit="nats", extractor=evidence.extractor_sha256,
        real=real_entropy, code="score_class_entropy", values={"even": maximum, "real": real_entropy},
    )  # fmt: skip
    return score.with_interval(entropy_interval(counts))


def share_by_chance(predicted: Tensor, requested: Tensor, classes: int) -> float:
    """Return the agreement of samples that show the same classes in any order."""
    shares = [torch.bincount(labels, minlength=classes).double() / len(labels) for labels in (predicted, requested)]
    return float((shares[0] * shares[1]).sum())


def _score_agreement(evidence: Evidence, predicted: Tensor, requested: Tensor, real: Tensor) -> Score:
    share = float((predicted == requested).double().mean())
    score = Score(
        name="asked_agreement", value=share, n=len(predicted), better="higher", extractor=evidence.extractor_sha256,
        real=_agreement_of_works(evidence, requested, real), code="score_asked_agreement",
    )  # fmt: skip
    return score.with_interval(share_interval(share, len(predicted)))


def _agreement_of_works(evidence: Evidence, requested: Tensor, real: Tensor) -> float | None:
    """Return how often held-out works of the classes asked for are recognised."""
    labels = evidence.held_out.get("labels")
    if labels is None or not bool((labels >= 0).any()):
        return None
    weights = torch.bincount(requested, minlength=len(evidence.classes)).double()
    recognised = [(real[labels == label] == label).double().mean() for label in range(len(weights))]
    known = [(share, weight) for share, weight in zip(recognised, weights, strict=True) if share.isfinite()]
    total = sum(float(weight) for _, weight in known)
    return sum(float(share * weight) for share, weight in known) / total if total else None


def _judge_agreement(evidence: Evidence, agreement: Score, by_chance: float) -> list[Finding]:
    """Judge whether samples show what was asked, between chance and real works."""
    bounds, real = evidence.params.verdicts, agreement.real
    if real is None or real <= by_chance:
        return []
    marks = [
        by_chance + share * (real - by_chance)
        for share in (bounds.ignored_labels, bounds.under_trained_labels, bounds.good_labels)
    ]
    return [
        judge_score(
            agreement, failing=marks[0], passing=marks[1], good=marks[2], failure="labels ignored", code="labels_obeyed",
            values={"share": agreement.value, "real": real, "chance": by_chance, "wanted": marks[1]},
        )
    ]  # fmt: skip


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
