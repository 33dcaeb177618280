"""Frechet inception distance (Heusel et al. 2017).

It is biased upwards at small counts, so it counts only beside its n and KID.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from artpipe.artifacts.report import Score
from artpipe.contracts.metric import Evidence, Measurement, Metric, has_samples
from artpipe.contracts.plugin_info import MetricInfo
from artpipe.numerics.half_samples import measure_opposite_halves

_PAIRS = 10  # of halves

_BLOCK = 256  # rows and columns of blocks of symmetric products


def fid(left: Tensor, right: Tensor) -> float:
    """Return the Frechet distance of feature sets ``(N, F)`` and ``(M, F)``.

    It is ``|m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2))``.
    """
    means, centred = zip(*(_centre(side.double()) for side in (left, right)), strict=True)
    first, second = centred
    traces = sum(float(side.square().sum()) for side in centred)
    is_small = min(len(first), len(second)) <= first.shape[1]
    root_trace = _root_trace_of_works(first, second) if is_small else _root_trace_of_features(first, second)
    return float((means[0] - means[1]).square().sum()) + traces - 2 * root_trace


def share_axes(left: Tensor, right: Tensor) -> tuple[Tensor, Tensor]:
    """Return two sets in as few dimensions as they have rows, at the same distance.

    Fewer works than features lie in a space of fewer dimensions, in which covariances are small.
    """
    rows = torch.cat([left, right]).double()
    if len(rows) >= rows.shape[1]:
        return left, right
    axes = torch.linalg.qr((rows - rows.mean(0)).T).Q
    return left.double() @ axes, right.double() @ axes


def _centre(features: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean of ``(N, F)``, and X with ``X^T X`` the covariance."""
    mean = features.mean(0)
    return mean, (features - mean).div_((len(features) - 1) ** 0.5)


def _root_trace_of_works(first: Tensor, second: Tensor) -> float:
    """Return ``tr (S1 S2)^(1/2)`` of few works.

    It is the sum of the singular values of ``X1 X2^T``.
    """
    products = first @ second.T if len(first) <= len(second) else second @ first.T
    return _sum_roots(products @ products.T)


def _root_trace_of_features(first: Tensor, second: Tensor) -> float:
    """Return ``tr (S1 S2)^(1/2)`` of many works.

    With ``S1 = L L^T`` it is the sum of the roots of the eigenvalues of ``L^T S2 L``, which is symmetric: never
    imaginary, and several times faster than a matrix root. L is by Cholesky, or by eigenvalues where ``S1`` is
    singular.
    """
    covariance, other = _covariance(first), _covariance(second)
    lower, failed = torch.linalg.cholesky_ex(covariance)
    if not failed:
        return _sum_roots(_multiply_triangular(lower, other))
    values, vectors = torch.linalg.eigh(covariance)
    root = vectors * values.clamp(min=0).sqrt()
    return _sum_roots(root.T @ other @ root)


def _covariance(centred: Tensor) -> Tensor:
    """Return ``X^T X`` of ``(N, F)``.

    Only blocks on and above the diagonal are multiplied.
    """
    size = centred.shape[1]
    product = centred.new_empty(size, size)
    for block in _cut_blocks(size):
        rows = centred[:, block].T @ centred[:, block.start :]
        product[block, block.start :], product[block.start :, block] = rows, rows.T
    return product


def _multiply_triangular(lower: Tensor, symmetric: Tensor) -> Tensor:
    """Return ``L^T S L`` on and above its diagonal.

    The zeros of L are left out.
    """
    right, product = torch.empty_like(lower), torch.zeros_like(lower)
    for block in _cut_blocks(len(lower)):
        right[:, block] = symmetric[:, block.start :] @ lower[block.start :, block]
    for block in _cut_blocks(len(lower)):
        product[block, block.start :] = lower[block.start :, block].T @ right[block.start :, block.start :]
    return product


def _cut_blocks(size: int) -> Iterator[slice]:
    for start in range(0, size, _BLOCK):
        yield slice(start, min(start + _BLOCK, size))


def _sum_roots(matrix: Tensor) -> float:
    return float(torch.linalg.eigvalsh(matrix, UPLO="U").clamp(min=0).sqrt().sum())


def measure(evidence: Evidence) -> Measurement:
    """Measure samples against held-out works, and what it would be of endlessly many.

    FID falls in proportion to one by the number of works (Chong & Forsyth 2020), so halves of the sets tell where it falls to. How
    much it scatters, differences of opposite halves tell: halves are biased alike, and a pair counts as one draw.
    """
    real, generated = share_axes(evidence.features("held_out"), evidence.features("samples"))
    count = min(len(real), len(generated))
    real, generated = real[:count], generated[:count]
    value = fid(generated, real)
    halves = measure_opposite_halves(
        lambda rows, columns: torch.tensor(fid(generated[columns], real[rows])), count, count, evidence.seed, _PAIRS
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
            score.with_interval(halves.interval(value).clamp(0.0)),
            endless.with_interval(halves.interval(limit)),
        ]
    )  # fmt: skip


METRIC = Metric(applies=has_samples, measure=measure)
METRIC_INFO = MetricInfo(acronyms=("fid",))
