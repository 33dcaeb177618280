"""Degradations at their known points."""

import torch

from artpipe.nn.classifier.degradations import erase_rectangle, make_dirty, warp


def test_no_strength_changes_nothing():
    """All strengths at 0 return the pictures."""
    images = torch.rand(4, 3, 9, 7) * 2 - 1
    torch.testing.assert_close(warp(images, shift=0, degrees=0, zoom=0, flip=False), images, atol=1e-5, rtol=0)
    torch.testing.assert_close(make_dirty(images, noise_std=0, grey=0, blur=0), images)
    torch.testing.assert_close(erase_rectangle(images, largest=0), images)


def test_a_flip_mirrors_about_half():
    """A flipped picture is its mirror image, the others are untouched."""
    torch.manual_seed(0)
    images = (torch.rand(1, 1, 6, 6) * 2 - 1).expand(200, -1, -1, -1)
    turned = warp(images, shift=0, degrees=0, zoom=0, flip=True)
    mirrored = (turned - images.flip(3)).abs().amax((1, 2, 3)) < 1e-5
    untouched = (turned - images).abs().amax((1, 2, 3)) < 1e-5
    assert (mirrored ^ untouched).all()
    assert 60 < mirrored.sum() < 140


def test_shift_stays_within_its_share():
    """A dot in the middle of 20 pixels shifted by at most 0.1 stays within 2 pixels, and moves."""
    images = -torch.ones(100, 1, 21, 21)
    images[:, :, 10, 10] = 1
    rows = (warp(images, shift=0.1, degrees=0, zoom=0, flip=False) + 1).sum((1, 3)).argmax(1)
    assert (rows - 10).abs().max() <= 3
    assert rows.unique().numel() >= 3


def test_grey_ground_lifts_black_and_keeps_range():
    """Black pictures become grey by up to the given share; nothing leaves [-1, 1]."""
    torch.manual_seed(0)
    found = make_dirty(-torch.ones(300, 1, 4, 4), noise_std=0, grey=0.5, blur=0)
    assert -1 <= found.min() < found.max() <= 0
    assert (found.amax((1, 2, 3)) - found.amin((1, 2, 3))).max() < 1e-6


def test_erased_part_is_one_rectangle_of_one_grey():
    """What differs is constant and no larger than its share of each side."""
    images = torch.full((300, 2, 10, 10), 2.0)
    found = erase_rectangle(images, largest=0.4)
    changed = found.lt(2)
    assert changed.any(3).sum(2).max() <= 5
    assert changed.any(2).sum(2).max() <= 5
    values = torch.where(changed, found, torch.nan).flatten(1)
    assert all(row[~row.isnan()].unique().numel() <= 1 for row in values)
