"""Patch sources: what is copied in place, joints, sharpness beside the works."""

from collections.abc import Mapping, Sequence

import torch

from artpipe.artifacts.report import Finding, Score
from artpipe.config.verdict_bounds import VerdictBounds
from artpipe.contracts.composer import Composer
from artpipe.contracts.grading import judge_score
from artpipe.contracts.metric import Evidence, Measurement, Metric
from artpipe.contracts.plugin_info import MetricInfo
from artpipe.numerics.image_quality import laplacian_energy
from artpipe.numerics.intervals import mean_interval
from artpipe.numerics.source_map import Composition, measure_joints, measure_share_in_place, measure_work_shares


def measure(evidence: Evidence) -> Measurement:
    """Measure every picture against the works it comes from.

    A table says their shares.
    """
    assert isinstance(evidence.learner, Composer)  # noqa: S101 - `applies` has seen to it
    compositions, bounds = evidence.learner.compositions(), evidence.params.verdicts
    joints, contrasts = zip(*(measure_joints(composition) for composition in compositions), strict=True)
    in_place = [measure_share_in_place(composition) for composition in compositions]
    sharpness = [_measure_sharpness(composition) for composition in compositions]
    scores = [
        _make_score("share_in_place", in_place, code="score_in_place", values={"wanted": bounds.copied_in_place}),
        _make_score("joint_contrast", contrasts, code="score_joint_contrast"),
        _make_score("work_sharpness", sharpness, code="score_work_sharpness"),
        _make_score("joints", joints, code="score_joints"),
    ]
    table = [
        {"shares": measure_work_shares(c), "in_place": share} for c, share in zip(compositions, in_place, strict=True)
    ]
    return Measurement(scores=scores, findings=_judge(bounds, *scores[:3]), tables={"patch_sources": table})


def _judge(bounds: VerdictBounds, in_place: Score, contrast: Score, sharpness: Score) -> list[Finding]:
    """Judge that it is no copy, that its joints are not seen, and that it is sharp."""
    return [
        judge_score(
            in_place, passing=bounds.copied_in_place, good=bounds.good_in_place, wanted="most", code="pieces_in_place",
            values={"share": in_place.value, "wanted": bounds.copied_in_place}, fault="memorised",
        ),
        judge_score(
            contrast, passing=bounds.seen_joints, good=bounds.good_joints, wanted="most", code="joints_seen",
            values={"times": contrast.value, "wanted": bounds.seen_joints},
        ),
        judge_score(
            sharpness, failing=bounds.failed_sharpness, passing=bounds.under_trained_sharpness, good=bounds.good_sharpness,
            code="works_detail_kept", values={"share": sharpness.value, "wanted": bounds.under_trained_sharpness},
        ),
    ]  # fmt: skip


def _measure_sharpness(composition: Composition) -> float:
    """Return the fine detail of a picture over that of its works by their shares."""
    shares = torch.tensor(measure_work_shares(composition))
    expected = float((laplacian_energy(composition.works) * shares).sum())
    return float(laplacian_energy(composition.picture[None])[0]) / max(expected, 1e-12)


def _make_score(name: str, measured: Sequence[float], code: str, values: Mapping[str, float] | None = None) -> Score:
    tensor = torch.tensor(measured, dtype=torch.float64)
    score = Score(name=name, value=float(tensor.mean()), n=len(measured), code=code, values=dict(values or {}))
    interval, most = mean_interval(tensor), 1.0 if name == "share_in_place" else float("inf")
    return score.with_interval(interval.clamp(0.0, most) if interval else None)


METRIC = Metric(
    applies=lambda evidence: isinstance(evidence.learner, Composer),
    measure=measure,
    headline=("share_in_place", "joint_contrast"),
)
METRIC_INFO = MetricInfo(copy_scores=("share_in_place",))
