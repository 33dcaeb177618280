"""Fast style transfer: one network paints any photograph in any of its styles.

Johnson, Alahi & Fei-Fei 2016 (perceptual losses), with conditional instance norm (Dumoulin, Shlens & Kudlur 2017): a style
is a gain and a shift per channel, so styles share all strokes and can be mixed. Most of the work is done on maps of a
quarter of the picture's sides. The picture itself is added to the network's output, and the last norm's gain and shift
start as the deviation and mean of each style's colours: untrained, the network shows the photograph in these colours.
"""

from collections.abc import Mapping
from itertools import pairwise

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from artpipe.artifacts.shards import Spec
from artpipe.config.params import Positive, TrainParams
from artpipe.contracts.microbatched import MicroBatchedLearner, row_share
from artpipe.contracts.model import Batch, Exhibit, Model, Prompt
from artpipe.contracts.plugin_info import Budget, Export, ModelInfo, WallText
from artpipe.errors import UserError
from artpipe.language.message import Message
from artpipe.nn.style.perceptual import (
    PerceptualLoss,
    PerceptualNetwork,
    StylisedPictures,
    TrainedWeights,
    total_variation,
)
from artpipe.nn.style.style_images import find_style_image, list_styles
from artpipe.numerics.pixels import to_float


class Params(TrainParams):
    """Parameters of fast style transfer."""

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


class ConditionalInstanceNorm(nn.Module):
    """Instance norm whose gain and shift are those of a style, or of a mix of styles."""

    def __init__(self, styles: int, channels: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(styles, channels))
        self.shift = nn.Parameter(torch.zeros(styles, channels))

    def forward(self, maps: Tensor, mix: Tensor) -> Tensor:
        """Return ``(B, C, H, W)``; `mix` ``(B, S)`` has the share of each style."""
        normed = F.instance_norm(maps)
        return normed * (mix @ self.gain)[:, :, None, None] + (mix @ self.shift)[:, :, None, None]


class ConvolutionLayer(nn.Module):
    """A 3x3 convolution with mirrored borders, conditional instance norm and ReLU."""

    def __init__(self, styles: int, inputs: int, outputs: int, stride: int = 1, *, relu: bool = True) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(inputs, outputs, 3, stride, padding=1, padding_mode="reflect", bias=False)
        self.norm, self.relu = ConditionalInstanceNorm(styles, outputs), relu

    def forward(self, maps: Tensor, mix: Tensor) -> Tensor:
        """Return ``(B, out, H / stride, W / stride)``."""
        normed: Tensor = self.norm(self.convolution(maps), mix)
        return normed.relu() if self.relu else normed


class ConditionalResidual(nn.Module):
    """Two layers beside the maps themselves."""

    def __init__(self, styles: int, channels: int) -> None:
        super().__init__()
        self.first = ConvolutionLayer(styles, channels, channels)
        self.second = ConvolutionLayer(styles, channels, channels, relu=False)

    def forward(self, maps: Tensor, mix: Tensor) -> Tensor:
        """Return ``(B, C, H, W)``."""
        return torch.as_tensor(maps + self.second(self.first(maps, mix), mix))


class FastStyleNetwork(nn.Module):
    """Maps a picture to a picture; sides are multiples of 4."""

    def __init__(self, styles: int, width: int, blocks: int) -> None:
        super().__init__()
        self.stem = ConvolutionLayer(styles, 12, width)
        self.inwards = ConvolutionLayer(styles, width, 2 * width, 2)
        self.blocks = nn.ModuleList(ConditionalResidual(styles, 2 * width) for _ in range(blocks))
        self.outwards = ConvolutionLayer(styles, 2 * width, width)
        self.paint = nn.Conv2d(width, 3, 5, padding=2, padding_mode="reflect")
        self.colours = ConditionalInstanceNorm(styles, 3)
        for weight in self.paint.parameters():
            nn.init.zeros_(weight)  # it starts as the picture itself, in other colours

    def forward(self, images: Tensor, mix: Tensor) -> Tensor:
        """Return stylised pictures ``(B, 3, H, W)``, about in [-1, 1].

        Images are in [-1, 1]; `mix` ``(B, S)`` has the share of each style.
        """
        maps = self.stem(F.pixel_unshuffle(images, 2), mix)
        maps = self.inwards(maps, mix)
        for block in self.blocks:
            maps = block(maps, mix)
        maps = self.outwards(F.interpolate(maps, scale_factor=2.0, mode="nearest"), mix)
        strokes = self.paint(F.interpolate(maps, scale_factor=2.0, mode="nearest"))
        return torch.as_tensor(self.colours(F.instance_norm(images) + strokes, mix))


class FastStyle(MicroBatchedLearner[Params]):
    """The network and the styles that it has learned."""

    styles: Tensor

    def __init__(self, params: Params, spec: Spec, pretrained: PerceptualNetwork | None = None) -> None:
        super().__init__(params, spec)
        self.names = list_styles(params.styles, spec)
        if params.crop % 4 or not params.crop <= min(spec.height, spec.width):
            size = f"{spec.height} x {spec.width}"
            raise UserError(f"`crop` is {params.crop}: a multiple of 4 is wanted that fits into {size} pixels")
        self.perceptual_loss = (
            None if pretrained is None else PerceptualLoss(pretrained, params.content_layers, params.style_layers)
        )
        self.network = FastStyleNetwork(len(self.names), params.width, params.blocks)
        self.register_buffer("styles", torch.zeros(len(self.names), 3, spec.height, spec.width, dtype=torch.uint8))
        self.to(memory_format=torch.channels_last)
        self.optimisers = {"network": torch.optim.Adam(self.network.parameters(), lr=params.learning_rate, fused=True)}
        self._style_targets: dict[str, Tensor] = {}

    def prepare_training(self, works: Batch) -> None:
        """Take the style pictures from the works."""
        for row, name in enumerate(self.names):
            self.styles[row] = find_style_image(works, self.spec, name)[1]
        with torch.no_grad():
            colours = to_float(self.styles).flatten(2)
            self.network.colours.gain.copy_(colours.std(2))
            self.network.colours.shift.copy_(colours.mean(2))

    def prepare_batch(self, batch: Batch) -> Batch:
        """Return crops of the works, and a random style for each."""
        images = self._draw_crops(batch["images"])
        return {"images": images, "chosen": torch.randint(len(self.names), (len(images),), device=images.device)}

    def accumulate_gradients(self, part: Batch, whole: Batch) -> Mapping[str, Tensor]:
        """Descend ``alpha content + beta log(1 + style) + variation TV``."""
        if self.perceptual_loss is None:
            raise UserError(f"models.{self.params.kind}: style transfer needs trained weights; see `pretrained`")
        p, images, chosen, share = self.params, part["images"], part["chosen"], row_share(part, whole)
        with torch.no_grad():
            content = self.perceptual_loss.content_features(images)
            self._style_targets = self._style_targets or self._style_grams(self.perceptual_loss)
        stylised = self.network(images, self._one_hot(chosen))
        style = {layer: grams[chosen] for layer, grams in self._style_targets.items()}
        content_distance, style_distance = self.perceptual_loss.distances(stylised, content, style)
        variation = total_variation(stylised)
        # The logarithm keeps a style that is far from all photographs, a dark one, from outweighing the others.
        loss = share * (p.alpha * content_distance + p.beta * style_distance.log1p() + p.variation * variation).mean()
        loss.backward()  # type: ignore[no-untyped-call]
        losses = {"content": content_distance, "style": style_distance, "variation": variation}
        return {name: share * value.detach().mean() for name, value in losses.items()}

    def update_weights(self, rows: int) -> None:
        """Take the optimiser's step."""
        del rows
        optimiser = self.optimisers["network"]
        (group,) = optimiser.param_groups
        group["lr"] = self.scheduled_rate(self.params.learning_rate, self.params.warmup_steps, final_share=0.05)
        nn.utils.clip_grad_norm_(group["params"], 10.0)
        optimiser.step()

    def _style_grams(self, loss: PerceptualLoss) -> dict[str, Tensor]:
        """Return the Gram matrices of the styles ``(S, C, C)`` by layer."""
        grams_by_style = [loss.style_grams(to_float(self.styles[[row]])) for row in range(len(self.names))]
        return {layer: torch.cat([grams[layer] for grams in grams_by_style]) for layer in grams_by_style[0]}

    def _draw_crops(self, images: Tensor) -> Tensor:
        """Return a random crop of each picture ``(B, 3, crop, crop)``.

        Half of the batches are mirrored.
        """
        side = self.params.crop
        places = [int(torch.randint(room - side + 1, ())) for room in images.shape[2:] for _ in images]
        corners = zip(images, places[: len(images)], places[len(images) :], strict=True)
        pieces = torch.stack([image[:, top : top + side, left : left + side] for image, top, left in corners])
        return pieces.flip(3) if torch.rand(()) < 0.5 else pieces  # noqa: PLR2004

    def _one_hot(self, chosen: Tensor) -> Tensor:
        return F.one_hot(chosen, len(self.names)).float()

    @torch.no_grad()
    def paint(self, images: Tensor, mix: Tensor) -> Tensor:
        """Return ``(B, 3, H, W)`` in [-1, 1], one picture at a time.

        `mix` ``(B, S)`` has the share of each style.
        """
        pictures = [self.network(image[None], shares[None]) for image, shares in zip(images, mix, strict=True)]
        return torch.cat(pictures).clamp(-1, 1)

    def stylise(self, works: Batch) -> StylisedPictures:
        """Return each work in each style."""
        images, count = works["images"], len(self.names)
        contents = images.repeat_interleave(count, 0)
        chosen = torch.arange(count, device=images.device).repeat(len(images))
        return StylisedPictures(self.paint(contents, self._one_hot(chosen)), contents, to_float(self.styles)[chosen])

    def exhibit(self, prompt: Prompt) -> list[Exhibit]:
        """Show the prompt's works in each style, the first ones also between two styles."""
        images, exhibits = prompt.works.get("images", torch.empty(0)), []
        digests = [bytes(row.tolist()).hex() for row in prompt.works.get("digests", ())]
        count = len(self.names)
        pure = torch.eye(count, device=self.styles.device)
        manners = [
            (Message(code="in_the_manner_of", values={"style": name}), mix)
            for name, mix in zip(self.names, pure, strict=True)
        ]
        halves = [
            (Message(code="in_the_manner_of_two", values={"first": a, "second": b}), (pure[i] + pure[j]) / 2)
            for (i, a), (j, b) in pairwise(enumerate(self.names))
        ]
        for row, image in enumerate(images[: len(prompt.seeds)]):
            for caption, mix in [*manners, *(halves if row < self.params.mixes else [])]:
                picture, own = self.paint(image[None], mix[None])[0], tuple(digests[row : row + 1])
                exhibits.append(Exhibit("image", picture, caption, "stylisation", digests=own, parts={"before": image}))
        return exhibits


MODEL = Model(reads=frozenset({"images", "labels", "digests"}), params=Params, build=FastStyle)
MODEL_INFO = ModelInfo(
    title="Feed-forward style transfer",
    export=Export(network="artpipe.export.networks.picture_styler:PictureStyler"),
    hub_task="image-to-image",
    nanoseconds_per_pixel=3400,
    evaluation_seconds=9.0,
    class_parameters=("styles",),
    default_steps=600,
    default_batch_size=2,
    pretrained="weights",
    wall_texts={
        "stylisation": WallText(
            heading="Stylisations",
            note="A given picture, painted again in the strokes of another; behind each frame the one lies beside the other.",
            own=True,
            given=True,
        )
    },
    presets={"long": Budget(steps_factor=3), "gpu": Budget(steps_factor=4, at_least={"batch_size": 4, "crop": 128})},
)
