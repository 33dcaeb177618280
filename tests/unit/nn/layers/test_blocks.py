"""The shared convolution blocks."""

import pytest
import torch
import torch.nn.functional as F

from artpipe.nn.layers.blocks import (
    Residual,
    Stem,
    Upsample,
    UpsampleToImage,
    conv,
    linear,
    list_sizes,
    upsample_twofold,
)


@pytest.mark.parametrize(
    ("side", "expected"),
    [(8, [4, 8]), (28, [7, 14, 28]), (32, [4, 8, 16, 32]), (30, [4, 8, 15, 30]), (128, [4, 8, 16, 32, 64, 128])],
)
def test_ladder(side, expected):
    """Sizes halve, rounded up, until the shorter side is at most 7."""
    assert list_sizes(side, side) == [(size, size) for size in expected]


def test_ladder_of_an_oblong():
    """Height and width halve together."""
    assert list_sizes(20, 32) == [(5, 8), (10, 16), (20, 32)]


def test_a_residual_block_starts_as_the_identity():
    """The last convolution starts at zero, so nothing changes at first."""
    x = torch.randn(2, 4, 5, 5)
    assert torch.equal(Residual(4)(x), x)


def test_zero_start():
    """A layer asked to start at zero does, weights and bias; the others do not, their bias does."""
    assert not conv(2, 3, zero=True).weight.any()
    assert conv(2, 3).weight.all()
    assert not linear(2, 3).bias.any()


@pytest.mark.parametrize("smooth", [False, True])
@pytest.mark.parametrize("size", [(14, 14), (13, 14), (13, 11)])
def test_paint_is_a_convolution_of_the_upsampled_features(size, smooth):
    """Mixing before the upsampling gives what a 3x3 convolution at full size gives."""
    block, x = UpsampleToImage(5, 2, size, smooth=smooth), torch.randn(3, 5, 7, (size[1] + 1) // 2)
    enlarged = F.interpolate(x, scale_factor=2.0, mode="bilinear" if smooth else "nearest")
    enlarged = enlarged[:, :, : size[0], : size[1]]
    kernel = block.taps.weight.view(2, 3, 3, 5).permute(0, 3, 1, 2).flip(2, 3)
    torch.testing.assert_close(block(x), F.conv2d(enlarged, kernel, padding=1))


def test_doubled_by_hand():
    """Nearest repeats; bilinear goes over in steps of a half, from a quarter inside."""
    row = torch.tensor([0.0, 4.0]).view(1, 1, 1, 2)
    assert upsample_twofold(row, (2, 4), smooth=False)[0, 0].tolist() == [[0, 0, 4, 4]] * 2
    assert upsample_twofold(row, (1, 3), smooth=True)[0, 0].tolist() == [[0, 1, 3]]


@pytest.mark.parametrize("size", [(8, 8), (7, 8), (7, 5)])
def test_stem_and_up_are_inverse_in_size(size):
    """The stem halves, rounding up; Up doubles to the size it was given."""
    features = Stem(3, 4)(torch.randn(2, 3, *size))
    assert features.shape == (2, 4, (size[0] + 1) // 2, (size[1] + 1) // 2)
    assert Upsample(4, 6, size)(features).shape == (2, 6, *size)
