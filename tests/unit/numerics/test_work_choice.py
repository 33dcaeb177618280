"""Which works are chosen among many."""

import torch

from artpipe.numerics.work_choice import choose_clear_works, choose_self_similar_works, measure_strangeness, spread


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


def test_strangeness_of_what_repeats_itself():
    """Stripes have every part again elsewhere, noise none; a spot on plain ground lies between."""
    stripes = (torch.arange(96) // 12 % 2 * 255).to(torch.uint8).expand(3, 96, 96)
    noise = torch.randint(0, 256, (3, 48, 48), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    spot = torch.full((3, 96, 96), 60, dtype=torch.uint8)
    spot[:, 30:50, 40:60] = 250
    assert measure_strangeness(stripes) < 0.01
    assert measure_strangeness(noise) > 0.7
    assert 0.01 < measure_strangeness(spot) < 0.7


def test_works_whose_parts_can_change_places():
    """Of ten works the two that are striped are taken, though those with a spot in one place are as clear."""
    images = torch.full((10, 3, 48, 48), 90, dtype=torch.uint8)
    for row in range(10):
        images[row, row % 3, 10 + row : 30 + row, 8:28] = 250
    for row, channel in ((3, 0), (6, 1)):
        images[row] = 40
        images[row, channel, :, torch.arange(48) // 12 % 2 == channel] = 230
    assert set(choose_self_similar_works(images, 2)) == {3, 6}
