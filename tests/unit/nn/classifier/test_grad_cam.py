"""Grad-CAM on networks whose map is known."""

import torch

from artpipe.nn.classifier.grad_cam import grad_cam, overlay_heat


def test_the_map_of_the_class_is_the_heat():
    """Where class k's logit is the mean of map k, its heat is map k over its maximum."""
    maps = torch.rand(3, 2, 4, 5)
    heat = grad_cam(lambda m: m.mean((2, 3)), maps, torch.tensor([0, 1, 0]))
    expected = torch.stack([maps[0, 0], maps[1, 1], maps[2, 0]])
    torch.testing.assert_close(heat, expected / expected.amax((1, 2), keepdim=True))


def test_what_speaks_against_the_class_is_cold():
    """A map with a negative weight leaves no heat."""
    heat = grad_cam(lambda m: -m.mean((2, 3)), torch.rand(1, 2, 3, 3), torch.tensor([1]))
    assert heat.eq(0).all()


def test_it_works_where_no_gradients_are_kept():
    """An evaluation under inference mode gets the same heat."""
    maps, classes = torch.rand(2, 2, 3, 3), torch.tensor([0, 1])
    with torch.inference_mode():
        inside = grad_cam(lambda m: m.square().mean((2, 3)), maps, classes)
    torch.testing.assert_close(inside, grad_cam(lambda m: m.square().mean((2, 3)), maps, classes))


def test_overlay_is_a_colour_picture_in_range():
    """Grey pictures become colour, of the same size and range."""
    shown = overlay_heat(torch.rand(2, 1, 28, 28) * 2 - 1, torch.rand(2, 7, 7))
    assert shown.shape == (2, 3, 28, 28)
    assert shown.abs().max() <= 1


def test_overlay_is_brightest_where_it_is_hot():
    """On a black picture the hottest corner is the brightest."""
    heat = torch.zeros(1, 4, 4)
    heat[0, 0, 0] = 1
    brightness = overlay_heat(-torch.ones(1, 3, 16, 16), heat).sum(1)[0]
    assert brightness[:4, :4].mean() > brightness[8:, 8:].mean() + 1
