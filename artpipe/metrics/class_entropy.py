"""Class entropy: how evenly the feature extractor's judgements of the samples spread over the classes, and whether one is missing."""

import torch
from torch import Tensor

from artpipe.artifacts.report import Finding, Score
from artpipe.contracts.metric import Evidence, Measured, Metric, paints_classes, share_spread


def entropy(counts: Tensor) -> float:
    """Return the entropy in nats of counts ``(K,)``: log K when even, 0 when there is one class."""
    shares = counts.double() / counts.sum().clamp(min=1)
    return abs(float(torch.xlogy(shares, shares).sum()))


def expected_shares(evidence: Evidence, asked: Tensor | None, real: Tensor) -> Tensor:
    """Return the share ``(K,)`` each class should be judged at, were the samples real works.

    An unconditional model should be judged like real works. Where labels were asked for, held-out works of those labels
    say how often the feature extractor would name each class.
    """
    classes = len(evidence.classes)
    overall = torch.bincount(real, minlength=classes).double() / max(1, len(real))
    labels = evidence.held_out.get("labels")
    if asked is None or labels is None:
        return overall
    shares = torch.zeros(classes, dtype=torch.float64)
    for label in range(classes):
        rows = real[labels == label]
        named = torch.bincount(rows, minlength=classes).double() / len(rows) if len(rows) else torch.eye(classes)[label]
        shares += named * (asked == label).double().mean()
    return shares


def measure(evidence: Evidence) -> Measured:
    """Measure the spread over classes, agreement with what was asked, and find classes that are missing."""
    judged, real = evidence.judgements("samples").argmax(1), evidence.judgements("held_out").argmax(1)
    asked = evidence.prompt.labels if evidence.prompt else None
    expected = expected_shares(evidence, asked, real)
    counts = torch.bincount(judged, minlength=len(evidence.classes))
    scores = [*_entropies(evidence, counts, real), *_agreement(evidence, judged, asked)]
    table = {
        "classes": list(evidence.classes),
        "painted": counts.tolist(),
        "expected": [round(share * len(judged), 2) for share in expected.tolist()],
    }
    findings = _dropped(evidence, counts, expected) if evidence.recognisable() else ()
    return Measured(scores=scores, findings=findings, tables={"class_entropy": table})


def _entropies(evidence: Evidence, counts: Tensor, real: Tensor) -> list[Score]:
    most = torch.tensor(len(evidence.classes)).double().log().item()
    of_real = entropy(torch.bincount(real, minlength=len(evidence.classes)))
    score = Score(
        name="class_entropy", value=entropy(counts), n=int(counts.sum()), unit="nats", extractor=evidence.extractor,
        better="higher", code="score_class_entropy", values={"even": most, "real": of_real},
    )  # fmt: skip
    return [score]


def _agreement(evidence: Evidence, judged: Tensor, asked: Tensor | None) -> list[Score]:
    if asked is None:
        return []
    share = float((judged == asked).double().mean())
    return [
        Score(
            name="asked_agreement", value=share, n=len(judged), spread=share_spread(share, len(judged)),
            better="higher", extractor=evidence.extractor, code="score_asked_agreement",
        )
    ]  # fmt: skip


def _dropped(evidence: Evidence, counts: Tensor, expected: Tensor) -> list[Finding]:
    """Name the class that is missed most: often enough expected to be missed, and painted far too seldom."""
    bounds = evidence.params.verdicts
    due = expected * counts.sum()
    ratio = torch.where(due >= bounds.dropped_expected, counts / due.clamp(min=1e-9), torch.inf)
    worst = int(ratio.argmin())
    missing = [name for name, r in zip(evidence.classes, ratio.tolist(), strict=True) if r < bounds.dropped_share]
    if not missing:
        return []
    return [
        Finding(
            verdict="class dropped", score="class_entropy", value=float(ratio[worst]), bound=bounds.dropped_share,
            code="classes_seldom_painted", values={"classes": tuple(missing), "share": bounds.dropped_share},
        )
    ]  # fmt: skip


METRIC = Metric(applies=paints_classes, measure=measure, headline=("asked_agreement",))
