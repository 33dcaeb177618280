"""Principal directions of noise: known ones are found in their order, and classes are none of them."""

from types import SimpleNamespace

import pytest
import torch

from artpipe.evaluation.noise_directions import find_directions

PATTERNS = torch.eye(6).view(6, 1, 2, 3).repeat_interleave(8, 2).repeat_interleave(8, 3)  # of 16 x 24 pixels


class Walker:
    """Paints pattern k as strongly as the noise lies along axis k, and a class as a bright picture."""

    noise_size = 5

    def __init__(self, strengths, classes=()):
        self.strengths, self.spec = strengths, SimpleNamespace(classes=classes)

    def walk(self, noise, mix):
        """Return pictures of the noise and the class."""
        pictures = torch.einsum("nk,kchw->nchw", noise * self.strengths, PATTERNS[:5])
        bright = 100 * (mix * torch.arange(mix.shape[1])).sum(1) if mix.shape[1] else torch.zeros(len(mix))
        return pictures + bright[:, None, None, None] * PATTERNS[5]

    def sample(self, prompt):
        """Return nothing; a walker is a sampler."""
        raise NotImplementedError


@pytest.mark.parametrize("classes", [(), ("a", "b", "c")])
def test_known_directions_are_found_by_their_strength(classes):
    """Axes 2, 0 and 4 of five, of unit length, at right angles and with a positive sign."""
    directions = find_directions(Walker(torch.tensor([2.0, 0.1, 4.0, 0.2, 1.0]), classes))
    assert directions.shape == (5, 5)
    assert torch.allclose(directions @ directions.T, torch.eye(5), atol=1e-5)
    assert directions.abs().argmax(1)[:3].tolist() == [2, 0, 4]
    assert directions[:3].amax(1).min() > 0.98
    assert torch.equal(directions, find_directions(Walker(torch.tensor([2.0, 0.1, 4.0, 0.2, 1.0]), classes)))
