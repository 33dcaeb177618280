"""Differentiable augmentation for small datasets (Zhao et al. 2020).

Real and fake pictures are augmented alike.
"""

from collections.abc import Callable, Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Policy = Literal["color", "translation", "cutout", "flip"]


def _draw_per_picture(images: Tensor) -> Tensor:
    return torch.rand(len(images), 1, 1, 1, device=images.device)


def color(images: Tensor) -> Tensor:
    """Change brightness, saturation and contrast of each picture at random.

    Brightness by +-0.5, saturation by 0 to 2 and contrast by 0.5 to 1.5.
    """
    images = images + _draw_per_picture(images) - 0.5
    grey = images.mean(1, keepdim=True)
    images = torch.lerp(grey, images, 2 * _draw_per_picture(images))
    mean = images.mean((1, 2, 3), keepdim=True)
    return torch.lerp(mean, images, _draw_per_picture(images) + 0.5)


def shift_pixels(images: Tensor, down: Tensor, right: Tensor) -> Tensor:
    """Move each picture by its own whole pixels ``(B,)``; what comes in is grey (0)."""
    height, width = images.shape[2:]
    top, left = int(down.abs().max()), int(right.abs().max())
    padded = F.pad(images, (left, left, top, top))
    rows = torch.arange(height, device=images.device) + top - down[:, None]  # (B, H)
    columns = torch.arange(width, device=images.device) + left - right[:, None]  # (B, W)
    row = torch.arange(len(images), device=images.device)[:, None, None]
    return padded.permute(0, 2, 3, 1)[row, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def translation(images: Tensor, share: float = 0.125) -> Tensor:
    """Move each picture by up to `share` of its height and width."""
    limits = [max(1, round(side * share)) for side in images.shape[2:]]
    down, right = (torch.randint(-limit, limit + 1, (len(images),), device=images.device) for limit in limits)
    return shift_pixels(images, down, right)


def cutout(images: Tensor, share: float = 0.5) -> Tensor:
    """Grey out one rectangle of `share` of each side, centred anywhere in the picture."""
    covered = torch.ones(len(images), 1, 1, 1, dtype=torch.bool, device=images.device)
    for axis in (2, 3):
        side = images.shape[axis]
        centre = torch.randint(0, side, (len(images), 1, 1, 1), device=images.device)
        shape = [1, 1, 1, 1]
        shape[axis] = side
        pixel = torch.arange(side, device=images.device).view(shape)
        covered = covered & ((pixel - centre).abs() * 2 <= side * share)
    return images * ~covered


def flip(images: Tensor) -> Tensor:
    """Mirror each picture with probability 0.5.

    Generated pictures may then be mirrored too, which suits faces and not letters.
    """
    return torch.where(_draw_per_picture(images) < 0.5, images.flip(3), images)  # noqa: PLR2004 (every other)


POLICIES: dict[str, Callable[[Tensor], Tensor]] = {
    "color": color,
    "translation": translation,
    "cutout": cutout,
    "flip": flip,
}
DEFAULT_POLICIES = ("color", "translation", "cutout")  # for few works; these do not leak into generated pictures


def apply_policies(images: Tensor, policies: Sequence[str], share: Tensor | None = None) -> Tensor:
    """Apply the named policies in order to ``(B, C, H, W)`` in [-1, 1].

    With a `share`, each but `flip` (which is no more than a second look at the same works) changes that share of them.
    """
    for name in policies:
        changed = POLICIES[name](images)
        images = (
            changed
            if share is None or name == "flip"
            else torch.where(_draw_per_picture(images) < share, changed, images)
        )
    return images


class AdaptiveAugmentation(nn.Module):
    """Augmentation of all pictures, or of a share that adapts to the discriminator.

    Karras et al. 2020: a discriminator that is right about nearly every real picture has memorised them, so more are
    changed; `target` is the mean sign of its margins (0: all are changed). From none to all takes `pictures` pictures.
    """

    share: Tensor

    def __init__(self, policies: Sequence[str], target: float = 0.0, pictures: int = 1) -> None:
        super().__init__()
        self.policies, self.target, self.pictures = tuple(policies), target, pictures
        if target:
            self.register_buffer("share", torch.zeros(()))

    def forward(self, images: Tensor) -> Tensor:
        """Return changed pictures ``(B, C, H, W)``."""
        return apply_policies(images, self.policies, self.share if self.target else None)

    def adapt(self, margins: Tensor) -> dict[str, Tensor]:
        """Move the share by margins ``(B,)``; return it for the log.

        Margins are above 0 where the discriminator is right.
        """
        if not self.target:
            return {}
        step = (margins.sign().mean() - self.target).sign() * len(margins) / self.pictures
        self.share = (self.share + step).clamp(0, 1)
        return {"augmented": self.share}
