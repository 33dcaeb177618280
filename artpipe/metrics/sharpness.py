"""Sharpness, the energy of the Laplacian against real works, and noise.

A feature extractor trained on degraded pictures forgives mild blur and noise.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from artpipe.artifacts.report import Score
from artpipe.contracts.fine_detail import judge_detail, judge_noise
from artpipe.contracts.metric import Evidence, Measurement, Metric, has_samples
from artpipe.numerics.image_quality import laplacian_energy, noise_level
from artpipe.numerics.intervals import mean_interval, quotient_interval
from artpipe.numerics.pixels import to_float


def measure(evidence: Evidence) -> Measurement:
    """Measure samples and held-out works.

    The energy of samples is a ratio to that of works; noise is what is left on plain ground.
    """
    bounds = evidence.params.verdicts
    (sharp, real_sharp), (noise, real_noise) = (
        [
            _measure_each(evidence.pictures(part), measure_batch, evidence.params.batch_size)
            for part in ("samples", "held_out")
        ]
        for measure_batch in (laplacian_energy, noise_level)
    )
    real_sharp = real_sharp.clamp(min=1e-12)
    sharpness = Score(
        name="sharpness", value=float(sharp.mean() / real_sharp.mean()), n=len(sharp), real=1.0, code="score_sharpness"
    ).with_interval(quotient_interval(sharp.clamp(min=1e-12), real_sharp))
    level = Score(
        name="noise_level", value=float(noise.mean()), n=len(noise), real=float(real_noise.mean()), better="lower",
        code="score_noise_level",
    )  # fmt: skip
    interval = mean_interval(noise)
    level = level.with_interval(interval and interval.clamp(0.0))
    return Measurement(
        scores=[sharpness, level], findings=[judge_detail(sharpness, bounds), judge_noise(level, bounds)]
    )


def _measure_each(images: Tensor, measure_batch: Callable[[Tensor], Tensor], batch_size: int) -> Tensor:
    return torch.cat([measure_batch(to_float(batch)) for batch in torch.split(images, batch_size)]).double()


def _applies(evidence: Evidence) -> bool:
    return has_samples(evidence) and min(evidence.pictures("samples").shape[2:]) > 2  # noqa: PLR2004  the kernel's side is 3


METRIC = Metric(applies=_applies, measure=measure)
