"""Choose a few works among many: clear ones that differ."""

import torch
from torch import Tensor
from torch.nn import functional as F

from artpipe.numerics.pixels import to_float

_CLEAR_SHARE = 0.4  # of the works, among which those that differ most are taken
_PLAIN = 0.3  # what a work without colours counts; a full one counts about 1
_WHITE = 0.95  # in [-1, 1]: blank ground, which shows nothing
_BLANK_COUNTS = 6  # exponent of the share that is not blank
_LAYOUT_SIDE = 8  # pixels that show what is where


def choose_clear_works(images: Tensor, count: int, without: list[int] | None = None) -> list[int]:
    """Return rows of pictures that are clear in large and differ most.

    Pictures are ``(N, C, H, W)`` uint8. Clear is what has light and dark areas, neither black nor white all over, and colours. `without` are rows that are
    not taken.
    """
    small = F.adaptive_avg_pool2d(to_float(images), _LAYOUT_SIDE)
    grey = (small.mean(1).flatten(1) + 1) / 2
    brightness = grey.mean(1)
    colours = (small - small.mean(1, keepdim=True)).flatten(1).std(1)
    clearness = grey.std(1) * 4 * brightness * (1 - brightness) * (_PLAIN + colours)
    blank = (to_float(images).amin(1) > _WHITE).flatten(1).float().mean(1)
    clearness *= (1 - blank) ** _BLANK_COUNTS
    clearness[without or []] = -1
    clear = clearness.argsort(descending=True, stable=True)[: max(count, int(_CLEAR_SHARE * len(images)))]
    return [int(clear[i]) for i in spread(small[clear].flatten(1), count)]


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
