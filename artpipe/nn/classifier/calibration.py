"""Calibration of a classifier: temperature scaling and expected calibration error.

Guo et al. 2017.
"""

from torch import Tensor
from torch.nn import functional as F

_BISECTION_STEPS = 50


def fit_temperature(logits: Tensor, labels: Tensor, *, low: float = 0.05, high: float = 20.0) -> float:
    """Return the temperature T that minimises the cross-entropy of the labels.

    It is that of ``softmax(logits / T)``, with T in [`low`, `high`].

    The loss is convex in 1/T, so its derivative has one sign change, which bisection finds.

    Args:
        logits: ``(N, K)``, N of at least 1.
        labels: ``(N,)`` in [0, K).
        low: sharpest temperature allowed.
        high: flattest temperature allowed.
    """
    logits = logits.double()
    label_logits = logits.gather(1, labels[:, None]).squeeze(1)
    below, above = 1 / high, 1 / low
    for _ in range(_BISECTION_STEPS):
        middle = 0.5 * (below + above)
        expected = ((logits * middle).softmax(1) * logits).sum(1)
        if (expected - label_logits).mean() > 0:  # d loss / d (1/T)
            above = middle
        else:
            below = middle
    return 2 / (below + above)


def reliability_diagram(probabilities: Tensor, labels: Tensor, bins: int) -> list[dict[str, float]]:
    """Return mean confidence, accuracy and count of each bin that is not empty.

    The weighted gaps of the bins sum to the expected calibration error.

    Args:
        probabilities: ``(N, K)``, rows sum to 1.
        labels: ``(N,)`` in [0, K).
        bins: bin b holds confidences in (b / bins, (b + 1) / bins].
    """
    confidence, predictions = probabilities.double().max(1)
    bin_index = (confidence * bins).ceil().long().sub(1).clamp(0, bins - 1)
    members = [bin_index == b for b in sorted(set(bin_index.tolist()))]
    return [
        {
            "confidence": float(confidence[rows].mean()),
            "accuracy": float((predictions == labels)[rows].double().mean()),
            "count": int(rows.sum()),
        }
        for rows in members
    ]


def expected_calibration_error(probabilities: Tensor, labels: Tensor, bins: int = 15) -> float:
    """Return the mean gap of confidence and accuracy, in [0, 1].

    The mean is over the bins of `reliability_diagram`.
    """
    diagram = reliability_diagram(probabilities, labels, bins)
    return sum(row["count"] * abs(row["accuracy"] - row["confidence"]) for row in diagram) / max(1, len(labels))


def negative_log_likelihood(logits: Tensor, labels: Tensor) -> float:
    """Return the mean cross-entropy in nats of ``(N, K)`` logits."""
    return float(F.cross_entropy(logits.double(), labels))
