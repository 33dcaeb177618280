"""Likelihoods, divergences and bounds against numbers known by hand and distributions of torch."""

import math

import pytest
import torch
from torch.distributions import Bernoulli, MultivariateNormal, Normal, kl_divergence

from artpipe.nn.vae.elbo_terms import (
    apply_free_bits,
    importance_bound,
    kl_to_unit_normal,
    kl_warmup_share,
    mean_image,
    reconstruction_nll,
)


def test_kl_by_hand():
    """KL(N(1, 1)) is 1/2; KL(N(0, e^2 variance)) is (e^2 - 3) / 2."""
    kl = kl_to_unit_normal(torch.tensor([[1.0, 0.0, 0.0]]), torch.tensor([[0.0, 2.0, 0.0]]))
    torch.testing.assert_close(kl, torch.tensor([[0.5, (math.e**2 - 3) / 2, 0.0]]))


def test_kl_is_that_of_torch():
    """An independent implementation agrees."""
    mean, logvar = torch.randn(5, 3), torch.randn(5, 3)
    oracle = kl_divergence(Normal(mean, (logvar / 2).exp()), Normal(0.0, 1.0))
    torch.testing.assert_close(kl_to_unit_normal(mean, logvar), oracle)


def test_free_bits_press_only_what_is_above():
    """Means of 0.1 and 2 nats with half a nat free give 2.5, and no gradient to the first."""
    kl = torch.tensor([[0.0, 1.0], [0.2, 3.0]], requires_grad=True)
    loss = apply_free_bits(kl, 0.5)
    loss.backward()
    assert loss.item() == pytest.approx(2.5)
    torch.testing.assert_close(kl.grad, torch.tensor([[0.0, 0.5], [0.0, 0.5]]))


def test_warm_up_is_a_straight_line_to_one():
    """It ends at one after its steps and is one without any."""
    assert [kl_warmup_share(step, 4) for step in range(6)] == [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]
    assert kl_warmup_share(0, 0) == 1.0


def test_bernoulli_by_hand():
    """A fair coin for each of 12 values costs 12 log 2, whatever the picture."""
    found = reconstruction_nll("bernoulli", torch.zeros(2, 3, 2, 2), torch.rand(2, 3, 2, 2) * 2 - 1, torch.zeros(()))
    torch.testing.assert_close(found, torch.full((2,), 12 * math.log(2)))


def test_bernoulli_and_gaussian_are_those_of_torch():
    """Independent implementations agree on binary and on continuous pictures."""
    raw, binary, images = torch.randn(3, 1, 4, 4), torch.rand(3, 1, 4, 4).round(), torch.rand(3, 1, 4, 4) * 2 - 1
    oracle = -Bernoulli(logits=raw).log_prob(binary).sum((1, 2, 3))
    torch.testing.assert_close(reconstruction_nll("bernoulli", raw, binary * 2 - 1, torch.zeros(())), oracle)
    scale = torch.tensor(0.3)
    oracle = -Normal(raw.tanh(), scale).log_prob(images).sum((1, 2, 3))
    torch.testing.assert_close(reconstruction_nll("gaussian", raw, images, scale.log()), oracle)


@pytest.mark.parametrize("scale", [0.005, 0.1, 1.0])
def test_the_256_levels_of_a_logistic_add_up_to_one(scale):
    """The masses of all grey levels sum to one, ends included."""
    levels = (torch.arange(256).double() / 127.5 - 1).view(-1, 1, 1, 1)
    masses = reconstruction_nll("logistic", torch.full_like(levels, 0.3), levels, torch.tensor(scale).log().double())
    assert masses.neg().exp().sum().item() == pytest.approx(1.0, abs=1e-9)


def test_mean_images_are_in_range():
    """Logits become brightness, other outputs pass through tanh."""
    raw = torch.tensor([-50.0, 0.0, 50.0])
    for name in ("bernoulli", "gaussian", "logistic"):
        torch.testing.assert_close(mean_image(name, raw), torch.tensor([-1.0, 0.0, 1.0]))


def _linear_gaussian() -> tuple[torch.Tensor, torch.Tensor, float]:
    """x = W z + noise of standard deviation s, z normal: log p(x) is that of N(0, W W' + s^2)."""
    generator = torch.Generator().manual_seed(0)
    weights = torch.diag(torch.tensor([1.0, 0.5, 2.0], dtype=torch.double))
    return weights, torch.randn(4, 3, generator=generator, dtype=torch.double), 0.7


def _log_joint(weights, works, noise):
    likelihood, prior = (
        Normal(torch.zeros((), dtype=torch.double), noise),
        Normal(torch.zeros((), dtype=torch.double), 1.0),
    )
    return lambda codes: likelihood.log_prob(works - codes @ weights.T).sum(1) + prior.log_prob(codes).sum(1)


def test_the_bound_is_exact_at_the_true_posterior():
    """With q = p(z|x) every importance weight is p(x), so even one sample gives log p(x)."""
    weights, works, noise = _linear_gaussian()
    truth = MultivariateNormal(
        torch.zeros(3, dtype=torch.double), weights @ weights.T + noise**2 * torch.eye(3)
    ).log_prob(works)
    precision = torch.eye(3) + weights.T @ weights / noise**2
    mean = works @ weights @ torch.linalg.inv(precision).T / noise**2
    logvar = -precision.diagonal().log().expand_as(mean)
    bound = importance_bound(_log_joint(weights, works, noise), mean, logvar, 1)
    torch.testing.assert_close(bound, truth)


def test_the_bound_rises_to_the_truth_with_k():
    """With q = N(0, I) one sample is far below log p(x), 4,000 are close, and the order holds."""
    weights, works, noise = _linear_gaussian()
    truth = MultivariateNormal(
        torch.zeros(3, dtype=torch.double), weights @ weights.T + noise**2 * torch.eye(3)
    ).log_prob(works)
    zero, generator = torch.zeros_like(works), torch.Generator().manual_seed(1)
    bounds = [
        torch.stack(
            [importance_bound(_log_joint(weights, works, noise), zero, zero, k, generator) for _ in range(repeats)]
        ).mean(0)
        for k, repeats in ((1, 200), (10, 100), (4000, 1))
    ]
    assert (bounds[0] < bounds[1]).all()
    assert (bounds[1] < truth).all()
    torch.testing.assert_close(bounds[2], truth, atol=0.15, rtol=0)
