"""Accuracy of a classifier on all of the test split: how often right, how honest about it, and what it confuses."""

from typing import Any

import torch
from torch import Tensor

from artpipe.artifacts.report import Finding, Score
from artpipe.contracts.metric import Evidence, Measured, Metric, share_spread
from artpipe.contracts.model import FeatureExtractor
from artpipe.contracts.plugin_info import MetricInfo
from artpipe.nn.classifier.calibration import expected_calibration_error, negative_log_likelihood, reliability_diagram
from artpipe.nn.classifier.rotation_pretext import ROTATIONS, rotate_quarters
from artpipe.numerics.pixels import to_float

_GUESSING_DEVIATIONS = 3.0  # above the share of the commonest class: no luck


def examination(evidence: Evidence) -> tuple[Tensor, Tensor, tuple[str, ...]]:
    """Return pictures uint8, labels and their names: labelled works, or each work turned every way where there are no classes."""
    works = evidence.test or evidence.held_out
    images = works["images"]
    if not evidence.classes:
        turns = torch.arange(len(images) * len(ROTATIONS)) % len(ROTATIONS)
        return *rotate_quarters(images.repeat_interleave(len(ROTATIONS), 0), turns), ROTATIONS
    labelled = works["labels"] >= 0
    return images[labelled], works["labels"][labelled], evidence.classes


def measure(evidence: Evidence) -> Measured:
    """Measure accuracy, calibration error and likelihood; name the commonest confusions."""
    images, labels, names = examination(evidence)
    if not len(images):
        return Measured()
    learner: Any = evidence.learner  # a FeatureExtractor, which `applies` has seen
    with torch.no_grad():
        batches = torch.split(images, evidence.params.batch_size)
        logits = torch.cat([learner.logits(to_float(batch)) for batch in batches])
    table = confusion(labels, logits.argmax(1), len(names))
    bins = reliability_diagram(logits.softmax(1), labels, evidence.params.calibration_bins)
    accuracy = float((logits.argmax(1) == labels).double().mean())
    works = len(labels) // (1 if evidence.classes else len(ROTATIONS))  # one work's turns are no four works
    good, bad = _judged(evidence, accuracy, table, works), _dropped(evidence, table, names)
    return Measured(
        scores=_scores(evidence, accuracy, logits, labels, works),
        findings=[*bad, *([] if good.verdict == "healthy" else [good])],
        healthy=good if good.verdict == "healthy" else None,
        tables={
            "accuracy": {
                "classes": list(names),
                "lesson": "classes" if evidence.classes else "turns",
                "confusion": table.tolist(),
                "confused": confused(table, names),
                "calibration": bins,
            }
        },
    )


def confusion(labels: Tensor, seen: Tensor, classes: int) -> Tensor:
    """Return counts ``(K, K)``: rows what it is, columns what it was seen as."""
    return torch.bincount(labels * classes + seen, minlength=classes**2).reshape(classes, classes)


def confused(table: Tensor, names: tuple[str, ...], most: int = 8) -> list[dict[str, object]]:
    """Return the commonest confusions, commonest first."""
    wrong = table - torch.diag(table.diagonal())
    order = wrong.flatten().argsort(descending=True, stable=True)[:most].tolist()
    cells = [(cell // len(names), cell % len(names)) for cell in order]
    return [{"is": names[i], "seen": names[j], "count": int(wrong[i, j])} for i, j in cells if wrong[i, j]]


def _scores(evidence: Evidence, accuracy: float, logits: Tensor, labels: Tensor, n: int) -> list[Score]:
    error = expected_calibration_error(logits.softmax(1), labels, evidence.params.calibration_bins)
    return [
        Score(
            name="accuracy", value=accuracy, n=n, spread=share_spread(accuracy, n), better="higher", decides=True,
            code="score_accuracy" if evidence.classes else "score_accuracy_of_turns",
        ),
        Score(
            name="ece", value=error, n=n, better="lower", code="score_ece",
        ),
        Score(
            name="nll", value=negative_log_likelihood(logits, labels), n=n, better="lower", unit="nats",
            code="score_nll",
        ),
    ]  # fmt: skip


def _judged(evidence: Evidence, accuracy: float, table: Tensor, works: int) -> Finding:
    """Compare with always naming the commonest class, and luck on top."""
    guess = float(table.sum(1).max() / table.sum())
    bound = min(1.0, guess + _GUESSING_DEVIATIONS * (share_spread(guess, works) or 0.0))
    good = accuracy > bound
    return Finding(
        verdict="healthy" if good else "under-trained",
        score="accuracy",
        value=accuracy,
        bound=bound,
        code="recognises_works" if evidence.classes else "tells_turns",
        values={"share": accuracy, "works": works, "guess": bound},
    )


def _dropped(evidence: Evidence, table: Tensor, names: tuple[str, ...]) -> list[Finding]:
    """Find classes with works enough that it never names."""
    bounds = evidence.params.verdicts
    never = (table.sum(1) >= bounds.dropped_expected) & (table.sum(0) == 0)
    missing = [name for name, missed in zip(names, never.tolist(), strict=True) if missed]
    if not missing:
        return []
    return [
        Finding(
            verdict="class dropped", score="accuracy", value=0.0, bound=bounds.dropped_share,
            code="classes_never_named", values={"classes": tuple(missing)},
        )
    ]  # fmt: skip


METRIC = Metric(
    applies=lambda evidence: isinstance(evidence.learner, FeatureExtractor) and len(evidence.pictures("held_out")) > 0,
    measure=measure,
    headline=("accuracy", "ece"),
)
METRIC_INFO = MetricInfo(acronyms=("ece",))
