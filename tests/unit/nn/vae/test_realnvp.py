"""The flow: exact inverse, exact density, and it learns."""

import torch
from torch.distributions import Normal

from artpipe.nn.vae.realnvp import RealNVP


def _moved(size: int = 5) -> RealNVP:
    torch.manual_seed(0)
    flow = RealNVP(size, 3, 8).double()
    for parameter in flow.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return flow


def test_before_training_it_is_the_standard_normal():
    """A new flow, or one without layers, has the density of N(0, I)."""
    codes = torch.randn(4, 6)
    for layers in (0, 4):
        oracle = Normal(0.0, 1.0).log_prob(codes).sum(1)
        torch.testing.assert_close(RealNVP(6, layers, 8).log_density(codes), oracle)


def test_density_is_the_change_of_variables():
    """log p(z) is the noise's density and the log determinant of the inverse's Jacobian, by autograd."""
    flow, noise = _moved(), torch.randn(1, 5, dtype=torch.double)
    jacobian = torch.autograd.functional.jacobian(lambda n: flow.codes(n[None])[0], noise[0])
    oracle = Normal(torch.zeros((), dtype=torch.double), 1.0).log_prob(noise).sum() - torch.linalg.slogdet(jacobian)[1]
    torch.testing.assert_close(flow.log_density(flow.codes(noise))[0], oracle)


def test_it_learns_where_the_codes_lie():
    """Trained on two clusters, its samples lie in two clusters."""
    torch.manual_seed(0)
    flow = RealNVP(2, 4, 16)
    optimiser = torch.optim.Adam(flow.parameters(), lr=5e-3)
    for _ in range(300):
        codes = 0.2 * torch.randn(128, 2) + torch.randint(2, (128, 1)) * 3 - 1.5
        optimiser.zero_grad()
        (-flow.log_density(codes).mean()).backward()
        optimiser.step()
    with torch.no_grad():
        samples = flow.codes(torch.randn(1000, 2))
    near = (samples.abs() - 1.5).abs().amax(1) < 0.8
    assert near.float().mean() > 0.8  # the standard normal has 0.2
    assert 0.3 < (samples[:, 0] > 0).float().mean() < 0.7
