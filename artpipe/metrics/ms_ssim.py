"""MS-SSIM: how alike two samples of one class are, beside two real works.

Odena et al. 2017, section 4.2: a class whose samples are more alike than its works has lost variety.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from artpipe.artifacts.report import Score
from artpipe.contracts.metric import Evidence, Measurement, Metric, has_samples
from artpipe.contracts.plugin_info import MetricInfo
from artpipe.evaluation.sample_labels import find_sample_labels
from artpipe.numerics.image_quality import count_scales, ms_ssim
from artpipe.numerics.intervals import mean_interval

_BATCH = 100  # pairs at once


def pair_within_classes(classes: Sequence[Tensor], pairs: int, seed: int) -> Tensor:
    """Return pairs of rows ``(P, 2)``, each of one class and no row twice.

    Every class has as many, which are drawn at random.

    Args:
        classes: the rows of each class.
        pairs: how many at most, of all classes together.
        seed: of the drawing.
    """
    generator = torch.Generator().manual_seed(seed)
    each = min(max(1, pairs // len(classes)), *(len(rows) // 2 for rows in classes))
    drawn = [rows[torch.randperm(len(rows), generator=generator)[: 2 * each]] for rows in classes]
    return torch.cat([rows.view(-1, 2) for rows in drawn])


def measure(evidence: Evidence) -> Measurement:
    """Measure as many pairs of samples as of held-out works."""
    groups = _group_by_class(evidence)
    if not groups:
        return Measurement()
    most = min(len(rows) // 2 for group in groups for rows in group) * len(groups)
    count = min(evidence.params.ms_ssim_pairs, most)
    parts = evidence.pictures("samples"), evidence.pictures("held_out")
    samples, real = (
        _measure_pairs(pictures, pair_within_classes(classes, count, evidence.seed))
        for pictures, classes in zip(parts, zip(*groups, strict=True), strict=True)
    )
    scales, by_class = count_scales(*evidence.pictures("samples").shape[2:]), "-of-class" if len(groups) > 1 else ""
    interval = mean_interval(samples)
    score = Score(
        name="ms_ssim", value=float(samples.mean()), n=len(samples), extractor=f"ms-ssim-{scales}{by_class}", real=float(real.mean()),
        code="score_ms_ssim_of_class" if len(groups) > 1 else "score_ms_ssim",
    )  # fmt: skip
    return Measurement(scores=[score.with_interval(interval.clamp(0.0, 1.0) if interval else None)])


def _measure_pairs(pictures: Tensor, pairs: Tensor) -> Tensor:
    return torch.cat([ms_ssim(*pictures[rows.T]) for rows in torch.split(pairs, _BATCH)])


def _group_by_class(evidence: Evidence) -> list[tuple[Tensor, Tensor]]:
    """Return the rows of samples and of held-out works of each class.

    All are of one class where labels are unknown; a class without two of each is left out.
    """
    labels, works = find_sample_labels(evidence), evidence.held_out.get("labels")
    if labels is None or works is None:
        rows = (torch.arange(len(evidence.pictures("samples"))), torch.arange(len(evidence.pictures("held_out"))))
        return [rows] if min(map(len, rows)) > 1 else []
    groups = [
        ((labels == i).nonzero()[:, 0], (works == i).nonzero()[:, 0]) for i in range(len(evidence.classes))
    ]  # fmt: skip
    return [group for group in groups if min(map(len, group)) > 1]


METRIC = Metric(
    applies=lambda evidence: has_samples(evidence) and count_scales(*evidence.pictures("samples").shape[2:]) > 0,
    measure=measure,
)
METRIC_INFO = MetricInfo(acronyms=("ms", "ssim"))
