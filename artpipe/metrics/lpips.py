"""LPIPS diversity: how different two samples look, beside two real works.

Zhang et al. 2018, with VGG16: samples that all look alike have a smaller distance than works.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from artpipe.artifacts.report import Score
from artpipe.contracts.metric import Evidence, Measurement, Metric, has_samples
from artpipe.contracts.plugin_info import MetricInfo
from artpipe.evaluation.extractor_networks import COLOURS, load_or_compute
from artpipe.evaluation.lpips_weights import PATCH_SIDE, SMALLEST_SIDE, open_lpips
from artpipe.nn.pretrained.lpips_network import LpipsNetwork
from artpipe.numerics.intervals import positive_mean_interval
from artpipe.numerics.pixels import to_float


def measure(evidence: Evidence) -> Measurement:
    """Measure random pairs of samples and as many of held-out works, no picture twice."""
    network, sha256 = open_lpips(evidence)
    parts = evidence.pictures("samples"), evidence.pictures("held_out")
    count = min(evidence.params.lpips_pairs, *(len(pictures) // 2 for pictures in parts))
    samples, real = (_draw_pairs(pictures, count, evidence.seed) for pictures in parts)
    distances = _measure_pairs(network, samples)
    real_distances = load_or_compute(f"distances by {sha256}", real, lambda: _measure_pairs(network, real))
    score = Score(
        name="lpips_diversity",
        value=float(distances.double().mean()),
        n=count,
        extractor=sha256,
        real=float(real_distances.double().mean()),
        code="score_lpips_diversity",
    )
    return Measurement(scores=[score.with_interval(positive_mean_interval(distances.double()))])


def _draw_pairs(pictures: Tensor, count: int, seed: int) -> Tensor:
    """Return ``(2 count, C, H, W)``: first pictures, then those beside them."""
    return pictures[torch.randperm(len(pictures), generator=torch.Generator().manual_seed(seed))[: 2 * count]]


def _measure_pairs(network: LpipsNetwork, pictures: Tensor) -> Tensor:
    """Return the distances ``(N,)`` of ``(2 N, C, H, W)``, uint8."""
    images = to_float(pictures)
    longer = max(images.shape[2:])
    if longer > PATCH_SIDE:
        size = [max(SMALLEST_SIDE, round(side * PATCH_SIDE / longer)) for side in images.shape[2:]]
        images = F.interpolate(images, size, mode="bilinear", antialias=True, align_corners=False)
    with torch.no_grad():
        return network.distances(*images.chunk(2))


def _applies(evidence: Evidence) -> bool:
    """Say whether samples are in colour, and pretrained networks are asked for."""
    samples = evidence.pictures("samples")
    if not (has_samples(evidence) and evidence.pretrained):
        return False
    return samples.shape[1] == COLOURS and min(samples.shape[2:]) >= SMALLEST_SIDE


METRIC = Metric(applies=_applies, measure=measure)
METRIC_INFO = MetricInfo(acronyms=("lpips",))
