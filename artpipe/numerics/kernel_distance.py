"""Kernel inception distance (KID, Binkowski et al. 2018), in bounded memory.

It is computed on given features with the kernel ``(x.y / F + 1)^3``.
"""

import torch
from torch import Tensor

from artpipe.numerics.nearest_neighbours import iterate_blocks


def kernel_distance(real: Tensor, fake: Tensor) -> float:
    """Return the squared maximum mean discrepancy of ``(N, F)`` and ``(M, F)``.

    There are at least two rows each.

    Unbiased, so it can fall a little below 0.
    """
    real, fake = real.double(), fake.double()
    total = -2 * _kernel_sum(real, fake) / (len(real) * len(fake))
    for features in (real, fake):
        diagonal = float((features.square().sum(1) / features.shape[1] + 1).pow(3).sum())
        total += (_kernel_sum(features, features) - diagonal) / (len(features) * (len(features) - 1))
    return total


def kernel_distance_spread(real: Tensor, fake: Tensor, *, subsets: int, seed: int, least: int = 10) -> float | None:
    """Return one standard deviation of `kernel_distance` on sets of these sizes.

    It is measured on random halves of both sets.

    A half drawn without replacement scatters around the whole as the whole does around the truth (half-sample
    jackknife); close to a distance of 0 this is up to twice too wide. None where a half has fewer than `least` works.
    """
    n, m = len(real) // 2, len(fake) // 2
    if min(n, m) < least:
        return None
    generator = torch.Generator().manual_seed(seed)
    values = []
    for _ in range(max(2, subsets)):
        left, right = (torch.randperm(len(part), generator=generator)[: len(part) // 2] for part in (real, fake))
        values.append(kernel_distance(real[left], fake[right]))
    return float(torch.tensor(values, dtype=torch.float64).std())


def _kernel_sum(left: Tensor, right: Tensor) -> float:
    rows = (left[block] @ right.T for block in iterate_blocks(len(left), len(right)))
    return sum(float((products / left.shape[1] + 1).pow_(3).sum()) for products in rows)
