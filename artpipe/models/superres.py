"""Super-resolution: residual blocks on the small picture (Lim et al. 2017).

They add to the bicubic enlargement what that lacks.

It learns by the mean absolute error; from `adversarial_from_step` on also by an adversarial loss (Ledig et al. 2017).
"""

from collections.abc import Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from artpipe.artifacts.shards import Spec
from artpipe.config.params import Positive
from artpipe.contracts.microbatched import row_share
from artpipe.contracts.model import Batch, Exhibit, Model, Prompt, Restoration
from artpipe.contracts.plugin_info import Budget, Export, ModelInfo, WallText
from artpipe.language.message import Message
from artpipe.nn.layers.blocks import SLOPE, Residual, conv
from artpipe.nn.restoration.resize import crop_to_multiple, downscale, draw_crops, resize_bicubic, upscale
from artpipe.nn.restoration.restorer import (
    AdversarialRestorer,
    RestorerParams,
    describe_psnr,
    iterate_works,
    make_exhibit,
)


class Params(RestorerParams):
    """Parameters of super-resolution."""

    batch_size: Positive = 16
    scale: Literal[2, 4] = 2
    blocks: Positive = 8
    width: Positive = 32  # channels
    upsample: Literal["shuffle", "nearest"] = "shuffle"
    crop: Positive = 64  # side of the squares it learns from, in pixels of the large picture
    show: Positive = 256  # longer side up to which a work is hung larger than it is


class SuperResolutionNetwork(nn.Module):
    """Maps a small picture to a large one.

    It adds a residual, 0 at the start, to the bicubic enlargement.
    """

    def __init__(self, params: Params, channels: int) -> None:
        super().__init__()
        width, self.scale = params.width, params.scale
        self.first = conv(channels, width)
        self.blocks = nn.Sequential(*(Residual(width) for _ in range(params.blocks)))
        stages: list[nn.Module] = []
        if params.upsample == "shuffle":
            stages = [
                nn.LeakyReLU(SLOPE),
                conv(width, channels * self.scale**2, zero=True),
                nn.PixelShuffle(self.scale),
            ]
        else:
            for _ in range(self.scale // 2):
                stages += [nn.Upsample(scale_factor=2), conv(width, width), nn.LeakyReLU(SLOPE)]
            stages.append(conv(width, channels, zero=True))
        self.last = nn.Sequential(*stages)

    def forward(self, small: Tensor) -> Tensor:
        """Return ``(B, C, scale H, scale W)``, not clamped.

        Small pictures are ``(B, C, H, W)`` in [-1, 1].
        """
        features = self.first(small)
        residual: Tensor = self.last(features + self.blocks(features))
        return upscale(small, self.scale) + residual


class SuperResolution(AdversarialRestorer[Params]):
    """Enlarges pictures of any size, trained on pictures and their reductions."""

    baseline_name = "bicubic"

    def __init__(self, params: Params, spec: Spec, pretrained: object = None) -> None:
        del pretrained
        super().__init__(params, spec, SuperResolutionNetwork(params, spec.channels))

    def prepare_batch(self, batch: Batch) -> Batch:
        """Return crops of `images` ``(B, C, H, W)``."""
        return {"large": draw_crops(batch["images"], self.params.crop, self.params.scale)}

    def accumulate_gradients(self, part: Batch, whole: Batch) -> Mapping[str, Tensor]:
        """Descend the mean absolute error of enlarged crops, and the adversarial loss."""
        large, share = part["large"], row_share(part, whole)
        with self.autocast():
            restored = self.network(downscale(large, self.params.scale))
        return self.descend(restored.float(), large, share * F.l1_loss(restored.float(), large), share)

    @torch.no_grad()
    def enlarge(self, images: Tensor) -> Tensor:
        """Return ``(N, C, scale H, scale W)`` in [-1, 1] of pictures ``(N, C, H, W)``.

        Pictures may be of any size.
        """
        return torch.cat([self.network(image[None]).float().clamp(-1, 1) for image in images])

    def restore(self, images: Tensor, seeds: Sequence[int]) -> Restoration:
        """Reduce works and enlarge them again.

        `scale` lines at each border are not compared, as is usual.
        """
        del seeds  # a reduction is no chance
        scale = self.params.scale
        original = crop_to_multiple(images, scale)
        small = downscale(original, scale)
        mask = torch.zeros_like(original[:, :1], dtype=torch.bool)
        mask[..., scale:-scale, scale:-scale] = True
        large = upscale(small, scale)
        return Restoration(original, large, self.enlarge(small), large, mask)

    def exhibit(self, prompt: Prompt) -> list[Exhibit]:
        """Enlarge the prompt's works; large ones are reduced first and enlarged again."""
        return [self._make_exhibit(work, digests) for work, _, digests in iterate_works(prompt)]

    def _make_exhibit(self, work: Tensor, digests: tuple[str, ...]) -> Exhibit:
        restoration, scale = self.restore(work, [0]), self.params.scale
        caption = Message(
            code={2: "enlarged_from_half", 4: "enlarged_from_quarter"}[scale],
            values={"compared": describe_psnr(restoration, self.baseline_name)},
        )
        passes, side = 0, max(work.shape[2:])
        while side * scale ** (passes + 1) <= self.params.show:
            passes += 1
        if not passes:
            return make_exhibit(restoration, caption, "enlargement", digests)
        large = work
        for _ in range(passes):
            large = self.enlarge(large)
        size = (large.shape[2], large.shape[3])
        beyond = Restoration(
            F.interpolate(work, size), resize_bicubic(work, *size).clamp(-1, 1), large, large, restoration.mask
        )
        larger = Message(code="enlarged_times", values={"times": scale**passes, "tried": caption})
        return make_exhibit(beyond, larger, "enlargement", digests)


MODEL = Model(reads=frozenset({"images"}), params=Params, build=SuperResolution)
MODEL_INFO = ModelInfo(
    title="Super resolution",
    export=Export(network="artpipe.export.networks.picture_enlarger:PictureEnlarger"),
    hub_task="image-to-image",
    nanoseconds_per_pixel=1500,
    evaluation_seconds=10.0,
    default_batch_size=16,
    wall_texts={
        "enlargement": WallText(
            heading="Enlargements",
            note="Small pictures, enlarged by the model; behind each frame a plain enlargement and the original hang beside it.",
            given=True,
        )
    },
    acronyms=("psnr", "ssim"),
    presets={"long": Budget(steps_factor=4), "gpu": Budget(steps_factor=8, at_least={"width": 64, "crop": 96})},
)
