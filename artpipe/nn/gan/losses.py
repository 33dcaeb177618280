"""Adversarial losses and gradient penalties, on logits `real`, `fake` ``(B,)``."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

Critic = Callable[[Tensor], Tensor]  # pictures (B, C, H, W) -> logits (B,)


@dataclass(frozen=True)
class AdversarialLoss:
    """The losses of discriminator and generator, both to be minimised.

    Each maps (real, fake) logits to one value per pair ``(B,)``.

    `one_pass` says that the generator's gradient is a finite multiple of the discriminator's in every sample, so one
    backward pass through the discriminator can serve both players. `paired` says that only the difference of the two
    logits counts, so the sign of one alone means nothing.
    """

    discriminator: Callable[[Tensor, Tensor], Tensor]
    generator: Callable[[Tensor, Tensor], Tensor]
    one_pass: bool = True
    paired: bool = False

    def margin(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return ``(B,)``: above 0 where the discriminator is right about a real picture."""
        return real - fake if self.paired else real


def _log_likelihood_loss(real: Tensor, fake: Tensor) -> Tensor:
    return F.softplus(-real) + F.softplus(fake)


ADVERSARIAL_LOSSES: dict[str, AdversarialLoss] = {
    # Goodfellow et al. 2014: min_G max_D E[log D(x)] + E[log(1 - D(G(z)))], and its non-saturating form.
    "minimax": AdversarialLoss(_log_likelihood_loss, lambda _, fake: -F.softplus(fake)),
    "nonsaturating": AdversarialLoss(_log_likelihood_loss, lambda _, fake: F.softplus(-fake)),
    # Arjovsky et al. 2017.
    "wasserstein": AdversarialLoss(lambda real, fake: fake - real, lambda _, fake: -fake),
    # Lim & Ye 2017. Beyond the margin the discriminator's gradient is exactly 0 and the generator's is not.
    "hinge": AdversarialLoss(
        lambda real, fake: F.relu(1 - real) + F.relu(1 + fake), lambda _, fake: -fake, one_pass=False
    ),
    # Jolicoeur-Martineau 2018 in the paired form of Huang et al. 2024 (R3GAN).
    "relativistic": AdversarialLoss(
        lambda real, fake: F.softplus(fake - real), lambda real, fake: F.softplus(real - fake), paired=True
    ),
}

PRESETS: dict[str, dict[str, Any]] = {  # the numbers of the papers, where the entry says nothing else
    "dcgan": {
        "loss": "nonsaturating",
        "latent_dim": 100,
        "generator_width": 128,
        "discriminator_width": 128,
        "r1": 0.0,
        "r2": 0.0,
        "learning_rate": 2.0e-4,
        "final_rate": 1.0,
        "beta1": 0.5,
        "beta2": 0.999,
    },
    "wasserstein": {"critic_steps": 5, "gradient_penalty": 10.0, "penalty_every_steps": 1, "r1": 0.0, "r2": 0.0},
}


def with_presets(entry: Any) -> Any:
    """Return an entry with the numbers that it leaves out.

    They are those of the papers of its architecture and of its loss.
    """
    if not isinstance(entry, Mapping):
        return entry
    presets = [PRESETS.get(str(entry.get(key)), {}) for key in ("architecture", "loss")]
    return {**presets[0], **presets[1], **entry}


def gradient_ratio(game: AdversarialLoss, real: Tensor, fake: Tensor) -> Tensor:
    """Return dL_G/dfake over dL_D/dfake ``(B,)``.

    The ratio turns the discriminator's gradient into the generator's.

    Clamped to +-1e30, so that a sample whose loss has saturated for one network yields no infinity.
    """
    with torch.enable_grad():
        fake = fake.detach().float().requires_grad_()
        real = real.detach().float()
        (of_generator,) = torch.autograd.grad(game.generator(real, fake).sum(), fake)
        (of_discriminator,) = torch.autograd.grad(game.discriminator(real, fake).sum(), fake)
    return torch.nan_to_num(of_generator / of_discriminator, nan=0.0).clamp(-1e30, 1e30)


def squared_gradient_norm(critic: Critic, images: Tensor) -> Tensor:
    """Return the squared norm of the critic's gradient at each picture ``(B,)``.

    It is differentiable in the critic.
    """
    with torch.autocast(images.device.type, enabled=False):
        leaf = images.detach().float().requires_grad_()
        (gradient,) = torch.autograd.grad(critic(leaf).float().sum(), leaf, create_graph=True)
    return gradient.square().flatten(1).sum(1)


def zero_centred_penalty(critic: Critic, sides: Sequence[tuple[Tensor, float]]) -> Tensor:
    """Return the sum over (pictures, gamma) of gamma / 2 times the mean squared norm.

    The norm is that of the critic's gradient; all sides go through the critic in one pass.

    On real pictures it is R1, on generated ones R2 (Mescheder et al. 2018); all sides have the same number of pictures.
    """
    squared = squared_gradient_norm(critic, torch.cat([pictures for pictures, _ in sides])).chunk(len(sides))
    parts = [0.5 * gamma * part.mean() for part, (_, gamma) in zip(squared, sides, strict=True)]
    return torch.stack(parts).sum()


def gradient_penalty(critic: Critic, real: Tensor, fake: Tensor) -> Tensor:
    """Return E(||grad|| - 1)^2 on random lines from real to fake.

    Gulrajani et al. 2017.
    """
    share = torch.rand(len(real), 1, 1, 1, device=real.device)
    norm = squared_gradient_norm(critic, torch.lerp(real.float(), fake.detach().float(), share)).add(1e-12).sqrt()
    return (norm - 1).square().mean()
