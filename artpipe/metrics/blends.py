"""Blends: the share of samples that are two training works laid over each other.

To FID, coverage and the nearest work such a picture is new.
"""

from torch import Tensor

from artpipe.artifacts.report import Score
from artpipe.contracts.feature_source import PIXELS
from artpipe.contracts.grading import judge_score
from artpipe.contracts.metric import Evidence, EvidencePart, Measurement, Metric, has_samples
from artpipe.contracts.plugin_info import MetricInfo
from artpipe.numerics.blend_search import measure_blends
from artpipe.numerics.intervals import share_interval

_MOST_WORKS, _MOST_PICTURES = 20_000, 300
_TINY = 1e-9
_FEWEST_WORKS = 4  # of two or three, the nearest blend is no search


def measure(evidence: Evidence) -> Measurement:
    """Measure how many samples are blends of two training works.

    It stands beside how many held-out works would be called so.
    """
    bounds = evidence.params.verdicts
    samples, held_out = _measure_part(evidence, "samples"), _measure_part(evidence, "held_out")
    share, usual = (
        float(_are_blends(part, held_out, bounds.blend_ratio).double().mean()) for part in (samples, held_out)
    )
    score = Score(
        name="blends", value=share, n=len(samples), better="lower", extractor=PIXELS.sha256, real=usual,
        code="score_blends", values={"usual": usual},
    ).with_interval(share_interval(share, len(samples)))  # fmt: skip
    bound = usual + bounds.memorised_share
    finding = judge_score(
        score, failing=bound, passing=bound, good=bound, wanted="most", fault="memorised", code="copies_blends",
        values={"share": share, "usual": usual, "wanted": bound},
    )  # fmt: skip
    has_skill = usual <= bounds.memorised_share  # else works are of several kinds, and simple ones look so
    return Measurement(scores=[score], findings=[finding] if has_skill else [])


def _measure_part(evidence: Evidence, part: EvidencePart) -> Tensor:
    """Return distances ``(N, 2)`` to the nearest blend and training work."""
    works = evidence.features("train", PIXELS)[:_MOST_WORKS].float()
    return measure_blends(evidence.features(part, PIXELS)[:_MOST_PICTURES].float(), works)


def _are_blends(distances: Tensor, held_out: Tensor, ratio: float) -> Tensor:
    """Return which pictures are far nearer to a blend than held-out works are.

    Both in itself and beside the nearest work: noise and fog are far from either.
    """
    shares, usual_shares = (part[:, 0] / part[:, 1].clamp(min=_TINY) for part in (distances, held_out))
    return (shares < ratio * usual_shares.median()) & (distances[:, 0] < ratio * held_out[:, 0].median())


METRIC = Metric(
    applies=lambda evidence: has_samples(evidence) and len(evidence.pictures("train")) >= _FEWEST_WORKS,
    measure=measure,
)
METRIC_INFO = MetricInfo(copy_scores=("blends",))
