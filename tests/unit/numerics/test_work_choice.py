"""Which works are chosen among many."""

import torch

from artpipe.numerics.work_choice import choose_clear_works, spread


def test_points_that_lie_far_apart():
    """On a line at 0, 1, 10 and 4: the first, then 10, then 4."""
    assert spread(torch.tensor([[0.0], [1.0], [10.0], [4.0]]), 3) == [0, 2, 3]
    assert spread(torch.zeros(3, 1), 5) == [0, 1, 2]


def test_clear_works_that_differ():
    """Of grey, black, half red and half green works the halves are taken, unless they are left out."""
    images = torch.full((6, 3, 16, 16), 128, dtype=torch.uint8)
    images[1] = 3
    images[2, 0, :, :8], images[4, 1, :8] = 255, 255
    assert set(choose_clear_works(images, 2)) == {2, 4}
    assert 2 not in choose_clear_works(images, 2, without=[2])
