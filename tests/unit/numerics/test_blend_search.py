"""Pictures that are two works laid over each other are told from new works, copies and means of three."""

import itertools

import pytest
import torch

from artpipe.numerics.blend_search import measure_blends


@pytest.fixture
def works():
    return torch.rand(60, 48, generator=torch.Generator().manual_seed(0))


def shares(pictures, works):
    """Distances to the nearest blend, as shares of those to the nearest work."""
    blends, nearest = measure_blends(pictures, works).unbind(1)
    return blends / nearest


def by_hand(picture, works, steps=400):
    """The nearest blend by trying every pair and many weights."""
    weights = torch.linspace(0.25, 0.75, steps)[:, None]
    pairs = itertools.permutations(range(len(works)), 2)
    nearest = min(float(((1 - weights) * works[a] + weights * works[b] - picture).norm(dim=1).min()) for a, b in pairs)
    return nearest / float((works - picture).norm(dim=1).min())


@pytest.mark.parametrize("weight", [0.25, 0.4, 0.5, 0.75])
def test_a_blend_is_at_0(works, weight):
    """What two works make at any weight within the bounds lies on the line between them."""
    blends = (1 - weight) * works[:20] + weight * works[20:40]
    assert shares(blends, works).max() < 1e-3


def test_it_is_the_nearest_of_all_pairs(works):
    """The nearest blend is that of every pair and many weights tried by hand."""
    pictures = torch.rand(4, 48, generator=torch.Generator().manual_seed(1))
    expected = [by_hand(picture, works[:12]) for picture in pictures]
    assert shares(pictures, works[:12]).tolist() == pytest.approx(expected, abs=2e-3)


def test_others_are_far(works):
    """Means of three, new pictures and copies of one work are no blends of two."""
    three = (works[:20] + works[20:40] + works[40:60]) / 3
    new = torch.rand(20, 48, generator=torch.Generator().manual_seed(2))
    assert shares(three, works).min() > 0.4
    assert shares(new, works).min() > 0.6
    assert shares(works[:20] + 0.001, works).min() > 10  # a copy of one is no blend of two


def test_a_work_laid_over_itself_is_none(works):
    """A work among the works is not paired with itself."""
    assert measure_blends(works[:3], works[:3])[:, 0].min() > 0.5


def test_no_pictures(works):
    """No pictures give no distances."""
    assert measure_blends(works[:0], works).shape == (0, 2)
