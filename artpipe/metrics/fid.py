"""Frechet inception distance (Heusel et al. 2017).

It is biased upwards at small counts, so it counts only beside its n and KID.
"""

import torch
from torch import Tensor

from artpipe.artifacts.report import Score
from artpipe.contracts.metric import Evidence, Measurement, Metric, has_samples
from artpipe.contracts.plugin_info import MetricInfo
from artpipe.numerics.half_samples import measure_halves

_ROUNDS = 20  # halves


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


def share_axes(left: Tensor, right: Tensor) -> tuple[Tensor, Tensor]:
    """Return two sets in as few dimensions as they have rows, at the same distance.

    Fewer works than features lie in a space of fewer dimensions, in which covariances are small.
    """
    rows = torch.cat([left, right]).double()
    if len(rows) >= rows.shape[1]:
        return left, right
    axes = torch.linalg.qr((rows - rows.mean(0)).T).Q
    return left.double() @ axes, right.double() @ axes


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
    """Measure samples against held-out works, and what it would be of endlessly many.

    FID falls in proportion to one by the number of works (Chong & Forsyth 2020), so halves of the sets tell where it falls to.
    """
    real, generated = share_axes(evidence.features("held_out"), evidence.features("samples"))
    count = min(len(real), len(generated))
    real, generated = real[:count], generated[:count]
    value = fid(generated, real)
    halves = measure_halves(
        lambda rows, columns: torch.tensor(fid(generated[columns], real[rows])), count, count, evidence.seed, _ROUNDS
    )
    score = Score(
        name="fid", value=value, n=count, better="lower", extractor=evidence.extractor_id, code="score_fid",
        values={"works": count},
    )  # fmt: skip
    if halves is None:
        return Measurement(scores=[score])
    limit = 2 * value - float(halves.values.mean())
    endless = Score(
        name="fid_infinity", value=limit, n=count, better="lower", extractor=evidence.extractor_id,
        code="score_fid_infinity", values={"works": count},
    )  # fmt: skip
    return Measurement(
        scores=[
            score.with_interval(halves.ratio_interval(value)), endless.with_interval(halves.interval(limit)),
        ]
    )  # fmt: skip


METRIC = Metric(applies=has_samples, measure=measure)
METRIC_INFO = MetricInfo(acronyms=("fid",))
