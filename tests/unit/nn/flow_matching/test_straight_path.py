"""Straight paths: their points, velocities and solvers against values known by hand."""

import math

import pytest
import torch

from artpipe.nn.flow_matching.guidance import GuidedPredictor
from artpipe.nn.flow_matching.straight_path import (
    draw_times,
    follow_path,
    interpolate_path,
    shift_times,
    spread_times,
    velocity_errors,
)

ONE = torch.ones(1, 1, 1, 1)


def test_a_path_is_straight():
    """A quarter of the way from 0 to 4 is 1, and its ends are noise and picture."""
    points = interpolate_path(torch.zeros(3, 1, 1, 1), 4 * ONE.expand(3, 1, 1, 1), torch.tensor([0.0, 0.25, 1.0]))
    assert points.flatten().tolist() == [0, 1, 4]


def test_an_error_of_a_velocity_is_that_of_the_picture_by_the_time_left():
    """At half time an error of 0.1 is one of 0.2 in velocity; near the end it grows no more."""
    pictures, times = torch.zeros(3, 1, 2, 2), torch.tensor([0.0, 0.5, 0.999])
    errors = velocity_errors(pictures + 0.1, pictures, times)
    torch.testing.assert_close(errors, torch.tensor([0.01, 0.04, 0.01 / 0.05**2]))


@pytest.mark.parametrize("heun", [False, True])
@pytest.mark.parametrize("begin", [0.0, 0.4])
def test_one_picture_is_reached_whatever_the_steps(heun, begin):
    """Where the network always predicts the same picture, the path is straight and ends in it."""
    for steps in (1, 3, 8):
        end = follow_path(lambda points, _: torch.full_like(points, 0.7), ONE, steps, heun=heun, begin=begin, shift=2.0)
        torch.testing.assert_close(end, 0.7 * ONE)


def test_from_the_end_nothing_changes():
    """Who begins at the end stays there, and the network is not asked."""
    assert follow_path(lambda *_: pytest.fail("asked"), ONE, 4, begin=1.0) is ONE


@pytest.mark.parametrize(("heun", "order"), [(False, 1), (True, 2)])
def test_the_order_of_the_solvers(heun, order):
    """Half the step leaves half of Euler's error and less than a third of Heun's: dx/dt = x from 1 ends in e."""

    def predict(points, time):
        return points + (1 - time) * points  # so that the velocity is x

    errors = [abs(follow_path(predict, ONE.double(), steps, heun=heun).item() - math.e) for steps in (16, 32)]
    assert errors[1] < errors[0] / (1.9 if order == 1 else 3)


def test_times_are_logit_normal():
    """The logits of drawn and of spread times have the mean and deviation that were asked for."""
    torch.manual_seed(0)
    for times in (draw_times(20_000, -0.4, 1.5), spread_times(20_000, -0.4, 1.5)):
        logits = times.logit()
        assert logits.mean().item() == pytest.approx(-0.4, abs=0.03)
        assert logits.std().item() == pytest.approx(1.5, abs=0.03)
    assert torch.equal(spread_times(9, 0, 1), spread_times(9, 0, 1))


def test_shifted_times_keep_their_ends():
    """A shift of 3 puts half time at a quarter."""
    assert shift_times(torch.tensor([0.0, 0.5, 1.0]), 3.0).tolist() == [0, 0.25, 1]


def _say_condition(points, times, conditions):
    """Predict the condition's first number, plus the time."""
    return (conditions[:, :1] + times[:, None])[..., None, None].expand_as(points)


def test_guidance_goes_beyond_the_condition_within_its_times():
    """From 1 (away) to 3 (asked) with a guidance of 2 is 5; outside of the times it is 3."""
    points = torch.zeros(2, 1, 2, 2)
    predictor = GuidedPredictor(_say_condition, torch.full((2, 4), 3.0), torch.full((1, 4), 1.0), 2.0, (0.2, 0.8))
    assert predictor(points, 0.5).unique().tolist() == [5.5]
    assert predictor(points, 0.0).unique().tolist() == [3.0]
    assert GuidedPredictor(_say_condition, torch.full((2, 4), 3.0), torch.ones(1, 4))(points, 0.0).unique().item() == 3


def test_what_is_not_painted_is_the_picture():
    """Predictions stand where the mask is 1, the picture elsewhere."""
    mask, picture = torch.tensor([[[1.0, 0.0]]]), torch.full((1, 1, 2), -0.5)
    predictor = GuidedPredictor(_say_condition, torch.ones(1, 4), torch.ones(1, 4), picture=picture, painted=mask)
    assert predictor(torch.zeros(1, 1, 1, 2), 0.0).flatten().tolist() == [1.0, -0.5]
