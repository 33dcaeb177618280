"""Sharpness: energy of the Laplacian against real works.

A feature extractor trained on degraded pictures forgives mild blur.
"""

import torch
from torch import Tensor

from artpipe.artifacts.report import Finding, Score
from artpipe.config.verdict_bounds import VerdictBounds
from artpipe.contracts.grading import judge_score
from artpipe.contracts.metric import Evidence, Measurement, Metric, has_samples
from artpipe.numerics.image_quality import laplacian_energy
from artpipe.numerics.intervals import quotient_interval
from artpipe.numerics.pixels import to_float


def _measure_energies(images: Tensor, batch_size: int) -> Tensor:
    return torch.cat([laplacian_energy(to_float(batch)) for batch in torch.split(images, batch_size)]).double()


def measure(evidence: Evidence) -> Measurement:
    """Measure the energy of samples as a ratio to that of held-out works."""
    generated, real = (
        _measure_energies(evidence.pictures(part), evidence.params.batch_size) for part in ("samples", "held_out")
    )
    real = real.clamp(min=1e-12)
    score = Score(
        name="sharpness",
        value=float(generated.mean() / real.mean()),
        n=len(generated),
        real=1.0,
        code="score_sharpness",
    ).with_interval(quotient_interval(generated.clamp(min=1e-12), real))
    return Measurement(scores=[score], findings=[_judge_detail(score, evidence.params.verdicts)])


def _judge_detail(score: Score, bounds: VerdictBounds) -> Finding:
    """Judge mere blurs, which a feature extractor may take for works, and noise."""
    if score.value > 1:
        return judge_score(
            score, passing=bounds.noisy_sharpness, good=(1 + bounds.noisy_sharpness) / 2, wanted="most",
            code="detail_beyond", values={"times": score.value, "wanted": bounds.noisy_sharpness},
        )  # fmt: skip
    return judge_score(
        score, failing=bounds.failed_sharpness, passing=bounds.under_trained_sharpness, good=bounds.good_sharpness,
        code="detail_kept", values={"share": score.value, "wanted": bounds.under_trained_sharpness},
    )  # fmt: skip


def _applies(evidence: Evidence) -> bool:
    return has_samples(evidence) and min(evidence.pictures("samples").shape[2:]) > 2  # noqa: PLR2004  the kernel's side is 3


METRIC = Metric(applies=_applies, measure=measure)
