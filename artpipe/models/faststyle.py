"""Fast style transfer: one network paints any photograph in the manner of any of its styles, in one pass.

Johnson, Alahi & Fei-Fei 2016 (perceptual losses), with conditional instance norm (Dumoulin, Shlens & Kudlur 2017): a style
is a gain and a shift per channel, so styles share all strokes and can be mixed. Most of the work is done on maps of a
quarter of the picture's sides. The picture itself is carried past the network, and the last norm's gain and shift begin as
the deviation and mean of each style's colours: before its first step the network paints the photograph in these colours.
"""

from collections.abc import Mapping
from itertools import pairwise

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from artpipe.artifacts.shards import Spec
from artpipe.config.params import Positive, TrainParams
from artpipe.contracts.microbatched import Divisible, portion
from artpipe.contracts.model import Batch, Exhibit, Model, Prompt
from artpipe.contracts.plugin_info import ModelInfo, WallText
from artpipe.errors import UserError
from artpipe.nn.style.perceptual import Eye, Perceptual, Stylised, TrainedWeights, total_variation
from artpipe.nn.style.style_images import named_styles, style_of
from artpipe.numerics.pixels import to_float


class Params(TrainParams):
    """What a network of styles can be told."""

    pretrained: TrainedWeights
    steps: Positive = 600
    batch_size: Positive = 2
    evaluate_every_steps: Positive = 150
    styles: tuple[str, ...] = ()  # classes whose first work is a style; where empty, all but `content`
    crop: Positive = 96  # side of the pieces it learns on, in pixels
    width: Positive = 32  # channels at half the picture's sides; twice as many at a quarter
    blocks: Positive = 4
    learning_rate: float = Field(default=6.0e-3, gt=0)
    warmup_steps: int = Field(default=10, ge=0)
    alpha: float = Field(default=1.0, ge=0)  # weight of the content
    beta: float = Field(default=10.0, gt=0)  # weight of the style
    variation: float = Field(default=0.1, ge=0)  # weight of the total variation
    content_layers: tuple[str, ...] = Field(default=("conv3_1",), min_length=1)
    style_layers: tuple[str, ...] = Field(default=("conv1_1", "conv2_1", "conv3_1", "conv4_1"), min_length=1)
    mixes: int = Field(default=1, ge=0)  # held-out works that hang between two styles


class Norm(nn.Module):
    """Instance norm whose gain and shift are those of a style, or of a mix of styles."""

    def __init__(self, styles: int, channels: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(styles, channels))
        self.shift = nn.Parameter(torch.zeros(styles, channels))

    def forward(self, maps: Tensor, mix: Tensor) -> Tensor:
        """Return ``(B, C, H, W)``; `mix` ``(B, S)`` has the share of each style."""
        normed = F.instance_norm(maps)
        return normed * (mix @ self.gain)[:, :, None, None] + (mix @ self.shift)[:, :, None, None]


class Layer(nn.Module):
    """A 3x3 convolution with mirrored borders, conditional instance norm and ReLU."""

    def __init__(self, styles: int, into: int, out: int, stride: int = 1, *, relu: bool = True) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(into, out, 3, stride, padding=1, padding_mode="reflect", bias=False)
        self.norm, self.relu = Norm(styles, out), relu

    def forward(self, maps: Tensor, mix: Tensor) -> Tensor:
        """Return ``(B, out, H / stride, W / stride)``."""
        found: Tensor = self.norm(self.convolution(maps), mix)
        return found.relu() if self.relu else found


class Residual(nn.Module):
    """Two layers beside the maps themselves."""

    def __init__(self, styles: int, channels: int) -> None:
        super().__init__()
        self.first, self.second = Layer(styles, channels, channels), Layer(styles, channels, channels, relu=False)

    def forward(self, maps: Tensor, mix: Tensor) -> Tensor:
        """Return ``(B, C, H, W)``."""
        return torch.as_tensor(maps + self.second(self.first(maps, mix), mix))


class Network(nn.Module):
    """From a picture to a picture, sides multiples of 4."""

    def __init__(self, styles: int, width: int, blocks: int) -> None:
        super().__init__()
        self.stem = Layer(styles, 12, width)
        self.inwards = Layer(styles, width, 2 * width, 2)
        self.blocks = nn.ModuleList(Residual(styles, 2 * width) for _ in range(blocks))
        self.outwards = Layer(styles, 2 * width, width)
        self.paint = nn.Conv2d(width, 3, 5, padding=2, padding_mode="reflect")
        self.colours = Norm(styles, 3)
        for weight in self.paint.parameters():
            nn.init.zeros_(weight)  # it begins as the picture itself, in other colours

    def forward(self, images: Tensor, mix: Tensor) -> Tensor:
        """Return ``(B, 3, H, W)`` about [-1, 1] of the same in [-1, 1]; `mix` ``(B, S)`` has the share of each style."""
        maps = self.stem(F.pixel_unshuffle(images, 2), mix)
        maps = self.inwards(maps, mix)
        for block in self.blocks:
            maps = block(maps, mix)
        maps = self.outwards(F.interpolate(maps, scale_factor=2.0, mode="nearest"), mix)
        strokes = self.paint(F.interpolate(maps, scale_factor=2.0, mode="nearest"))
        return torch.as_tensor(self.colours(F.instance_norm(images) + strokes, mix))


class FastStyle(Divisible[Params]):
    """The network, and the styles it has learned."""

    styles: Tensor

    def __init__(self, params: Params, spec: Spec, pretrained: Perceptual | None = None) -> None:
        super().__init__(params, spec)
        self.names = named_styles(params.styles, spec)
        if params.crop % 4 or not params.crop <= min(spec.height, spec.width):
            size = f"{spec.height} x {spec.width}"
            raise UserError(f"`crop` is {params.crop}: a multiple of 4 is wanted that fits into {size} pixels")
        self.eye = None if pretrained is None else Eye(pretrained, params.content_layers, params.style_layers)
        self.network = Network(len(self.names), params.width, params.blocks)
        self.register_buffer("styles", torch.zeros(len(self.names), 3, spec.height, spec.width, dtype=torch.uint8))
        self.to(memory_format=torch.channels_last)
        self.optimisers = {"network": torch.optim.Adam(self.network.parameters(), lr=params.learning_rate, fused=True)}
        self._wanted: dict[str, Tensor] = {}

    def begin(self, works: Batch) -> None:
        """Take the styles out of the works."""
        for row, name in enumerate(self.names):
            self.styles[row] = style_of(works, self.spec, name)[1]
        with torch.no_grad():
            colours = to_float(self.styles).flatten(2)
            self.network.colours.gain.copy_(colours.std(2))
            self.network.colours.shift.copy_(colours.mean(2))

    def draw(self, batch: Batch) -> Batch:
        """Return pieces of the works, and a style for each, drawn at random."""
        images = self._pieces(batch["images"])
        return {"images": images, "chosen": torch.randint(len(self.names), (len(images),), device=images.device)}

    def learn(self, part: Batch, whole: Batch) -> Mapping[str, Tensor]:
        """Descend ``alpha content + beta log(1 + style) + variation TV``."""
        if self.eye is None:
            raise UserError(f"models.{self.params.kind}: style transfer needs trained weights; see `pretrained`")
        p, images, chosen, share = self.params, part["images"], part["chosen"], portion(part, whole)
        with torch.no_grad():
            content = self.eye.content_of(images)
            self._wanted = self._wanted or self._style_of_each(self.eye)
        painted = self.network(images, self._mix(chosen))
        style = {layer: grams[chosen] for layer, grams in self._wanted.items()}
        far, strange = self.eye.distances(painted, content, style)
        rough = total_variation(painted)
        # The logarithm keeps a style that is far from all photographs, a dark one, from outweighing the others.
        loss = share * (p.alpha * far + p.beta * strange.log1p() + p.variation * rough).mean()
        loss.backward()  # type: ignore[no-untyped-call]
        losses = {"content": far, "style": strange, "variation": rough}
        return {name: share * value.detach().mean() for name, value in losses.items()}

    def move(self, rows: int) -> None:
        """Take the optimiser's step."""
        del rows
        optimiser = self.optimisers["network"]
        (group,) = optimiser.param_groups
        group["lr"] = self.rate(self.params.learning_rate, self.params.warmup_steps, final_share=0.05)
        nn.utils.clip_grad_norm_(group["params"], 10.0)
        optimiser.step()

    def _style_of_each(self, eye: Eye) -> dict[str, Tensor]:
        """Return the Gram matrices of the styles ``(S, C, C)`` by layer."""
        found = [eye.style_of(to_float(self.styles[[row]])) for row in range(len(self.names))]
        return {layer: torch.cat([grams[layer] for grams in found]) for layer in found[0]}

    def _pieces(self, images: Tensor) -> Tensor:
        """Return a piece of each picture ``(B, 3, crop, crop)``, from anywhere in it, half of them mirrored."""
        side = self.params.crop
        places = [int(torch.randint(room - side + 1, ())) for room in images.shape[2:] for _ in images]
        corners = zip(images, places[: len(images)], places[len(images) :], strict=True)
        pieces = torch.stack([image[:, top : top + side, left : left + side] for image, top, left in corners])
        return pieces.flip(3) if torch.rand(()) < 0.5 else pieces  # noqa: PLR2004

    def _mix(self, chosen: Tensor) -> Tensor:
        return F.one_hot(chosen, len(self.names)).float()

    @torch.no_grad()
    def paint(self, images: Tensor, mix: Tensor) -> Tensor:
        """Return ``(B, 3, H, W)`` in [-1, 1], one picture at a time; `mix` ``(B, S)`` has the share of each style."""
        found = [self.network(image[None], shares[None]) for image, shares in zip(images, mix, strict=True)]
        return torch.cat(found).clamp(-1, 1)

    def stylised(self, works: Batch) -> Stylised:
        """Return each work in each style."""
        images, count = works["images"], len(self.names)
        contents = images.repeat_interleave(count, 0)
        chosen = torch.arange(count, device=images.device).repeat(len(images))
        return Stylised(self.paint(contents, self._mix(chosen)), contents, to_float(self.styles)[chosen])

    def exhibit(self, prompt: Prompt) -> list[Exhibit]:
        """Show the prompt's works in each style, and the first ones between each two styles."""
        images, shown = prompt.works.get("images", torch.empty(0)), []
        digests = [bytes(row.tolist()).hex() for row in prompt.works.get("digests", ())]
        count = len(self.names)
        pure = torch.eye(count, device=self.styles.device)
        halves = [(f"{a} and {b}", (pure[i] + pure[j]) / 2) for (i, a), (j, b) in pairwise(enumerate(self.names))]
        for row, image in enumerate(images[: len(prompt.seeds)]):
            manners = [*zip(self.names, pure, strict=True), *(halves if row < self.params.mixes else [])]
            for name, mix in manners:
                picture = self.paint(image[None], mix[None])[0]
                caption, parts = f"in the manner of {name}", {"before": image}
                own = tuple(digests[row : row + 1])
                shown.append(Exhibit("image", picture, caption, "stylisation", digests=own, parts=parts))
        return shown


MODEL = Model(reads=frozenset({"images", "labels", "digests"}), params=Params, build=FastStyle)
MODEL_INFO = ModelInfo(
    title="Feed-forward style transfer",
    nanoseconds_per_pixel=2300,
    pretrained="weights",
    wall_texts={
        "stylisation": WallText(
            heading="Stylisations",
            note="A given picture, painted again in the strokes of another; behind each frame the one lies beside the other.",
            own=True,
            given=True,
        )
    },
)
