"""Kernel inception distance (Binkowski et al. 2018): unbiased squared MMD with the kernel ``(x.y / F + 1)^3``."""

import torch
from torch import Tensor

from artpipe.nn.neighbours import blocks


def kid(left: Tensor, right: Tensor) -> float:
    """Return the unbiased MMD^2 of two feature sets ``(N, F)`` and ``(M, F)``; 0 in expectation for one distribution.

    Raises:
        ValueError: fewer than two rows on a side, where the unbiased estimate does not exist.
    """
    n, m = len(left), len(right)
    if min(n, m) < 2:  # noqa: PLR2004  a pair needs two
        raise ValueError(f"KID needs two works a side, found {n} and {m}")
    within_left = (_kernel_sum(left, left) - float(_kernel_diagonal(left).sum())) / (n * (n - 1))
    within_right = (_kernel_sum(right, right) - float(_kernel_diagonal(right).sum())) / (m * (m - 1))
    return within_left + within_right - 2 * _kernel_sum(left, right) / (n * m)


def kid_spread(left: Tensor, right: Tensor, *, subsets: int, seed: int) -> float | None:
    """Return one standard deviation of `kid` on sets of these sizes: the spread over random halves (half-sample jackknife).

    A half drawn without replacement scatters around the whole as the whole around the truth; close to a KID of 0 this
    is up to twice too wide (docs/log.md). None where a half has fewer than 10 works: there is nothing to tell a spread from.
    """
    n, m = len(left) // 2, len(right) // 2
    if min(n, m) < 10 or subsets < 2:  # noqa: PLR2004  see above
        return None
    generator = torch.Generator().manual_seed(seed)
    values = [
        kid(
            left[torch.randperm(len(left), generator=generator)[:n]],
            right[torch.randperm(len(right), generator=generator)[:m]],
        )
        for _ in range(subsets)
    ]
    return float(torch.tensor(values, dtype=torch.float64).std())


def _kernel_sum(left: Tensor, right: Tensor) -> float:
    """Sum the kernel over all pairs, in blocks, added up in float64."""
    features = left.shape[1]
    return sum(
        float((left[block] @ right.T).div_(features).add_(1).pow_(3).sum(dtype=torch.float64))
        for block in blocks(len(left), len(right))
    )


def _kernel_diagonal(vectors: Tensor) -> Tensor:
    return vectors.double().square().sum(1).div(vectors.shape[1]).add(1).pow(3)
