"""Sharpness: energy of the Laplacian against real works.

A feature extractor trained on degraded pictures forgives mild blur.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from artpipe.artifacts.report import Finding, Score
from artpipe.contracts.metric import Evidence, Measurement, Metric, has_samples
from artpipe.numerics.pixels import to_float


def laplacian_energy(images: Tensor) -> Tensor:
    """Return the mean squared Laplacian ``(N,)`` of pictures ``(N, C, H, W)``.

    Border pixels are left out.
    """
    kernel = torch.tensor([[0.0, 1.0, 0.0], [1.0, -4.0, 1.0], [0.0, 1.0, 0.0]]).expand(images.shape[1], 1, 3, 3)
    return F.conv2d(images, kernel, groups=images.shape[1]).square().mean((1, 2, 3))


def _measure_energies(images: Tensor, batch_size: int) -> Tensor:
    return torch.cat([laplacian_energy(to_float(batch)) for batch in torch.split(images, batch_size)]).double()


def measure(evidence: Evidence) -> Measurement:
    """Measure the energy of samples as a ratio to that of held-out works."""
    generated = _measure_energies(evidence.pictures("samples"), evidence.params.batch_size)
    real = _measure_energies(evidence.pictures("held_out"), evidence.params.batch_size).mean().clamp(min=1e-12)
    score = Score(
        name="sharpness",
        value=float(generated.mean() / real),
        n=len(generated),
        spread=float(generated.std() / real / len(generated) ** 0.5),
        code="score_sharpness",
    )
    return Measurement(
        scores=[score], findings=_find_lost_detail(score.value, evidence.params.verdicts.under_trained_sharpness)
    )


def _find_lost_detail(ratio: float, bound: float) -> list[Finding]:
    """Find mere blurs, which a feature extractor may take for works."""
    if ratio >= bound:
        return []
    return [
        Finding(
            verdict="under-trained", score="sharpness", value=ratio, bound=bound,
            code="detail_lost", values={"share": ratio, "wanted": bound},
        )
    ]  # fmt: skip


def _applies(evidence: Evidence) -> bool:
    return has_samples(evidence) and min(evidence.pictures("samples").shape[2:]) > 2  # noqa: PLR2004  the kernel's side is 3


METRIC = Metric(applies=_applies, measure=measure)
