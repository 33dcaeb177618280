"""What a picture shows apart from its colours: where its edges are."""

import torch
from torch import Tensor
from torch.nn import functional as F

_SIDE = 16  # of the maps of edges
_FEWEST_VALUES = 1e-6


def edge_maps(images: Tensor, power: float = 1.0) -> Tensor:
    """Return where edges are in ``(N, C, H, W)`` in [-1, 1].

    The rows ``(N, 256)`` have mean 0 and length 1.

    An edge is a change of any channel (Di Zenzo 1986), so other colours, more contrast or a negative leave its place.
    `power` is taken of its strength: below 1, the strongest edges, which other colours change most, count less.
    """
    blurred = F.avg_pool2d(F.pad(images, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    across, down = blurred[..., :-1, 1:] - blurred[..., :-1, :-1], blurred[..., 1:, :-1] - blurred[..., :-1, :-1]
    strength = (across.square() + down.square()).sum(1, keepdim=True).sqrt()
    strength = strength if power == 1 else strength.pow(power)
    side = (min(_SIDE, strength.shape[2]), min(_SIDE, strength.shape[3]))
    rows = F.adaptive_avg_pool2d(strength, side).flatten(1)
    rows = rows - rows.mean(1, keepdim=True)
    lengths: Tensor = rows.norm(dim=1, keepdim=True)
    return rows / lengths.clamp(min=_FEWEST_VALUES)


def edge_distances(maps: Tensor, others: Tensor) -> Tensor:
    """Return ``(N, M)`` distances of maps of edges.

    0 for the same, about 1 for unrelated ones.
    """
    return (1 - maps @ others.T).clamp(min=0)


def mean_distances(distances: Tensor) -> Tensor:
    """Return mean distances ``(2,)``: of pairs, and of nearest rows.

    Of a set's distances ``(N, N)``.
    """
    others = distances.double().clone().fill_diagonal_(torch.inf)
    return torch.stack([others[others.isfinite()].mean(), others.min(1).values.mean()])
