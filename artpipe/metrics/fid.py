"""Frechet inception distance (Heusel et al. 2017).

It is biased upwards at small counts, so it counts only beside its n and KID.
"""

import torch
from torch import Tensor

from artpipe.artifacts.report import Score
from artpipe.contracts.metric import Evidence, Measurement, Metric, has_samples
from artpipe.contracts.plugin_info import MetricInfo


def fid(left: Tensor, right: Tensor) -> float:
    """Return the Frechet distance of feature sets ``(N, F)`` and ``(M, F)``.

    It is ``|m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2))``. With ``S1 = L L^T`` the trace of the root is the sum of
    the roots of the eigenvalues of ``L^T S2 L``, which is symmetric: never imaginary, and several times faster than
    a matrix root.
    """
    left, right = left.double(), right.double()
    cov_left, cov_right = (torch.cov(side.T).reshape(side.shape[1], -1) for side in (left, right))
    root = _covariance_root(cov_left)
    cross_trace = torch.linalg.eigvalsh(root.T @ cov_right @ root).clamp(min=0).sqrt().sum()
    mean_term = (left.mean(0) - right.mean(0)).square().sum()
    return float(mean_term + cov_left.trace() + cov_right.trace() - 2 * cross_trace)


def _covariance_root(covariance: Tensor) -> Tensor:
    """Return L with ``L L^T`` the covariance.

    By Cholesky, or by eigenvalues where it is singular (fewer works than features).
    """
    lower: Tensor
    lower, failed = torch.linalg.cholesky_ex(covariance)
    if failed:
        values, vectors = torch.linalg.eigh(covariance)
        lower = vectors * values.clamp(min=0).sqrt()
    return lower


def measure(evidence: Evidence) -> Measurement:
    """Measure samples against held-out works."""
    real, generated = evidence.features("held_out"), evidence.features("samples")
    count = min(len(real), len(generated))
    score = Score(
        name="fid",
        value=fid(generated, real),
        n=count,
        better="lower",
        extractor=evidence.extractor_id,
        code="score_fid",
        values={"works": count},
    )
    return Measurement(scores=[score])


METRIC = Metric(applies=has_samples, measure=measure)
METRIC_INFO = MetricInfo(acronyms=("fid",))
