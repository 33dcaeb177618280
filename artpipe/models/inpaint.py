"""Restoration of damaged pictures: a U-Net of gated convolutions (Yu et al. 2019).

It adds to a harmonic fill what that lacks.

Pixels that were not lost stay as they are, bit by bit. It is trained on whole pictures, which it damages itself.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional as F

from artpipe.artifacts.shards import Spec
from artpipe.config.params import Positive
from artpipe.contracts.microbatched import row_share
from artpipe.contracts.model import Batch, Exhibit, Model, Prompt, Restoration
from artpipe.contracts.plugin_info import Budget, Export, ModelInfo, WallText
from artpipe.language.message import Message
from artpipe.nn.layers.blocks import SLOPE, conv
from artpipe.nn.restoration.corruption import DAMAGE_KINDS, Damage, damage_images
from artpipe.nn.restoration.hole_filling import fill_harmonic, require_visible_pixels
from artpipe.nn.restoration.resize import draw_crops
from artpipe.nn.restoration.restorer import (
    AdversarialRestorer,
    RestorerParams,
    describe_psnr,
    iterate_works,
    make_exhibit,
)

_GUESS_TOLERANCE = 3e-2  # tolerance of the first guess
_EPSILON = 1e-4  # mean square of features; a place whose gates are shut stays near 0
_MAX_LOST = 0.9  # of the pixels lost; with fewer left there is nothing to restore from


class Params(RestorerParams):
    """Parameters of inpainting."""

    batch_size: Positive = 16
    width: Positive = 32  # channels at half the size; twice and three times as many further in
    levels: int = Field(default=3, ge=1, le=6)  # halvings below half the size
    crop: Positive = 64  # side of the squares it learns from, in pixels
    damage: tuple[Damage, ...] = Field(default=DAMAGE_KINDS, min_length=1)
    least_lost: float = Field(default=0.05, gt=0, le=_MAX_LOST)  # share of a picture's pixels
    most_lost: float = Field(default=0.25, gt=0, le=_MAX_LOST)
    brush: float = Field(default=10.0, ge=1)  # largest width of a stroke, in pixels
    adversarial_weight: float = Field(default=1.0e-2, gt=0)

    @model_validator(mode="after")
    def _something_left(self) -> Self:
        if self.brush > self.crop / 2:
            message = f"`brush` {self.brush:g} is above half of `crop` {self.crop}: one stroke may cover all of it"
            raise ValueError(message)
        if self.least_lost > self.most_lost:
            message = f"`least_lost` {self.least_lost:g} is above `most_lost` {self.most_lost:g}"
            raise ValueError(message)
        return self


class GatedConvolution(nn.Module):
    """A convolution half of whose channels gate the others, place by place.

    So holes can be told from visible pixels. Gates are in (0, 2); then the features of each place are normalised (pixel
    norm, Karras et al. 2018). Without that they may grow from layer to layer, until the last gates shut for good
    (docs/log.md).
    """

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.both = conv(inputs, 2 * outputs, 3, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Return ``(B, outputs, H / stride, W / stride)``."""
        features, gate = self.both(x).chunk(2, 1)
        gated = (F.leaky_relu(features, SLOPE) * 2 * torch.sigmoid(gate)).float()
        return (gated * (gated.square().mean(1, keepdim=True) + _EPSILON).rsqrt()).to(features.dtype)


class InpaintingNetwork(nn.Module):
    """Maps damaged pictures and their lost pixels to whole pictures.

    It adds a residual, 0 at the start, to a first guess, the harmonic fill.
    """

    def __init__(self, params: Params, channels: int) -> None:
        super().__init__()
        widths = [params.width * min(level + 1, 3) for level in range(params.levels + 1)]
        self.unit = 2 ** (params.levels + 1)
        self.first = GatedConvolution(4 * (channels + 1), widths[0])
        self.inwards = nn.ModuleList(
            nn.Sequential(GatedConvolution(before, after, 2), GatedConvolution(after, after))
            for before, after in pairwise(widths)
        )
        self.outwards = nn.ModuleList(GatedConvolution(after + before, before) for before, after in pairwise(widths))
        self.last = conv(widths[0], 4 * channels, zero=True)

    def forward(self, images: Tensor, lost: Tensor) -> Tensor:
        """Return ``(B, C, H, W)``, not clamped, of any size.

        The values of `images` at lost pixels do not matter.
        """
        height, width = images.shape[2:]
        guess = fill_harmonic(images.masked_fill(lost, 0), lost, _GUESS_TOLERANCE)
        margin = (0, -width % self.unit, 0, -height % self.unit)
        x = F.pad(torch.cat([guess, lost.to(guess) * 2 - 1], 1), margin, mode="replicate")
        maps = [self.first(F.pixel_unshuffle(x, 2))]
        for stage in self.inwards:
            maps.append(stage(maps[-1]))
        x = maps.pop()
        for stage in reversed(self.outwards):
            x = stage(torch.cat([F.interpolate(x, scale_factor=2.0, mode="nearest"), maps.pop()], 1))
        residual = F.pixel_shuffle(self.last(x), 2)[:, :, :height, :width]
        return torch.where(lost, guess + residual.float(), images)


class Inpainting(AdversarialRestorer[Params]):
    """Repairs strokes, scratches, stains and noise in pictures of any size."""

    baseline_name = "harmonic fill"

    def __init__(self, params: Params, spec: Spec, pretrained: object = None) -> None:
        del pretrained
        super().__init__(params, spec, InpaintingNetwork(params, spec.channels))

    def prepare_batch(self, batch: Batch) -> Batch:
        """Return crops of `images` ``(B, C, H, W)``, damaged crops, and lost pixels."""
        intact = draw_crops(batch["images"], self.params.crop, 1)
        broken, lost = self._damage(intact, torch.randint(2**31, (len(intact),)).tolist())
        return {"intact": intact, "broken": broken, "lost": lost}

    def accumulate_gradients(self, part: Batch, whole: Batch) -> Mapping[str, Tensor]:
        """Descend the mean absolute error at lost pixels, later the adversarial loss too."""
        intact, lost = part["intact"], part["lost"]
        with self.autocast():
            restored = self.network(part["broken"], lost)
        lost_share = float(lost.sum()) / max(1.0, float(whole["lost"].sum()))
        return self.descend(restored, intact, lost_share * lost_error(restored, intact, lost), row_share(part, whole))

    def _damage(self, images: Tensor, seeds: Sequence[int]) -> tuple[Tensor, Tensor]:
        p = self.params
        return damage_images(images, p.damage, (p.least_lost, p.most_lost), p.brush, seeds)

    @torch.no_grad()
    def repair(self, images: Tensor, lost: Tensor) -> Tensor:
        """Return pictures ``(N, C, H, W)`` in [-1, 1] with their lost pixels filled.

        `lost` is ``(N, 1, H, W)``; all other pixels stay as they are.

        Raises:
            UserError: every pixel of a picture is lost.
        """
        require_visible_pixels(lost)
        parts = [self.network(image[None], mask[None]) for image, mask in zip(images, lost, strict=True)]
        return torch.where(lost, torch.cat(parts).clamp(-1, 1), images)

    @property
    def damages_per_work(self) -> int:
        """Return two of each kind of damage."""
        return 2 * len(self.params.damage)

    def restore(self, images: Tensor, seeds: Sequence[int]) -> Restoration:
        """Damage works, each by its own seed, and repair them.

        Only lost pixels are compared.
        """
        broken, lost = self._damage(images, seeds)
        return Restoration(images, broken, self.repair(broken, lost), fill_harmonic(broken, lost).clamp(-1, 1), lost)

    def exhibit(self, prompt: Prompt) -> list[Exhibit]:
        """Repair the prompt's works, each damaged by its seed, beside the harmonic fill."""
        exhibits = []
        for work, seed, digests in iterate_works(prompt):
            restoration = self.restore(work, [seed])
            kind = self.params.damage[seed % len(self.params.damage)]
            caption = Message(
                code="repaired", values={"damage": kind, "compared": describe_psnr(restoration, self.baseline_name)}
            )
            extra_parts = {self.baseline_name: restoration.baseline[0]}
            exhibits.append(make_exhibit(restoration, caption, "restoration", digests, **extra_parts))
        return exhibits


def lost_error(restored: Tensor, whole: Tensor, lost: Tensor) -> Tensor:
    """Return the mean absolute error over lost pixels of ``(B, C, H, W)``, a scalar.

    It is 0 where nothing is lost.
    """
    return ((restored - whole).abs() * lost).sum() / (lost.sum() * whole.shape[1]).clamp(min=1)


MODEL = Model(reads=frozenset({"images"}), params=Params, build=Inpainting)
MODEL_INFO = ModelInfo(
    title="Restoration",
    export=Export(reason="its first guess, the harmonic fill, is computed in as many passes as a picture needs"),
    hub_task="image-to-image",
    nanoseconds_per_pixel=1800,
    evaluation_seconds=34.0,
    default_batch_size=16,
    wall_texts={
        "restoration": WallText(
            heading="Restorations",
            note="Damaged pictures, and what the model put where something was missing.",
            given=True,
        )
    },
    acronyms=("psnr", "ssim"),
    presets={"long": Budget(steps_factor=4), "gpu": Budget(steps_factor=8, at_least={"width": 64, "crop": 96})},
)
