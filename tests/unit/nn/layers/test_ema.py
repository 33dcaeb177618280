"""The moving average of weights."""

import pytest
import torch
from torch import nn

from artpipe.nn.layers import ema


def test_half_of_the_old_is_left_after_a_half_life():
    """After as many pictures as the half-life, the average is half way to the weights."""
    network = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(network.weight)
    average = ema.make_average(network)
    nn.init.ones_(network.weight)
    for _ in range(10):
        ema.update(average, network, ema.compute_decay(50, 500, pictures_seen=1e9))
    assert average.weight.item() == pytest.approx(0.5, abs=1e-6)


def test_no_half_life_is_no_average():
    """With a half-life of 0, and at the very first step, the average is the network."""
    assert ema.compute_decay(64, 0, 1e6) == 0
    assert ema.compute_decay(64, 1e4, 0) == 0


def test_ramp():
    """Early on the half-life is a twentieth of what was seen."""
    assert ema.compute_decay(10, 1e6, pictures_seen=200) == 0.5


def test_buffers_are_copied_and_nothing_trains():
    """Batch statistics are the network's own; the average has no gradients and stays in eval mode."""
    network = nn.BatchNorm2d(2)
    average = ema.make_average(network)
    network(torch.randn(8, 2, 3, 3))
    ema.update(average, network, 0.9)
    assert torch.equal(average.running_mean, network.running_mean)
    assert not average.training
    assert not any(weight.requires_grad for weight in average.parameters())
