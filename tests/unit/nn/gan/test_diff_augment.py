"""DiffAugment: what each policy does to a picture."""

import pytest
import torch

from artpipe.nn.gan.diff_augment import (
    POLICIES,
    AdaptiveAugmentation,
    apply_policies,
    cutout,
    flip,
    shift_pixels,
    translation,
)


def test_no_policy_changes_nothing():
    """Without a policy the pictures come back as they are."""
    images = torch.randn(2, 3, 8, 8)
    assert apply_policies(images, ()) is images


def test_shift_by_nothing_is_the_identity():
    """A shift by 0 pixels is the identity."""
    images, zero = torch.randn(2, 3, 5, 4), torch.zeros(2, dtype=torch.long)
    assert torch.equal(shift_pixels(images, zero, zero), images)


def test_known_shift():
    """One pixel down and two to the left, grey coming in; each picture by its own."""
    images = torch.arange(1.0, 10.0).view(1, 1, 3, 3).repeat(2, 1, 1, 1)
    found = shift_pixels(images, torch.tensor([1, 0]), torch.tensor([-2, 0]))
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
    out = apply_policies(images, (name,))
    out[0].square().sum().backward()
    assert out.shape == images.shape
    assert images.grad[0].abs().sum() > 0
    assert images.grad[1:].abs().sum() == 0


def test_the_share_follows_certainty():
    """Sure of all 8 real works, 2 above the target of one half: 8 pictures of 80 more are augmented; else as many fewer."""
    augment = AdaptiveAugmentation(["cutout"], target=0.5, pictures=80)
    assert augment.adapt(torch.ones(8))["augmented"].item() == pytest.approx(0.1)
    assert augment.adapt(torch.tensor([3.0, 1.0, 0.1, 9.0, 2.0, 2.0, 2.0, -5.0]))["augmented"].item() == pytest.approx(
        0.2
    )
    assert augment.adapt(torch.tensor([1.0, -1.0] * 4))["augmented"].item() == pytest.approx(0.1)
    for _ in range(3):
        augment.adapt(-torch.ones(8))
    assert augment.share.item() == 0


def test_a_share_of_the_pictures_is_changed():
    """None at 0, all at 1, about a half at one half; mirroring goes on whatever the share."""
    images = torch.ones(400, 1, 4, 4)

    def changed(share: float) -> int:
        torch.manual_seed(2)
        return int((apply_policies(images, ["cutout"], torch.tensor(share)) != 1).flatten(1).any(1).sum())

    assert (changed(0.0), changed(1.0)) == (0, 400)
    assert 160 < changed(0.5) < 240
    torch.manual_seed(2)
    slope = torch.arange(4.0).expand(400, 1, 4, 4)
    assert 160 < int((apply_policies(slope, ["flip"], torch.tensor(0.0)) != slope).flatten(1).any(1).sum()) < 240


def test_without_a_target_nothing_is_kept():
    """No state is added to a checkpoint where all pictures are augmented, and the same numbers are drawn."""
    images = torch.rand(6, 3, 8, 8)
    augment = AdaptiveAugmentation(["color", "translation"])
    assert (augment.state_dict(), augment.adapt(torch.ones(3))) == ({}, {})
    torch.manual_seed(5)
    once = augment(images)
    torch.manual_seed(5)
    assert torch.equal(once, apply_policies(images, ("color", "translation")))
