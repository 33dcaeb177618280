"""Super-resolution: residual blocks on the small picture (Lim et al. 2017) paint what bicubic enlargement lacks.

First by the mean absolute error; from `adversarial_from_step` on a judge of patches has its say too (Ledig et al. 2017).
"""

from collections.abc import Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from artpipe.artifacts.shards import Spec
from artpipe.config.params import Positive
from artpipe.contracts.microbatched import portion
from artpipe.contracts.model import Batch, Exhibit, Model, Prompt, Restoration
from artpipe.contracts.plugin_info import ModelInfo, WallText
from artpipe.nn.layers.blocks import SLOPE, Residual, conv
from artpipe.nn.restoration.resize import bicubic, crops, cut_to, enlarged, reduced
from artpipe.nn.restoration.restorer import Painter, RestorerParams, compared, hung, shown


class Params(RestorerParams):
    """What an enlarger can be told."""

    batch_size: Positive = 16
    scale: Literal[2, 4] = 2
    blocks: Positive = 8
    width: Positive = 32  # channels
    upsample: Literal["shuffle", "nearest"] = "shuffle"
    crop: Positive = 64  # side of the squares it learns from, in pixels of the large picture
    show: Positive = 256  # longer side up to which a work is hung larger than it is


class Enlarger(nn.Module):
    """A small picture to a large one: its bicubic enlargement and a residual, which is nothing at the start."""

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
        """Return ``(B, C, scale H, scale W)``, not clamped, of ``(B, C, H, W)`` in [-1, 1]."""
        features = self.first(small)
        residual: Tensor = self.last(features + self.blocks(features))
        return enlarged(small, self.scale) + residual


class SuperResolution(Painter[Params]):
    """Makes its pairs itself, from any picture and its reduction; works on pictures of any size."""

    baseline = "bicubic"

    def __init__(self, params: Params, spec: Spec, pretrained: object = None) -> None:
        del pretrained
        super().__init__(params, spec, Enlarger(params, spec.channels))

    def draw(self, batch: Batch) -> Batch:
        """Return squares of `images` ``(B, C, H, W)``."""
        return {"large": crops(batch["images"], self.params.crop, self.params.scale)}

    def learn(self, part: Batch, whole: Batch) -> Mapping[str, Tensor]:
        """Descend the mean absolute error of enlarged squares, and later the judge's doubt too."""
        large, share = part["large"], portion(part, whole)
        with self.autocast():
            painted = self.network(reduced(large, self.params.scale))
        return self.descend(painted.float(), large, share * F.l1_loss(painted.float(), large), share)

    @torch.no_grad()
    def enlarge(self, images: Tensor) -> Tensor:
        """Return ``(N, C, scale H, scale W)`` in [-1, 1] of pictures ``(N, C, H, W)`` of any size."""
        return torch.cat([self.network(image[None]).float().clamp(-1, 1) for image in images])

    def restoration(self, images: Tensor, seeds: Sequence[int]) -> Restoration:
        """Reduce works and enlarge them again; `scale` lines at each border are not compared, as is usual."""
        del seeds  # a reduction is no chance
        scale = self.params.scale
        original = cut_to(images, scale)
        small = reduced(original, scale)
        counts = torch.zeros_like(original[:, :1], dtype=torch.bool)
        counts[..., scale:-scale, scale:-scale] = True
        large = enlarged(small, scale)
        return Restoration(original, large, self.enlarge(small), large, counts)

    def exhibit(self, prompt: Prompt) -> list[Exhibit]:
        """Enlarge the prompt's works: small ones beyond their size, large ones after a reduction, beside themselves."""
        return [self._shown(work, digests) for work, _, digests in shown(prompt)]

    def _shown(self, work: Tensor, digests: tuple[str, ...]) -> Exhibit:
        found, scale = self.restoration(work, [0]), self.params.scale
        share = {2: "half", 4: "a quarter of"}[scale]
        caption = f"back from {share} its size, {compared(found, self.baseline)}"
        passes, side = 0, max(work.shape[2:])
        while side * scale ** (passes + 1) <= self.params.show:
            passes += 1
        if not passes:
            return hung(found, caption, "enlargement", digests)
        large = work
        for _ in range(passes):
            large = self.enlarge(large)
        size = (large.shape[2], large.shape[3])
        beyond = Restoration(F.interpolate(work, size), bicubic(work, *size).clamp(-1, 1), large, large, found.counts)
        return hung(beyond, f"{scale**passes} times its size; {caption}", "enlargement", digests)


MODEL = Model(reads=frozenset({"images"}), params=Params, build=SuperResolution)
MODEL_INFO = ModelInfo(
    title="Super resolution",
    nanoseconds_per_pixel=900,
    wall_texts={
        "enlargement": WallText(
            heading="Enlargements",
            note="Small pictures, enlarged by the model; behind each frame a plain enlargement and the original hang beside it.",
            given=True,
        )
    },
    acronyms=("psnr", "ssim"),
)
