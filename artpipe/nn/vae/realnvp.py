"""A normalising flow (RealNVP, Dinh et al. 2016) as a density of codes.

It can be sampled and computed exactly.
"""

import math

import torch
from torch import Tensor, nn


class Coupling(nn.Module):
    """An affine coupling: half of the dimensions shift and scale the other half.

    It is the identity before any training.
    """

    mask: Tensor

    def __init__(self, size: int, hidden: int, *, odd: bool) -> None:
        super().__init__()
        self.register_buffer("mask", (torch.arange(size) % 2 == int(odd)).float())
        self.net = nn.Sequential(
            nn.Linear(size, hidden), nn.SiLU(), nn.Linear(hidden, hidden), nn.SiLU(), nn.Linear(hidden, 2 * size)
        )
        nn.init.zeros_(self.net[-1].weight)  # type: ignore[arg-type]
        nn.init.zeros_(self.net[-1].bias)  # type: ignore[arg-type]

    def forward(self, codes: Tensor) -> tuple[Tensor, Tensor]:
        """Return log scale in (-2, 2) and shift, ``(B, Z)``, 0 where the mask is 1."""
        log_scale, shift = self.net(codes * self.mask).chunk(2, dim=1)
        return 2 * torch.tanh(log_scale / 2) * (1 - self.mask), shift * (1 - self.mask)


class RealNVP(nn.Module):
    """Couplings with fixed shuffles between them, from codes to normal noise and back."""

    shuffles: Tensor

    def __init__(self, size: int, layers: int, hidden: int, seed: int = 0) -> None:
        super().__init__()
        self.couplings = nn.ModuleList([Coupling(size, hidden, odd=bool(i % 2)) for i in range(layers)])
        generator = torch.Generator().manual_seed(seed)
        orders = [torch.randperm(size, generator=generator) for _ in range(layers)]
        self.register_buffer("shuffles", torch.stack(orders) if orders else torch.empty(0, size, dtype=torch.long))

    def log_density(self, codes: Tensor) -> Tensor:
        """Return log p(z) ``(B,)`` in nats of codes ``(B, Z)``."""
        total = torch.zeros(len(codes), dtype=codes.dtype, device=codes.device)
        for coupling, shuffle in zip(self.couplings, self.shuffles, strict=True):
            log_scale, shift = coupling(codes)
            codes = (codes * log_scale.exp() + shift)[:, shuffle]
            total = total + log_scale.sum(1)
        return total - 0.5 * (codes.square() + math.log(2 * math.pi)).sum(1)

    def codes(self, noise: Tensor) -> Tensor:
        """Return the codes ``(B, Z)`` of standard normal noise ``(B, Z)``."""
        for coupling, shuffle in zip(reversed(self.couplings), self.shuffles.flip(0), strict=True):
            noise = noise[:, shuffle.argsort()]
            log_scale, shift = coupling(noise)
            noise = (noise - shift) * (-log_scale).exp()
        return noise
