"""The two-player losses and their regularisers, against values known by hand."""

import math

import pytest
import torch
from torch import nn

from artpipe.nn.gan.losses import (
    ADVERSARIAL_LOSSES,
    gradient_penalty,
    gradient_ratio,
    squared_gradient_norm,
    zero_centred_penalty,
)

LN2 = math.log(2)
SIGMOID_2 = 1 / (1 + math.exp(-2))

# (discriminator, generator) at real = 2, fake = 0; then the generator's slope in fake, known by hand.
BY_HAND = {
    "minimax": (math.log1p(math.exp(-2)) + LN2, -LN2, -0.5),
    "nonsaturating": (math.log1p(math.exp(-2)) + LN2, LN2, -0.5),
    "wasserstein": (-2.0, 0.0, -1.0),
    "hinge": (1.0, 0.0, -1.0),
    "relativistic": (math.log1p(math.exp(-2)), math.log1p(math.exp(2)), -SIGMOID_2),
}
# The discriminator's slope in (real, fake) at the same point.
SLOPES = {
    "minimax": (SIGMOID_2 - 1, 0.5),
    "nonsaturating": (SIGMOID_2 - 1, 0.5),
    "wasserstein": (-1.0, 1.0),
    "hinge": (0.0, 1.0),
    "relativistic": (SIGMOID_2 - 1, 1 - SIGMOID_2),
}


@pytest.mark.parametrize("name", ADVERSARIAL_LOSSES)
def test_values(name):
    """Each loss has the value of its formula."""
    real, fake = torch.tensor([2.0]), torch.tensor([0.0])
    of_discriminator, of_generator, _ = BY_HAND[name]
    assert ADVERSARIAL_LOSSES[name].discriminator(real, fake).item() == pytest.approx(of_discriminator, abs=1e-6)
    assert ADVERSARIAL_LOSSES[name].generator(real, fake).item() == pytest.approx(of_generator, abs=1e-6)


@pytest.mark.parametrize("name", ADVERSARIAL_LOSSES)
def test_gradients(name):
    """Each loss has the slope of its formula, in both logits."""
    real, fake = torch.tensor([2.0], requires_grad=True), torch.tensor([0.0], requires_grad=True)
    slopes = torch.autograd.grad(ADVERSARIAL_LOSSES[name].discriminator(real, fake).sum(), (real, fake))
    assert [slope.item() for slope in slopes] == pytest.approx(SLOPES[name], abs=1e-6)
    (slope,) = torch.autograd.grad(ADVERSARIAL_LOSSES[name].generator(real.detach(), fake).sum(), fake)
    assert slope.item() == pytest.approx(BY_HAND[name][2], abs=1e-6)


@pytest.mark.parametrize("name", [name for name, game in ADVERSARIAL_LOSSES.items() if game.one_pass])
def test_ratio(name):
    """The ratio turns the discriminator's slope into the generator's."""
    ratio = gradient_ratio(ADVERSARIAL_LOSSES[name], torch.tensor([2.0]), torch.tensor([0.0]))
    assert ratio.item() * SLOPES[name][1] == pytest.approx(BY_HAND[name][2], abs=1e-5)


def test_ratio_is_finite():
    """A discriminator that is utterly sure yields a huge ratio and no infinity."""
    ratio = gradient_ratio(ADVERSARIAL_LOSSES["relativistic"], torch.tensor([1e4]), torch.tensor([-1e4]))
    assert ratio.isfinite().all()


def _linear(weights: list[float]) -> nn.Linear:
    critic = nn.Linear(4, 1)
    critic.weight.data = torch.tensor([weights])
    return critic


def test_r1_of_a_linear_critic_is_half_its_squared_weights():
    """R1 of w.x is gamma ||w||^2 / 2 wherever it is taken, its gradient is gamma w; R2 adds its own share."""
    critic = _linear([1.0, -2.0, 0.0, 2.0])
    images = torch.randn(5, 1, 2, 2)
    penalty = zero_centred_penalty(lambda x: critic(x.flatten(1)), [(images, 2.0)])
    penalty.backward()
    assert penalty.item() == pytest.approx(9.0)
    assert critic.weight.grad.tolist() == [[2.0, -4.0, 0.0, 4.0]]
    both = zero_centred_penalty(lambda x: critic(x.flatten(1)), [(images, 2.0), (-images, 1.0)])
    assert both.item() == pytest.approx(13.5)


def test_squared_gradient_of_a_quadratic_critic():
    """For ||x||^2 / 2 the squared gradient at x is ||x||^2, sample by sample."""
    x = torch.randn(3, 1, 2, 2)
    found = squared_gradient_norm(lambda at: at.square().flatten(1).sum(1) / 2, x)
    torch.testing.assert_close(found, x.square().flatten(1).sum(1))


@pytest.mark.parametrize(("scale", "expected"), [(1.0, 0.0), (3.0, 4.0)])
def test_gradient_penalty_of_a_linear_critic(scale, expected):
    """A linear critic of slope s is charged (s - 1)^2."""
    critic = _linear([0.6 * scale, 0.8 * scale, 0.0, 0.0])
    real, fake = torch.randn(5, 1, 2, 2), torch.randn(5, 1, 2, 2)
    penalty = gradient_penalty(lambda x: critic(x.flatten(1)), real, fake)
    assert penalty.item() == pytest.approx(expected, abs=1e-5)


def test_penalties_stay_in_fp32_under_autocast():
    """Under bf16 autocast the double backward is the fp32 one."""
    critic = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
    x = torch.randn(5, 1, 2, 2)
    plain = squared_gradient_norm(lambda at: critic(at.flatten(1)), x)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        autocast = squared_gradient_norm(lambda at: critic(at.flatten(1)), x)
    assert torch.equal(plain, autocast)
