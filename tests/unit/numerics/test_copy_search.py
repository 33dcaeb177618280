"""Which pictures are as near to a work as a copy of it."""

import pytest
import torch
from torch.nn import functional as F

from artpipe.numerics.copy_search import copy_maps, list_variants, nearest_edges

SIDE = 40


def draw_works(count: int, seed: int) -> torch.Tensor:
    """Return uint8 pictures ``(N, 3, 40, 40)`` of coloured rectangles, no two alike."""
    generator = torch.Generator().manual_seed(seed)
    works = torch.full((count, 3, SIDE, SIDE), 230, dtype=torch.uint8)
    for work in works:
        for _ in range(5):
            top, left = torch.randint(4, 24, (2,), generator=generator).tolist()
            height, width = torch.randint(4, 13, (2,), generator=generator).tolist()
            work[:, top : top + height, left : left + width] = torch.randint(
                0, 200, (3, 1, 1), generator=generator, dtype=torch.uint8
            )
    return works


def shift(works: torch.Tensor, down: int, across: int) -> torch.Tensor:
    """Return pictures moved; what enters repeats their border."""
    padded = F.pad(works, (4, 4, 4, 4), mode="replicate")
    return padded[:, :, 4 - down : 4 - down + SIDE, 4 - across : 4 - across + SIDE]


@pytest.mark.parametrize(
    "change",
    [
        lambda works: works,
        lambda works: -works,
        lambda works: works.flip(1),  # other colours
        lambda works: works.flip(3),
        lambda works: shift(works, 4, 0),
        lambda works: shift(works, -4, 4),
        lambda works: shift(works, 4, -4).flip(3),
        lambda works: works.rot90(1, (2, 3)),
        lambda works: works.rot90(2, (2, 3)),
        lambda works: works.rot90(3, (2, 3)),
    ],
)
def test_a_copy_is_near_to_its_work_alone(change):
    """Nothing is left of a distance to its own work, and much to any other."""
    works = draw_works(30, 1)
    nearest = nearest_edges(copy_maps(change(works.float() / 127.5 - 1)), list_variants(works))
    assert nearest[:, 0].max() < 0.02
    assert nearest[:, 1].min() > 0.1


def test_other_works_are_far():
    """New works of the same kind are as far from the nearest as from the next one."""
    nearest = nearest_edges(copy_maps(draw_works(30, 2).float() / 127.5 - 1), list_variants(draw_works(30, 1)))
    assert (nearest[:, 0] / nearest[:, 1]).median() > 0.8


def test_pictures_that_are_not_square_are_not_turned():
    """A quarter turn has other sides; half of the variants of a square one are there all the same."""
    wide, square = (list_variants(draw_works(2, 1)[..., :height, :]) for height in (24, SIDE))
    assert len(square) == len(wide) + 3 == 57
