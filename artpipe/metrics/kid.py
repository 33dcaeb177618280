"""Kernel inception distance (Binkowski et al. 2018).

How far the samples are from real works, unbiased at any count.
"""

from torch import Tensor
from torch.nn import functional as F

from artpipe.artifacts.report import Finding, Score
from artpipe.contracts.feature_source import FeatureSource
from artpipe.contracts.grading import judge_score
from artpipe.contracts.metric import Evidence, Measurement, Metric, has_samples, name_score, split_halves
from artpipe.contracts.plugin_info import MetricInfo
from artpipe.language.message import Message
from artpipe.numerics.kernel_distance import kernel_distance
from artpipe.numerics.kernel_interval import kernel_distance_interval
from artpipe.numerics.pixels import to_bytes, to_float

_MINIMUM_SHRINK = 4  # a side is shrunk to a quarter at least, so small pictures lose something too
_MINIMUM_WORKS = 10  # of a set, for an interval


def shrink_pictures(images: Tensor, pixels: int) -> Tensor:
    """Return pictures ``(N, C, H, W)`` shrunk to `pixels` and enlarged again.

    `pixels` is the shorter side; what they show is gone.
    """
    height, width = images.shape[2:]
    factor = min(height, width) / pixels
    coarse = F.adaptive_avg_pool2d(to_float(images), (round(height / factor), round(width / factor)))
    return to_bytes(F.interpolate(coarse, size=(height, width), mode="bilinear", align_corners=False))


def measure(evidence: Evidence) -> Measurement:
    """Measure samples against held-out works, by each feature extractor.

    Two halves of the held-out works are measured against each other.
    """
    measured = [_measure_source(evidence, source) for source in evidence.sources]
    return Measurement(
        scores=[score for one in measured for score in one.scores],
        findings=[finding for one in measured for finding in one.findings],
    )


def _measure_source(evidence: Evidence, source: FeatureSource) -> Measurement:
    real, generated = evidence.features("held_out", source), evidence.features("samples", source)
    first, second = split_halves(real)
    distance = evidence.compare_samples(len(generated), source).kernel_distance
    kid = _make_score(evidence, source, "kid", generated, real, Message(code="score_kid"), distance)
    kid = kid.model_copy(update={"better": "lower", "decides": source.sha256 == evidence.extractor_id})
    if len(first) < 2:  # noqa: PLR2004  an unbiased estimate needs two
        return Measurement(scores=[kid])
    half = _make_score(evidence, source, "kid_real", first, second, Message(code="score_kid_real"))
    half = half.model_copy(update={"is_anchor": True})
    kid = kid.model_copy(update={"real": half.value})
    coarse = _measure_coarse(evidence, source, real)
    return Measurement(scores=[kid, half, *coarse], findings=_judge_distance(evidence, kid, half, coarse))


def _make_score(
    evidence: Evidence,
    source: FeatureSource,
    name: str,
    left: Tensor,
    right: Tensor,
    text: Message,
    value: float | None = None,
) -> Score:
    """Return the distance of two sets with its interval, which few works do not give."""
    value = kernel_distance(left, right) if value is None else value
    score = Score(
        name=name_score(evidence, name, source), value=value, n=len(left), extractor=source.sha256, code=text.code,
        values=text.values,
    )  # fmt: skip
    is_enough = min(len(left), len(right)) >= _MINIMUM_WORKS
    return score.with_interval(kernel_distance_interval(left, right, value) if is_enough else None)


def _measure_coarse(evidence: Evidence, source: FeatureSource, real: Tensor) -> list[Score]:
    """Measure one half of the real works, of few pixels, against the other half.

    Shrunk to a few pixels a side, and to a part of their side.

    Small pictures as features would not tell them from works, so a feature extractor is needed.
    """
    if source.sha256 == evidence.own_source.sha256 and evidence.feature_extractor is None:
        return []
    first, second = split_halves(real)
    pictures = evidence.pictures("held_out")[: len(first)]
    shrunk, reduced = _coarse_sides(evidence)
    shrunk_text = Message(code="score_kid_shrunk", values={"pixels": shrunk})
    reduced_text = Message(code="score_kid_reduced", values={"pixels": reduced})
    scores = []
    for name, pixels, text in (("kid_shrunk", shrunk, shrunk_text), ("kid_reduced", reduced, reduced_text)):
        features = evidence.extract_features(shrink_pictures(pictures, pixels), source)
        score = _make_score(evidence, source, name, features, second, text)
        scores.append(score.model_copy(update={"is_anchor": True}))
    return scores


def _coarse_sides(evidence: Evidence) -> tuple[int, int]:
    """Return the sides at which little, and at which most is recognised."""
    shorter, bounds = min(evidence.pictures("held_out").shape[2:]), evidence.params.verdicts
    shrunk = max(1, min(bounds.under_trained_pixels, shorter // _MINIMUM_SHRINK))
    return shrunk, max(shrunk, round(bounds.good_size * shorter))


def _judge_distance(evidence: Evidence, kid: Score, half: Score, coarse: list[Score]) -> list[Finding]:
    """Hold the distance of samples against that of works shown with few pixels.

    Coverage by the wide balls of few works forgives them. Silent where the feature extractor cannot tell shrunk works from
    real ones.
    """
    if not coarse or half.interval is None or kid.interval is None or coarse[0].value <= half.interval.high:
        return []
    shrunk, reduced = coarse[0].value, min(max(coarse[1].value, half.interval.high), coarse[0].value)
    pixels, reduced_pixels = _coarse_sides(evidence)
    return [
        judge_score(
            kid, passing=shrunk, good=reduced, wanted="most", code="distance_beside_reduced",
            values={"kid": kid.value, "pixels": pixels, "shrunk": shrunk, "reduced_pixels": reduced_pixels},
        )
    ]  # fmt: skip


METRIC = Metric(applies=has_samples, measure=measure, headline=("kid",))
METRIC_INFO = MetricInfo(
    explained={
        "kid": "KID, the kernel inception distance, tells how far two sets of pictures are apart; 0 is no difference."
    },
    acronyms=("kid",),
)
