"""A hole is filled with whole pieces; all else stays bit by bit."""

import pytest
import torch

from artpipe.numerics.patch_completion import fill_hole
from artpipe.numerics.patch_synthesis import PatchSettings, list_level_sizes

SIDE = 48
SIZES = list_level_sizes((SIDE, SIDE), 20, 1.35)
HOLE = torch.zeros(SIDE, SIDE, dtype=torch.bool)
HOLE[18:30, 16:34] = True
NONE = torch.zeros(0, 3, SIDE, SIDE)


def stripes(period=6):
    wave = torch.where(torch.arange(SIDE) % period < period // 2, 0.8, -0.8)
    return wave.expand(3, SIDE, SIDE).clone()


def fill(picture, works=NONE, seed=1, hole=HOLE):
    return fill_hole(picture, hole, works, SIZES, seed, PatchSettings())


def test_stripes_go_on_through_the_hole():
    """What is periodic around a hole is so in it, whatever the hole held."""
    picture = stripes()
    filled = fill(torch.where(HOLE, torch.tensor(9.0), picture)).picture
    assert (filled - picture)[:, HOLE].abs().mean() < 0.1


def test_the_rest_stays_and_nothing_is_taken_from_the_hole():
    """Pixels outside are the same bits; each pixel inside is copied from one outside or from a work."""
    noise = torch.rand(3, SIDE, SIDE, generator=torch.Generator().manual_seed(0)) * 2 - 1
    composition = fill(noise, noise.flip(2)[None])
    assert torch.equal(composition.picture[:, ~HOLE], noise[:, ~HOLE])
    sources = composition.source_map[HOLE]
    own = sources[sources < HOLE.numel()]
    assert not HOLE.flatten()[own].any()


def test_a_seed_is_one_filling():
    """The same seed fills alike, another one otherwise."""
    noise = torch.rand(3, SIDE, SIDE, generator=torch.Generator().manual_seed(0)) * 2 - 1
    first, again, other = (fill(noise, seed=seed).picture for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_what_the_picture_lacks_comes_from_a_work():
    """Of a picture that is nearly all hole, the pieces are those of the work; of a whole one they are its own."""
    most = torch.ones(SIDE, SIDE, dtype=torch.bool)
    most[:4] = False  # lower than a patch
    sources = fill(stripes(), stripes()[None], hole=most).source_map[most]
    assert (sources >= HOLE.numel()).all()
    assert (fill(stripes(), stripes(10)[None]).source_map[HOLE] < HOLE.numel()).all()


def test_nothing_whole_is_refused():
    """Without a work a picture that is all hole cannot be filled."""
    with pytest.raises(ValueError, match="no patch is whole"):
        fill(stripes(), hole=torch.ones(SIDE, SIDE, dtype=torch.bool))
