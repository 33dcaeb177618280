"""DiffAugment: what each policy does to a picture."""

import pytest
import torch

from artpipe.nn.augment import POLICIES, augmented, cutout, flip, shifted, translation


def test_no_policy_changes_nothing():
    """Without a policy the pictures come back as they are."""
    images = torch.randn(2, 3, 8, 8)
    assert augmented(images, ()) is images


def test_shift_by_nothing_is_the_identity():
    """A shift by 0 pixels is the identity."""
    images, zero = torch.randn(2, 3, 5, 4), torch.zeros(2, dtype=torch.long)
    assert torch.equal(shifted(images, zero, zero), images)


def test_known_shift():
    """One pixel down and two to the left, grey coming in; each picture by its own."""
    images = torch.arange(1.0, 10.0).view(1, 1, 3, 3).repeat(2, 1, 1, 1)
    found = shifted(images, torch.tensor([1, 0]), torch.tensor([-2, 0]))
    assert found[0, 0].tolist() == [[0, 0, 0], [3, 0, 0], [6, 0, 0]]
    assert torch.equal(found[1], images[1])


def test_translation_reaches_an_eighth():
    """A picture moves by at most an eighth of its side, and over many pictures in every direction."""
    images = torch.zeros(400, 1, 16, 16)
    images[:, :, 8, 8] = 1
    rows, columns = translation(images).flatten(2).argmax(2).squeeze(1), 16
    assert {int(row) // columns for row in rows} == {6, 7, 8, 9, 10}
    assert {int(row) % columns for row in rows} == {6, 7, 8, 9, 10}


def test_cutout_greys_a_rectangle_out():
    """At most half of each side is grey afterwards, and never nothing."""
    grey = cutout(torch.ones(50, 1, 16, 16)) == 0
    assert grey.any(2).sum(2).min() > 0
    assert grey.any(2).sum(2).max() <= 9
    assert grey.any(3).sum(2).max() <= 9


def test_flip_mirrors_about_every_other_picture():
    """A picture comes back as it was or mirrored, left for right alone."""
    images = torch.arange(6.0).view(1, 1, 2, 3).repeat(400, 1, 1, 1)
    out = flip(images)
    mirrored = (out == images.flip(3)).flatten(1).all(1)
    assert ((out == images).flatten(1).all(1) | mirrored).all()
    assert 150 < mirrored.sum() < 250


@pytest.mark.parametrize("name", POLICIES)
def test_policies_are_differentiable(name):
    """A gradient passes through every policy, and shape and independence of samples stay."""
    images = torch.randn(4, 3, 8, 8, requires_grad=True)
    out = augmented(images, (name,))
    out[0].square().sum().backward()
    assert out.shape == images.shape
    assert images.grad[0].abs().sum() > 0
    assert images.grad[1:].abs().sum() == 0
