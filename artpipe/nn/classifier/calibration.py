"""How sure a classifier may be: temperature scaling and expected calibration error (Guo et al. 2017)."""

from torch import Tensor
from torch.nn import functional as F

_NEWTON_STEPS = 50


def fit_temperature(logits: Tensor, labels: Tensor, *, low: float = 0.05, high: float = 20.0) -> float:
    """Return the T in [`low`, `high`] at which ``softmax(logits / T)`` has the least cross-entropy.

    The loss is convex in 1/T, so its derivative has one sign change, which bisection finds.

    Args:
        logits: ``(N, K)``, N of at least 1.
        labels: ``(N,)`` in [0, K).
        low: sharpest temperature allowed.
        high: flattest temperature allowed.
    """
    logits = logits.double()
    chosen = logits.gather(1, labels[:, None]).squeeze(1)
    below, above = 1 / high, 1 / low
    for _ in range(_NEWTON_STEPS):
        middle = 0.5 * (below + above)
        expected = ((logits * middle).softmax(1) * logits).sum(1)
        if (expected - chosen).mean() > 0:  # d loss / d (1/T)
            above = middle
        else:
            below = middle
    return 2 / (below + above)


def reliability(probabilities: Tensor, labels: Tensor, bins: int) -> list[dict[str, float]]:
    """Return mean confidence, accuracy and count of every bin that holds works; their weighted gaps sum to the ECE.

    Args:
        probabilities: ``(N, K)``, rows sum to 1.
        labels: ``(N,)`` in [0, K).
        bins: bin b holds confidences in (b / bins, (b + 1) / bins].
    """
    confidence, seen = probabilities.double().max(1)
    place = (confidence * bins).ceil().long().sub(1).clamp(0, bins - 1)
    held = [place == b for b in sorted(set(place.tolist()))]
    return [
        {
            "confidence": float(confidence[rows].mean()),
            "accuracy": float((seen == labels)[rows].double().mean()),
            "count": int(rows.sum()),
        }
        for rows in held
    ]


def expected_calibration_error(probabilities: Tensor, labels: Tensor, bins: int = 15) -> float:
    """Return the mean distance between confidence and accuracy over the bins of `reliability`, in [0, 1]."""
    found = reliability(probabilities, labels, bins)
    return sum(one["count"] * abs(one["accuracy"] - one["confidence"]) for one in found) / max(1, len(labels))


def negative_log_likelihood(logits: Tensor, labels: Tensor) -> float:
    """Return the mean cross-entropy in nats of ``(N, K)`` logits."""
    return float(F.cross_entropy(logits.double(), labels))
