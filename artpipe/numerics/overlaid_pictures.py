"""How far two pictures differ when one is laid upon the other as well as can be."""

import itertools

import torch
from torch import Tensor
from torch.nn import functional as F

_SIDE = 24  # pixels: what compression and resampling change is finer
_SHIFTS = tuple(step / 15 for step in range(-3, 4))  # half sides
_SCALES = (0.8, 0.85, 0.9, 0.95, 1.0, 1.05)
_FINER = 4  # times the place is looked for more finely
_FINER_BY = 0.6
_FIRST_STEPS = (0.033, 0.033, 0.025, 0.025)
_LEAST_COVERED = 0.8  # of the surface
_LEAST_VARIATION = 4 / 127.5  # 4 levels of 255: what varies less counts as if it varied by these


def shrink_for_overlay(images: Tensor) -> Tensor:
    """Return pictures ``(N, C, 24, 24)`` of ``(N, C, H, W)``."""
    mode = "area" if min(images.shape[2:]) >= _SIDE else "bilinear"
    return F.interpolate(images, (_SIDE, _SIDE), mode=mode)


def measure_overlaid_difference(picture: Tensor, work: Tensor) -> float:
    """Return the least share of a picture's variance in which it differs from a work.

    The picture may be a part of the work, down to four fifths of its sides, and reach over it a little.

    Args:
        picture: ``(1, C, 24, 24)``, see `shrink_for_overlay`.
        work: likewise.
    """
    places = torch.tensor(list(itertools.product(_SHIFTS, _SHIFTS, _SCALES)))
    places = torch.cat([places, places[:, 2:]], 1)  # down, across, height, width
    differences = _measure_at(picture, work, places)
    steps = torch.tensor(_FIRST_STEPS)
    around = torch.tensor(list(itertools.product((-1.0, 0.0, 1.0), repeat=4)))
    for _ in range(_FINER):
        best = places[differences.argmin()]
        places = best + around * steps
        differences = _measure_at(picture, work, places)
        steps = steps * _FINER_BY
    return float(differences.min())


def _measure_at(picture: Tensor, work: Tensor, places: Tensor) -> Tensor:
    """Return the differences ``(N,)`` at places ``(N, 4)``.

    Infinite where too little of the picture lies on the work.
    """
    down, across, height, width = places.unbind(1)
    zero = torch.zeros_like(down)
    windows = torch.stack([torch.stack([width, zero, across], 1), torch.stack([zero, height, down], 1)], 1)
    grid = F.affine_grid(windows, [len(places), 1, _SIDE, _SIDE], align_corners=False)
    covered = (grid.abs() <= 1).all(-1)[:, None].float()
    laid = F.grid_sample(work.expand(len(places), -1, -1, -1), grid, align_corners=False, padding_mode="border")
    count = covered.sum((1, 2, 3)).clamp(min=1) * picture.shape[1]
    mean = (picture * covered).sum((1, 2, 3)) / count
    variance = ((picture - mean[:, None, None, None]).square() * covered).sum((1, 2, 3)) / count
    difference = ((laid - picture).square() * covered).sum((1, 2, 3)) / count
    shares = difference / variance.clamp(min=_LEAST_VARIATION**2)
    return torch.where(covered.mean((1, 2, 3)) >= _LEAST_COVERED, shares, torch.full_like(shares, torch.inf))
