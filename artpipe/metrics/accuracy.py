"""Accuracy of a classifier on all of the test split.

With it come its calibration error and the classes it confuses.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from artpipe.artifacts.report import Finding, Score
from artpipe.contracts.grading import judge_score
from artpipe.contracts.metric import Evidence, Measurement, Metric
from artpipe.contracts.model import FeatureExtractor
from artpipe.contracts.plugin_info import MetricInfo
from artpipe.nn.classifier.calibration import expected_calibration_error, negative_log_likelihood, reliability_diagram
from artpipe.nn.classifier.rotation_pretext import ROTATIONS, rotate_quarters
from artpipe.numerics.half_samples import measure_halves
from artpipe.numerics.intervals import mean_interval, share_interval
from artpipe.numerics.pixels import to_float


def select_test_works(evidence: Evidence) -> tuple[Tensor, Tensor, tuple[str, ...]]:
    """Return test pictures (uint8), their labels and the labels' names.

    Where there are no classes, each work is turned every way and the turns are the labels.
    """
    works = evidence.test or evidence.held_out
    images = works["images"]
    if not evidence.classes:
        rotations = torch.arange(len(images) * len(ROTATIONS)) % len(ROTATIONS)
        return *rotate_quarters(images.repeat_interleave(len(ROTATIONS), 0), rotations), ROTATIONS
    labelled = works["labels"] >= 0
    return images[labelled], works["labels"][labelled], evidence.classes


def measure(evidence: Evidence) -> Measurement:
    """Measure accuracy, calibration error and likelihood; list confusions."""
    images, labels, names = select_test_works(evidence)
    if not len(images):
        return Measurement()
    learner: Any = evidence.learner  # a FeatureExtractor, which `applies` has seen
    with torch.no_grad():
        batches = torch.split(images, evidence.params.batch_size)
        logits = torch.cat([learner.logits(to_float(batch)) for batch in batches])
    table = count_confusions(labels, logits.argmax(1), len(names))
    bins = reliability_diagram(logits.softmax(1), labels, evidence.params.calibration_bins)
    accuracy = float((logits.argmax(1) == labels).double().mean())
    works = len(labels) // (1 if evidence.classes else len(ROTATIONS))  # one work's turns are no four works
    scores = _make_scores(evidence, accuracy, logits, labels, works)
    return Measurement(
        scores=scores,
        findings=[*_find_dropped_classes(evidence, table, names), _judge_accuracy(evidence, scores[0], table, works)],
        tables={
            "accuracy": {
                "classes": list(names),
                "lesson": "classes" if evidence.classes else "turns",
                "confusion": table.tolist(),
                "confused": list_confusions(table, names),
                "calibration": bins,
            }
        },
    )


def count_confusions(labels: Tensor, predicted: Tensor, classes: int) -> Tensor:
    """Return counts ``(K, K)``: rows what it is, columns what it was seen as."""
    return torch.bincount(labels * classes + predicted, minlength=classes**2).reshape(classes, classes)


def list_confusions(table: Tensor, names: tuple[str, ...], limit: int = 8) -> list[dict[str, object]]:
    """Return the commonest confusions, commonest first."""
    wrong = table - torch.diag(table.diagonal())
    order = wrong.flatten().argsort(descending=True, stable=True)[:limit].tolist()
    cells = [(cell // len(names), cell % len(names)) for cell in order]
    return [{"is": names[i], "seen": names[j], "count": int(wrong[i, j])} for i, j in cells if wrong[i, j]]


def _make_scores(evidence: Evidence, accuracy: float, logits: Tensor, labels: Tensor, n: int) -> list[Score]:
    """Return the scores, each with its interval; one work's turns are no four works."""
    bins = evidence.params.calibration_bins
    error = expected_calibration_error(logits.softmax(1), labels, bins)
    surprise = F.cross_entropy(logits.double(), labels, reduction="none").view(n, -1).mean(1)
    by_work, truth = logits.view(n, len(labels) // n, -1), labels.view(n, -1)
    halves = measure_halves(
        lambda rows, _: torch.tensor(
            expected_calibration_error(by_work[rows].flatten(0, 1).softmax(1), truth[rows].flatten(), bins)
        ),
        n, n, evidence.seed, evidence.params.spread_subsets,
    )  # fmt: skip
    return [
        Score(
            name="accuracy", value=accuracy, n=n, better="higher", decides=True,
            code="score_accuracy" if evidence.classes else "score_accuracy_of_turns",
        ).with_interval(share_interval(accuracy, n)),
        Score(name="ece", value=error, n=n, better="lower", code="score_ece").with_interval(
            None if halves is None else halves.interval(error).clamp(0.0, 1.0)
        ),
        Score(
            name="nll", value=negative_log_likelihood(logits, labels), n=n, better="lower", unit="nats",
            code="score_nll",
        ).with_interval(mean_interval(surprise)),
    ]  # fmt: skip


def _judge_accuracy(evidence: Evidence, accuracy: Score, table: Tensor, works: int) -> Finding:
    """Compare with always naming the commonest class.

    Good is what knows most of what guessing leaves.
    """
    guess = float(table.sum(1).max() / table.sum())
    good = guess + evidence.params.verdicts.good_skill * (1 - guess)
    return judge_score(
        accuracy, passing=guess, good=good, code="recognises_works" if evidence.classes else "tells_turns",
        values={"share": accuracy.value, "works": works, "guess": guess},
    )  # fmt: skip


def _find_dropped_classes(evidence: Evidence, table: Tensor, names: tuple[str, ...]) -> list[Finding]:
    """Find classes with works enough that it never names."""
    bounds = evidence.params.verdicts
    never = (table.sum(1) >= bounds.dropped_expected) & (table.sum(0) == 0)
    missing = [name for name, is_missing in zip(names, never.tolist(), strict=True) if is_missing]
    if not missing:
        return []
    return [
        Finding(
            grade="failed", fault="class dropped", wanted="least", score="class_share", value=0.0, bound=bounds.dropped_share,
            code="classes_never_named", values={"classes": tuple(missing)},
        )
    ]  # fmt: skip


METRIC = Metric(
    applies=lambda evidence: isinstance(evidence.learner, FeatureExtractor) and len(evidence.pictures("held_out")) > 0,
    measure=measure,
    headline=("accuracy", "ece"),
)
METRIC_INFO = MetricInfo(acronyms=("ece",))
