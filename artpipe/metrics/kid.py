"""Kernel inception distance (Binkowski et al. 2018).

How far the samples are from real works, unbiased at any count.
"""

from torch import Tensor
from torch.nn import functional as F

from artpipe.artifacts.report import Finding, Score
from artpipe.contracts.metric import Evidence, Measurement, Metric, has_samples, split_halves
from artpipe.contracts.plugin_info import MetricInfo
from artpipe.numerics.kernel_distance import kernel_distance, measure_kernel_distance
from artpipe.numerics.pixels import to_bytes, to_float

_DISTINGUISHABLE_SPREADS = 3  # that the feature extractor must tell shrunk works from real ones by
_MINIMUM_SHRINK = 4  # a side is shrunk to a quarter at least, so small pictures lose something too


def shrink_pictures(images: Tensor, pixels: int) -> Tensor:
    """Return pictures ``(N, C, H, W)`` shrunk to `pixels` and enlarged again.

    `pixels` is the shorter side; what they show is gone.
    """
    height, width = images.shape[2:]
    factor = min(height, width) / pixels
    coarse = F.adaptive_avg_pool2d(to_float(images), (round(height / factor), round(width / factor)))
    return to_bytes(F.interpolate(coarse, size=(height, width), mode="bilinear", align_corners=False))


def measure(evidence: Evidence) -> Measurement:
    """Measure samples against held-out works.

    Two halves of the held-out works are measured against each other.
    """
    real, generated = evidence.features("held_out"), evidence.features("samples")
    estimate = evidence.compare_samples(len(generated)).kernel
    scores = [
        Score(
            name="kid",
            value=estimate.distance,
            n=len(generated),
            spread=estimate.spread,
            better="lower",
            extractor=evidence.extractor_id,
            decides=True,
            code="score_kid",
        )
    ]
    first, second = split_halves(real)
    if len(first) > 1:
        floor = measure_kernel_distance(second, first, subsets=evidence.params.spread_subsets, seed=evidence.seed)
        scores.append(
            Score(
                name="kid_real",
                value=floor.distance,
                n=len(first),
                spread=floor.spread,
                better="neither",
                extractor=evidence.extractor_id,
                code="score_kid_real",
            )
        )
        scores += _measure_shrunk(evidence, real)
    return Measurement(scores=scores, findings=_find_coarse_samples(evidence, scores))


def _measure_shrunk(evidence: Evidence, real: Tensor) -> list[Score]:
    """Measure real works shrunk to a few pixels.

    Small pictures as features would not tell them from works, so a feature extractor is needed.
    """
    if evidence.feature_extractor is None:
        return []
    pixels = _shrunk_side(evidence)
    value = kernel_distance(evidence.extract_features(shrink_pictures(evidence.pictures("held_out"), pixels)), real)
    return [
        Score(
            name="kid_shrunk", value=value, n=len(real), better="neither", extractor=evidence.extractor_id,
            code="score_kid_shrunk", values={"pixels": pixels},
        )
    ]  # fmt: skip


def _shrunk_side(evidence: Evidence) -> int:
    shorter = min(evidence.pictures("held_out").shape[2:])
    return max(1, min(evidence.params.verdicts.under_trained_pixels, shorter // _MINIMUM_SHRINK))


def _find_coarse_samples(evidence: Evidence, scores: list[Score]) -> list[Finding]:
    """Find samples further from real works than shrunk works are.

    Coverage by the wide balls of few works forgives them.
    """
    scores_by_name = {score.name: score for score in scores}
    kid, real_kid, shrunk_kid = (scores_by_name.get(name) for name in ("kid", "kid_real", "kid_shrunk"))
    if kid is None or real_kid is None or shrunk_kid is None or real_kid.spread is None:
        return []
    is_distinguishable = shrunk_kid.value > real_kid.value + _DISTINGUISHABLE_SPREADS * real_kid.spread
    if not is_distinguishable or kid.value <= shrunk_kid.value:
        return []
    return [
        Finding(
            verdict="under-trained", score="kid", value=kid.value, bound=shrunk_kid.value, code="further_than_shrunk",
            values={"kid": kid.value, "pixels": _shrunk_side(evidence), "shrunk": shrunk_kid.value},
        )
    ]  # fmt: skip


METRIC = Metric(applies=has_samples, measure=measure, headline=("kid",))
METRIC_INFO = MetricInfo(acronyms=("kid",))
