"""Choose a few works among many: clear ones, or ones like themselves, that differ."""

import torch
from torch import Tensor
from torch.nn import functional as F

from artpipe.numerics.pixels import to_float

_CLEAR_SHARE = 0.4  # of the works, among which those that differ most are taken
_PLAIN = 0.3  # what a work without colours counts; a full one counts about 1
_WHITE = 0.95  # in [-1, 1]: blank ground, which shows nothing
_BLANK_COUNTS = 6  # exponent of the share that is not blank
_LAYOUT_SIDE = 8  # pixels that show what is where
_CANDIDATES = 96  # clear works whose parts are compared: about 4 core-seconds
_ALIKE_SHARE = 0.2  # of these, among which those that differ most are taken
_PART_SIDE, _PARTS_SIDE = 13, 48  # pixels of a part, and of the work it is compared at


def choose_clear_works(images: Tensor, count: int, without: list[int] | None = None) -> list[int]:
    """Return rows of pictures that are clear in large and differ most.

    Pictures are ``(N, C, H, W)`` uint8. Clear is what has light and dark areas, neither black nor white all over, and colours. `without` are rows that are
    not taken.
    """
    small, clear = _order_clear_works(images, count, without or [])
    return [int(clear[i]) for i in spread(small[clear].flatten(1), count)]


def choose_self_similar_works(images: Tensor, count: int) -> list[int]:
    """Return rows of clear pictures whose parts can change places.

    They differ most.

    Pictures are ``(N, C, H, W)`` uint8. Woods, clouds and crowds are like themselves all over; a face is there once.
    """
    small, clear = _order_clear_works(images, count, [])
    candidates = clear[: max(count, _CANDIDATES)]
    strangeness = torch.stack([measure_strangeness(images[row]) for row in candidates])
    least = strangeness.argsort(stable=True)[: max(count, int(_ALIKE_SHARE * len(candidates)))]
    alike = candidates[least.sort().values]  # the clearest first: a plain sky is the most like itself
    return [int(alike[i]) for i in spread(small[alike].flatten(1), count)]


def measure_strangeness(image: Tensor) -> Tensor:
    """Return how far the parts of ``(C, H, W)`` uint8 are from the nearest other.

    It is the mean square distance, as a share of that between any two parts that do not overlap: 0 of what repeats itself, about 1 of noise.
    """
    work = F.interpolate(to_float(image[None]), (_PARTS_SIDE, _PARTS_SIDE), mode="area")
    parts = F.unfold(work, _PART_SIDE)[0].T
    steps = torch.arange(_PARTS_SIDE - _PART_SIDE + 1)
    places = torch.cartesian_prod(steps, steps)
    is_apart = (places[:, None] - places).abs().amax(2) >= _PART_SIDE
    distances = torch.cdist(parts, parts).square()
    nearest = distances.masked_fill(~is_apart, torch.inf).min(1).values
    return nearest.mean() / distances[is_apart].mean().clamp_min(1.0e-9)


def _order_clear_works(images: Tensor, count: int, without: list[int]) -> tuple[Tensor, Tensor]:
    """Return the layouts of pictures, and the rows of clear ones, the clearest first."""
    small = F.adaptive_avg_pool2d(to_float(images), _LAYOUT_SIDE)
    grey = (small.mean(1).flatten(1) + 1) / 2
    brightness = grey.mean(1)
    colours = (small - small.mean(1, keepdim=True)).flatten(1).std(1)
    clearness = grey.std(1) * 4 * brightness * (1 - brightness) * (_PLAIN + colours)
    blank = (to_float(images).amin(1) > _WHITE).flatten(1).float().mean(1)
    clearness *= (1 - blank) ** _BLANK_COUNTS
    clearness[without] = -1
    clear = clearness.argsort(descending=True, stable=True)[: max(count, int(_CLEAR_SHARE * len(images)))]
    return small, clear


def spread(points: Tensor, count: int) -> list[int]:
    """Return rows of ``(N, D)`` that lie far apart.

    The first one, and each next the farthest from those before.
    """
    chosen = [0]
    distances = torch.full((len(points),), torch.inf)
    while len(chosen) < min(count, len(points)):
        distances = torch.minimum(distances, (points - points[chosen[-1]]).square().sum(1))
        distances[chosen] = -1  # where all are alike, none is taken twice
        chosen.append(int(distances.argmax()))
    return chosen
