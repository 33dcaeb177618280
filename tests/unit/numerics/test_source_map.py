"""Source maps of which everything is known by hand: shares, places, joints and colours."""

import pytest
import torch

from artpipe.numerics.source_map import (
    Composition,
    colour_source_map,
    measure_joints,
    measure_share_in_place,
    measure_work_shares,
)

IDENTITY = torch.arange(100).view(10, 10)


def works(count=2):
    ramp = torch.linspace(-1, 1, 10).expand(1, 10, 10)
    return torch.stack([ramp, -ramp][:count])


def test_a_copy():
    """All of it comes from one work and lies in its place, without a joint."""
    copied = Composition(works(), IDENTITY)
    assert measure_work_shares(copied) == [1.0, 0.0]
    assert measure_share_in_place(copied) == 1.0
    assert measure_joints(copied) == (0.0, 1.0)
    assert torch.equal(copied.picture, works()[0])


def test_three_columns_of_another_work():
    """They are its share; 7 of 10 columns lie in place in the one work; 10 of 180 pairs of neighbours are joints."""
    source_map = IDENTITY.clone()
    source_map[:, 7:] += 100
    mixed = Composition(works(), source_map)
    assert measure_work_shares(mixed) == pytest.approx([0.7, 0.3])
    assert measure_share_in_place(mixed) == pytest.approx(0.7)
    joints, contrast = measure_joints(mixed)
    assert joints == pytest.approx(10 / 180)
    assert contrast == pytest.approx(abs(1 / 3 + 5 / 9) / (2 / 9), rel=1e-4)  # from 1/3 to -5/9, usually 2/9


def test_a_moved_work_does_not_lie_in_place():
    """Five columns to the side is more than a fiftieth of it."""
    assert measure_share_in_place(Composition(works(1), IDENTITY.roll(5, 1))) == 0.0


def test_a_work_of_twice_the_width_in_proportion():
    """Each column twice lies in place."""
    assert measure_share_in_place(Composition(works(1), IDENTITY.repeat_interleave(2, 1))) == pytest.approx(0.5)


def test_works_and_places_differ_in_colour():
    """Two works, left and right, above and below; the picture is within [-1, 1]."""
    source_map = IDENTITY.clone()
    source_map[5, 5] = 155
    colours = colour_source_map(Composition(works(), source_map))
    assert colours.shape == (3, 10, 10)
    assert float(colours.abs().max()) <= 1
    places = [(0, 0), (0, 9), (9, 0), (5, 5), (5, 6)]
    rows = {tuple(colours[:, row, column].tolist()) for row, column in places}
    assert len(rows) == len(places)
