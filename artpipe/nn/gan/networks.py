"""Generators and discriminators in two architectures, for any picture size."""

import itertools
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from artpipe.artifacts.shards import Spec
from artpipe.nn.layers.blocks import SLOPE, Residual, Stem, Upsample, UpsampleToImage, conv, linear, list_sizes


class WidthParams(Protocol):
    """The parameters that set the widths: channels at the smallest size."""

    @property
    def latent_dim(self) -> int: ...  # noqa: D102 (fields)
    @property
    def generator_width(self) -> int: ...  # noqa: D102
    @property
    def discriminator_width(self) -> int: ...  # noqa: D102
    @property
    def least_width(self) -> int: ...  # noqa: D102
    @property
    def upsampling(self) -> str: ...  # noqa: D102


def halve_widths(width: int, min_width: int, levels: int) -> list[int]:
    """Return a width per level, halved at each doubling of the size.

    So the cost of each level stays the same.
    """
    return [max(min_width, width >> level) for level in range(levels)]


class ResidualGenerator(nn.Module):
    """Maps noise ``(B, Z)`` and labels to pictures.

    There is one block at each size below the full one.

    Labels are rows ``(B,)`` of the label table, or shares ``(B, rows)`` of them for what lies between.
    """

    def __init__(self, params: WidthParams, spec: Spec, rows: int) -> None:
        super().__init__()
        sizes = list_sizes(spec.height, spec.width)
        widths = halve_widths(params.generator_width, params.least_width, len(sizes))
        smooth = params.upsampling == "bilinear" or (params.upsampling == "auto" and spec.channels > 1)
        self.first = (widths[0], *sizes[0])
        self.asked = nn.Embedding(rows, params.latent_dim) if rows else None
        self.start = linear(params.latent_dim * (2 if rows else 1), widths[0] * sizes[0][0] * sizes[0][1])
        stages: list[nn.Module] = [Residual(widths[0])]
        for level, size in enumerate(sizes[1:-1], 1):
            stages += [Upsample(widths[level - 1], widths[level], size, smooth=smooth), Residual(widths[level])]
        self.stages = nn.Sequential(*stages)
        self.paint = UpsampleToImage(widths[-2], spec.channels, sizes[-1], smooth=smooth)

    def forward(self, noise: Tensor, rows: Tensor) -> Tensor:
        """Return pictures ``(B, C, H, W)`` in (-1, 1)."""
        code = noise if self.asked is None else torch.cat([noise, self._embed_labels(self.asked, rows)], 1)
        x = self.stages(self.start(code).unflatten(1, self.first))
        return torch.tanh(self.paint(F.leaky_relu(x, SLOPE)))

    @staticmethod
    def _embed_labels(table: nn.Embedding, rows: Tensor) -> Tensor:
        embedding: Tensor = rows @ table.weight if rows.is_floating_point() else table(rows)
        return embedding


class ResidualDiscriminator(nn.Module):
    """Maps pictures to logits, without normalisation, so that samples do not mix.

    The label enters as a projection (Miyato & Koyama 2018).
    """

    def __init__(self, params: WidthParams, spec: Spec, rows: int) -> None:
        super().__init__()
        sizes = list_sizes(spec.height, spec.width)[:-1][::-1]
        widths = halve_widths(params.discriminator_width, params.least_width, len(sizes))[::-1]
        stages: list[nn.Module] = [Stem(spec.channels, widths[0])]
        for previous_width, width in itertools.pairwise(widths):
            stages += [nn.LeakyReLU(SLOPE), conv(previous_width, width, 3, 2), Residual(width)]
        features = 2 * widths[-1]
        self.stages = nn.Sequential(*stages, nn.LeakyReLU(SLOPE), nn.Flatten())
        self.flat = nn.Sequential(linear(widths[-1] * sizes[-1][0] * sizes[-1][1], features), nn.LeakyReLU(SLOPE))
        self.judge = linear(features, 1)
        self.asked = nn.Embedding(rows, features) if rows else None

    def forward(self, images: Tensor, rows: Tensor) -> Tensor:
        """Return logits ``(B,)``."""
        features = self.flat(self.stages(images))
        logits: Tensor = self.judge(features).squeeze(1)
        if self.asked is not None:
            logits = logits + (self.asked(rows) * features).sum(1) / features.shape[1] ** 0.5
        return logits


class DcganGenerator(nn.Module):
    """Transposed convolutions with batch norm, unconditional (Radford et al. 2015)."""

    def __init__(self, params: WidthParams, spec: Spec) -> None:
        super().__init__()
        self.sizes = list_sizes(spec.height, spec.width)
        widths = halve_widths(params.generator_width, params.least_width, len(self.sizes) - 1)
        outputs = [*widths[1:], spec.channels]
        self.start = nn.ConvTranspose2d(params.latent_dim, widths[0], self.sizes[0], bias=False)
        self.norms = nn.ModuleList(nn.BatchNorm2d(width) for width in widths)
        self.ups = nn.ModuleList(
            nn.ConvTranspose2d(a, b, 4, 2, 1, bias=False) for a, b in zip(widths, outputs, strict=True)
        )
        self.apply(_initialise_dcgan)

    def forward(self, noise: Tensor, rows: Tensor) -> Tensor:
        """Return pictures ``(B, C, H, W)`` in (-1, 1)."""
        del rows
        x = self.start(noise[:, :, None, None])
        for norm, up, (height, width) in zip(self.norms, self.ups, self.sizes[1:], strict=True):
            x = up(F.relu(norm(x)))[:, :, :height, :width]
        return torch.tanh(x)


class DcganDiscriminator(nn.Module):
    """Strided convolutions and leaky ReLU (Radford et al. 2015).

    With batch norm, unless gradients are penalised.
    """

    def __init__(self, params: WidthParams, spec: Spec, *, norm: bool) -> None:
        super().__init__()
        sizes = list_sizes(spec.height, spec.width)[:-1][::-1]
        widths = halve_widths(params.discriminator_width, params.least_width, len(sizes))[::-1]
        stages: list[nn.Module] = []
        for level, (inputs, width) in enumerate(zip([spec.channels, *widths], widths, strict=False)):
            stages.append(nn.Conv2d(inputs, width, 4, 2, 1, bias=False))
            if norm and level:
                stages.append(nn.BatchNorm2d(width))
            stages.append(nn.LeakyReLU(SLOPE))
        last = (spec.height >> len(widths), spec.width >> len(widths))
        self.stages = nn.Sequential(*stages, nn.Conv2d(widths[-1], 1, last, bias=False), nn.Flatten(0))
        self.apply(_initialise_dcgan)

    def forward(self, images: Tensor, rows: Tensor) -> Tensor:
        """Return logits ``(B,)``."""
        del rows
        logits: Tensor = self.stages(images)
        return logits


def _initialise_dcgan(layer: nn.Module) -> None:
    """Draw weights as in the paper: N(0, 0.02), those of batch norm around 1."""
    if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(layer.weight, 0.0, 0.02)
    elif isinstance(layer, nn.BatchNorm2d):
        nn.init.normal_(layer.weight, 1.0, 0.02)
