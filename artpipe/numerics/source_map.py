"""Where pixels come from: shares of works, what is in place, joints, a map."""

from dataclasses import dataclass

import torch
from torch import Tensor

from artpipe.numerics.patch_synthesis import copy_source_pixels, locate_source_pixels

_IN_PLACE = 0.02  # of a side, by which a pixel may be off and still lie in its own place
_GOLDEN_TURN = 0.618  # of the circle of hues between a work and the next


@dataclass(frozen=True)
class Composition:
    """A picture copied pixel by pixel from works.

    `works` are ``(W, C, H, W)`` in [-1, 1]; `source_map` ``(H, W)`` has the number of a pixel of them.
    """

    works: Tensor
    source_map: Tensor

    @property
    def picture(self) -> Tensor:
        """Return ``(C, H, W)`` in [-1, 1]."""
        return copy_source_pixels(self.works, self.source_map)

    def locate(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return work, row and column ``(H, W)`` of each pixel."""
        return locate_source_pixels(self.source_map, (self.works.shape[2], self.works.shape[3]))


def measure_work_shares(composition: Composition) -> list[float]:
    """Return the share of the picture that comes from each work."""
    work, _, _ = composition.locate()
    counts = torch.bincount(work.flatten(), minlength=len(composition.works))
    return [float(count) / work.numel() for count in counts]


def measure_share_in_place(composition: Composition) -> float:
    """Return the largest share of the picture that one work has in the same place.

    A picture of another format has the work's place in proportion.
    """
    work, top, left = composition.locate()
    height, width = composition.works.shape[2:]
    rows = torch.arange(work.shape[0])[:, None] * (height / work.shape[0])
    columns = torch.arange(work.shape[1])[None, :] * (width / work.shape[1])
    near = ((top - rows).abs() <= _IN_PLACE * height) & ((left - columns).abs() <= _IN_PLACE * width)
    return max(float((near & (work == index)).float().mean()) for index in range(len(composition.works)))


def measure_joints(composition: Composition) -> tuple[float, float]:
    """Return the share of joints, and how much more pixels differ there.

    A joint is between neighbours that are none in a work.

    The second is their mean difference over that of the same pixels and their neighbours in the work: 1 is a joint that
    nobody sees. It is 1 where there is no joint.
    """
    work, top, left = composition.locate()
    picture, (height, width) = composition.picture, composition.works.shape[2:]
    seen, usual, joints, pairs = 0.0, 0.0, 0, 0
    for down, right in ((1, 0), (0, 1)):
        here, there = _neighbours(work.shape, down, right)
        follows = (work[here] == work[there]) & (top[here] + down == top[there]) & (left[here] + right == left[there])
        next_top, next_left = top[here] + down, left[here] + right
        joint = ~follows & (next_top < height) & (next_left < width)
        next_pixels = composition.works[work[here][joint], :, next_top[joint], next_left[joint]]
        first, second = (picture[:, area[0], area[1]][:, joint].T for area in (here, there))
        seen += float((first - second).abs().mean(1).sum())
        usual += float((first - next_pixels).abs().mean(1).sum())
        joints, pairs = joints + int(joint.sum()), pairs + joint.numel()
    return joints / max(1, pairs), seen / usual if usual else 1.0


def colour_source_map(composition: Composition) -> Tensor:
    """Return a picture ``(3, H, W)`` in [-1, 1] in which a colour says work and place.

    A work has a hue of its own, which turns a little from left to right; it is light above and dark below. A single work
    has the whole circle of hues.
    """
    work, top, left = composition.locate()
    height, width = composition.works.shape[2:]
    span = 0.8 if len(composition.works) == 1 else 0.12
    hue = (0.58 + work * _GOLDEN_TURN + span * (left / width - 0.5)) % 1
    value, saturation = 0.95 - 0.5 * top / height, 0.35 + 0.3 * top / height
    corners = torch.tensor([5.0, 3.0, 1.0])[:, None, None]  # HSV to RGB, Smith 1978 in its closed form
    turn = (corners + hue * 6) % 6
    rgb = value - value * saturation * torch.minimum(turn, 4 - turn).clamp(0, 1)
    return rgb * 2 - 1


def _neighbours(shape: torch.Size, down: int, right: int) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    height, width = shape
    return (slice(0, height - down), slice(0, width - right)), (slice(down, height), slice(right, width))
