"""Find pictures that are two works laid over each other."""

import torch
from torch import Tensor

_CANDIDATES = 256  # works that point most into a picture's direction, among which both are looked for
_WEIGHTS = (0.25, 0.75)  # of either work; beyond that one of them hardly shows
_TINY = 1e-9


def measure_blends(pictures: Tensor, works: Tensor) -> Tensor:
    """Return the distance of each picture to the nearest blend and work.

    The first is 0 for a blend and about 0.8 of the second for a new picture; the second is 0 for a copy.

    Args:
        pictures: ``(N, F)``.
        works: ``(M, F)``, at least two.

    Returns:
        ``(N, 2)``, at least 0.
    """
    centre = works.mean(0)
    works, pictures = works - centre, pictures - centre
    directions = works / works.norm(dim=1, keepdim=True).clamp(min=_TINY)
    nearest = torch.cdist(pictures, works, compute_mode="donot_use_mm_for_euclid_dist").amin(1)
    candidates = (pictures @ directions.T).topk(min(_CANDIDATES, len(works)), dim=1).indices
    blends = [_find_nearest_blend(works[rows] - picture) for picture, rows in zip(pictures, candidates, strict=True)]
    return torch.stack([torch.stack(blends) if blends else nearest, nearest], 1)


def _find_nearest_blend(offsets: Tensor) -> Tensor:
    """Return the distance of the origin to the nearest blend of two rows ``(K, F)``.

    Of a pair it is the point of the line between both, within the weights, that is nearest.
    """
    products = offsets @ offsets.T
    squares = products.diagonal()[:, None].clone()
    along = squares - products
    between = (along + along.T).clamp_(min=_TINY)
    weights = (along / between).clamp_(*_WEIGHTS)  # of the second
    # With a = along, b = between, w = weights: |x + w (y - x)|^2 = |x|^2 + w (w b - 2 a).
    distances = weights.mul(between).sub_(along, alpha=2).mul_(weights).add_(squares)
    return distances.fill_diagonal_(torch.inf).amin().clamp(min=0).sqrt()
