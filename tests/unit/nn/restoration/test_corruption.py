"""Damage: by its seed alone, as much as was asked; and the two fills that need no learning, at values known by hand."""

import numpy as np
import pytest
import torch

from artpipe.errors import UserError
from artpipe.nn.restoration.corruption import DAMAGE_KINDS, damage_images, draw_mask
from artpipe.nn.restoration.hole_filling import fill_harmonic, fill_pull_push


def pictures(count=4, side=32, channels=3):
    return torch.rand(count, channels, side, side, generator=torch.Generator().manual_seed(1)) * 2 - 1


@pytest.mark.parametrize("kind", DAMAGE_KINDS)
def test_a_share_is_lost(kind):
    """At least what was asked and at most a stroke more; of noise twice that; a seed repeats it, another does not."""
    masks = [draw_mask(kind, 64, 96, 0.2, 8, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)]
    assert masks[0].shape == (64, 96)
    share = masks[0].float().mean().item() / (2 if kind == "noise" else 1)
    assert 0.18 < share < 0.32
    assert torch.equal(masks[0], masks[1])
    assert not torch.equal(masks[0], masks[2])


@pytest.mark.parametrize(("kind", "widest"), [("strokes", 8), ("scratches", 2)])
def test_a_line_is_as_wide_as_its_brush(kind, widest):
    """One stroke of a brush of 8 and 12 pixels: no lost pixel is further from a kept one than half the width allows."""
    brush = {"strokes": 8, "scratches": 12}[kind]
    for seed in range(5):
        mask = draw_mask(kind, 64, 64, 0.001, brush, torch.Generator().manual_seed(seed))
        kept, gone = (~mask).nonzero().float(), mask.nonzero().float()
        if kind == "scratches":  # strokes cross themselves
            assert torch.cdist(gone, kept).min(1).values.max() <= widest / 2 + 1


def test_damage_is_of_its_seed_alone():
    """In other company the same pixels are lost, and no generator but its own is asked."""
    some = pictures()
    torch.manual_seed(3)
    state = torch.get_rng_state()
    together, masks = damage_images(some, DAMAGE_KINDS, (0.1, 0.2), 6, [4, 5, 6, 7])
    assert torch.equal(torch.get_rng_state(), state)
    alone, mask = damage_images(some[2:3], DAMAGE_KINDS, (0.1, 0.2), 6, [6])
    assert torch.equal(alone[0], together[2])
    assert torch.equal(mask[0], masks[2])
    assert torch.equal(together[~masks.expand_as(some)], some[~masks.expand_as(some)])


def test_something_is_always_left():
    """A brush wider than the picture, and all but everything to lose."""
    _, masks = damage_images(pictures(8, 12), DAMAGE_KINDS, (0.9, 0.9), 30, range(8))
    assert not masks.flatten(1).all(1).any()


@pytest.mark.parametrize("channels", [1, 3])
def test_what_is_lost_looks_like_its_kind(channels):
    """A stroke and a stain have one colour, noise has many."""
    some = pictures(channels=channels)
    broken, masks = damage_images(some, DAMAGE_KINDS, (0.1, 0.2), 6, range(4))
    colours = [len(broken[i, 0][masks[i, 0]].unique()) for i in range(4)]
    assert colours[:3] == [1, 1, 1]
    assert colours[3] > 20


def test_a_harmonic_fill_by_hand():
    """A hole in a ramp becomes the ramp; one pixel becomes the mean of its four neighbours; a corner of its two."""
    ramp = torch.linspace(-1, 1, 9).view(1, 1, 1, 9).expand(1, 2, 7, 9).contiguous()
    hole = torch.zeros(1, 1, 7, 9, dtype=torch.bool)
    hole[..., 2:5, 2:7] = True
    torch.testing.assert_close(fill_harmonic(ramp.masked_fill(hole, 5.0), hole, 1e-6), ramp, atol=1e-4, rtol=0)
    some = pictures(1, 5, 1)
    hole = torch.zeros(1, 1, 5, 5, dtype=torch.bool)
    hole[0, 0, 2, 2] = hole[0, 0, 0, 0] = True
    filled = fill_harmonic(some, hole, 1e-6)[0, 0]
    near = some[0, 0]
    assert filled[2, 2].item() == pytest.approx(
        (near[1, 2] + near[3, 2] + near[2, 1] + near[2, 3]).item() / 4, abs=1e-5
    )
    assert filled[0, 0].item() == pytest.approx((near[0, 1] + near[1, 0]).item() / 2, abs=1e-5)


def test_a_harmonic_fill_is_the_solution():
    """Against a dense solver of the same equations, on any hole."""
    some = pictures(1, 9, 1)
    hole = torch.rand(1, 1, 9, 9, generator=torch.Generator().manual_seed(2)) < 0.5
    filled = fill_harmonic(some, hole, 1e-7)[0, 0].double().numpy()
    a, b = np.eye(81), some[0, 0].double().numpy().flatten()
    for y, x in hole[0, 0].nonzero().tolist():
        near = [(y + d, x + e) for d, e in ((0, 1), (1, 0), (0, -1), (-1, 0)) if 0 <= y + d < 9 and 0 <= x + e < 9]
        a[y * 9 + x, y * 9 + x] = len(near)
        b[y * 9 + x] = 0
        for d, e in near:
            a[y * 9 + x, d * 9 + e] = -1
    np.testing.assert_allclose(filled.flatten(), np.linalg.solve(a, b), atol=1e-4)


def test_a_guess_keeps_what_is_known_and_stays_within_it():
    """Constants stay constant; what is known is untouched, and no guess is brighter than all of it, at odd sizes too."""
    some = pictures(2, 13)
    hole = torch.zeros(2, 1, 13, 13, dtype=torch.bool)
    hole[..., 3:11, 2:12] = True
    guess = fill_pull_push(some.masked_fill(hole, 0), hole)
    kept = ~hole.expand_as(some)
    assert torch.equal(guess[kept], some[kept])
    assert guess.abs().max() <= some[kept].abs().max()
    flat = torch.full((1, 3, 13, 13), 0.3)
    torch.testing.assert_close(fill_pull_push(flat.masked_fill(hole[:1], 0), hole[:1]), flat)


def test_a_mask_over_everything_is_one_line():
    """It says which one and how large."""
    hole = torch.zeros(2, 1, 6, 8, dtype=torch.bool)
    hole[1] = True
    with pytest.raises(UserError, match=r"^mask 1: it covers all 8 x 6 pixels; leave some of the picture$"):
        fill_harmonic(torch.zeros(2, 3, 6, 8), hole)
