"""Likelihoods, divergences and bounds of a variational autoencoder, in nats."""

import math
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

LikelihoodName = Literal["bernoulli", "gaussian", "logistic"]
_HALF_LEVEL = 1 / 255  # half the distance of two of the 256 grey levels on the [-1, 1] scale


def kl_to_unit_normal(mean: Tensor, logvar: Tensor) -> Tensor:
    """Return KL(N(mean, exp(logvar)) || N(0, 1)) of each dimension, ``(B, Z)`` nats.

    Kingma & Welling 2013, appendix B.
    """
    return 0.5 * (mean.square() + logvar.exp() - 1 - logvar)


def sampled_kl(noise: Tensor, logvar: Tensor, log_prior: Tensor) -> Tensor:
    """Return ``log q(z|x) - log p(z)`` ``(B,)`` nats, a sample of the KL to any prior.

    Args:
        noise: ``(B, Z)``, by which z was drawn: ``z = mean + noise exp(logvar / 2)``.
        logvar: ``(B, Z)`` of q(z|x).
        log_prior: log p(z) ``(B,)``.
    """
    return -0.5 * (noise.square() + logvar + math.log(2 * math.pi)).sum(1) - log_prior


def apply_free_bits(kl: Tensor, free_nats: float) -> Tensor:
    """Return the scalar ``sum_z max(free_nats, mean_b kl[b, z])``.

    Below its allowance a dimension has no gradient (Kingma et al. 2016). Without an allowance it is the mean itself, which may be
    negative where the KL was sampled.

    Args:
        kl: ``(B, Z)`` nats.
        free_nats: allowance of each dimension, in nats.
    """
    means = kl.mean(0)
    return (means.clamp_min(free_nats) if free_nats else means).sum()


def kl_warmup_share(step: int, warmup_steps: int) -> float:
    """Return the share in [0, 1] of the KL that counts at `step`.

    It grows linearly up to `warmup_steps` (Sonderby et al. 2016).
    """
    return min(1.0, (step + 1) / warmup_steps) if warmup_steps else 1.0


def mean_image(name: LikelihoodName, raw: Tensor) -> Tensor:
    """Return the mean pictures in [-1, 1] of a decoder's raw output."""
    return raw.sigmoid() * 2 - 1 if name == "bernoulli" else raw.tanh()


def reconstruction_nll(name: LikelihoodName, raw: Tensor, images: Tensor, log_scale: Tensor) -> Tensor:
    """Return -log p(x|z) ``(B,)`` in nats per picture.

    Args:
        name: `bernoulli`: each value's brightness is the chance of a white one; `gaussian`: a density of values in
            [-1, 1]; `logistic`: the mass of the 256 grey levels under a logistic distribution (Salimans et al. 2017).
        raw: the decoder's output ``(B, C, H, W)``, see `mean_image`.
        images: ``(B, C, H, W)`` in [-1, 1].
        log_scale: logarithm of standard deviation or scale, of any shape that fits; not used by `bernoulli`.
    """
    if name == "bernoulli":
        return F.binary_cross_entropy_with_logits(raw, (images + 1) / 2, reduction="none").sum((1, 2, 3))
    mean = raw.tanh()
    if name == "gaussian":
        squared = ((images - mean) * torch.exp(-log_scale)).square()
        return (0.5 * squared + log_scale + 0.5 * math.log(2 * math.pi)).sum((1, 2, 3))
    return -_logistic_log_mass(images - mean, images, torch.exp(-log_scale)).sum((1, 2, 3))


def _logistic_log_mass(distance: Tensor, images: Tensor, inverse_scale: Tensor) -> Tensor:
    upper, lower = inverse_scale * (distance + _HALF_LEVEL), inverse_scale * (distance - _HALF_LEVEL)
    # log(sigmoid(u) - sigmoid(l)) = log sigmoid(u) + log sigmoid(-l) + log(1 - exp(l - u)), without cancellation
    inside = F.logsigmoid(upper) + F.logsigmoid(-lower) + torch.log(-torch.expm1(lower - upper))
    white = torch.where(images > 1 - _HALF_LEVEL, F.logsigmoid(-lower), inside)
    return torch.where(images < -1 + _HALF_LEVEL, F.logsigmoid(upper), white)


def draw_black_and_white(images: Tensor, seed: int | None = None) -> Tensor:
    """Return -1 or 1 for each pixel in [-1, 1], white as often as it is bright.

    Salakhutdinov & Murray 2008; by torch's global generator where there is no seed.
    """
    generator = None if seed is None else torch.Generator().manual_seed(seed)
    chances = torch.rand(images.shape, generator=generator) if generator else torch.rand_like(images)
    return torch.where(chances.to(images.device) < (images + 1) / 2, 1.0, -1.0)


def importance_bound(
    log_joint: Callable[[Tensor], Tensor],
    mean: Tensor,
    logvar: Tensor,
    k: int,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Return the importance-weighted bound on log p(x), ``(B,)`` nats.

    ``log 1/k sum_i p(x, z_i) / q(z_i|x)`` rises to log p(x) with k (Burda et al. 2015).

    Args:
        log_joint: from codes ``(B, Z)`` to log p(x, z) ``(B,)``, for the pictures that `mean` and `logvar` encode.
        mean: ``(B, Z)`` of q(z|x), a normal distribution with independent dimensions.
        logvar: ``(B, Z)`` of q(z|x).
        k: importance samples; with one, this is a sample of the ELBO.
        generator: of the samples; torch's global one by default.
    """
    weights = []
    for _ in range(k):
        noise = torch.randn(mean.shape, generator=generator, dtype=mean.dtype).to(mean.device)
        code = mean + noise * (0.5 * logvar).exp()
        weights.append(-sampled_kl(noise, logvar, log_joint(code)))
    return torch.stack(weights).logsumexp(0) - math.log(k)
