"""Perceptual losses: a trained VGG16 looks at pictures; what it sees is compared, layer by layer or by their correlations."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Protocol, Self, runtime_checkable

import torch
from pydantic import AfterValidator
from torch import Tensor, nn
from torch.nn import functional as F

from artpipe.artifacts.weights_card import WEIGHTS_CARD, WeightsCard, load_weights
from artpipe.errors import UserError, did_you_mean

_FOLDER = "data/weights/"


def _trained(path: str) -> str:
    if not path.startswith(_FOLDER):
        message = (
            f"trained weights are wanted, such as `{_FOLDER}vgg16`: under random ones the style loss falls even lower"
        )
        raise ValueError(f"{message}, and no style is transferred (docs/log.md)")
    return path


TrainedWeights = Annotated[str, AfterValidator(_trained)]  # the `pretrained` of a kind that cannot do without


class Perceptual(nn.Module):
    """The convolutions of VGG16 (Simonyan & Zisserman 2014) with average pooling, frozen; layers are named `conv3_1`.

    Average pooling instead of the maximum makes gradients smoother (Gatys et al. 2016, section 2).
    """

    mean: Tensor
    std: Tensor

    def __init__(self, card: WeightsCard, tensors: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.layers = card.layers
        self.convolutions = nn.ModuleDict()
        for layer in card.layers:
            out, into = tensors[f"{layer}.weight"].shape[:2]
            convolution = nn.Conv2d(into, out, 3, padding=1, padding_mode="zeros")
            convolution.load_state_dict({"weight": tensors[f"{layer}.weight"], "bias": tensors[f"{layer}.bias"]})
            self.convolutions[layer] = convolution
        self.register_buffer("mean", torch.tensor(card.mean).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(card.std).view(1, 3, 1, 1))
        self.to(memory_format=torch.channels_last).eval().requires_grad_(requires_grad=False)

    @classmethod
    def open(cls, folder: Path) -> tuple[Self, str]:
        """Return the network of `data/weights/NAME`, and its hash.

        Raises:
            UserError, CorruptError: see `load_weights`.
        """
        card, tensors, sha256 = load_weights(folder)
        return cls(card, tensors), sha256

    def forward(self, images: Tensor, wanted: Iterable[str]) -> dict[str, Tensor]:
        """Return what the wanted layers see behind their ReLU, ``(B, C, h, w)`` each, of ``(B, 3, H, W)`` in [-1, 1].

        No layer deeper than the deepest wanted one is computed.
        """
        names = set(wanted)
        deepest = max((self.layers.index(name) for name in names), default=-1)
        seen = ((images + 1) / 2 - self.mean) / self.std
        seen = seen.contiguous(memory_format=torch.channels_last)
        found: dict[str, Tensor] = {}
        stage = "1"
        for layer in self.layers[: deepest + 1]:
            if layer[4] != stage:
                stage, seen = layer[4], F.avg_pool2d(seen, 2)
            seen = F.relu(self.convolutions[layer](seen))
            if layer in names:
                found[layer] = seen
        return found


def gram(features: Tensor) -> Tensor:
    """Return ``(B, C, C)``: the mean over places of the products of channels, of ``(B, C, H, W)``.

    Gatys' Gram matrix divided by its H W places, so that it does not depend on the size of the picture.
    """
    flat = features.flatten(2)
    return flat @ flat.transpose(1, 2) / flat.shape[2]


def total_variation(images: Tensor) -> Tensor:
    """Return ``(B,)``: the mean step to the right and to the lower neighbour, of ``(B, C, H, W)`` in [-1, 1].

    A checkerboard of -1 and 1 with fields of one pixel has the largest there is, 2.
    """
    across = (images[..., :, 1:] - images[..., :, :-1]).abs().flatten(1).mean(1)
    down = (images[..., 1:, :] - images[..., :-1, :]).abs().flatten(1).mean(1)
    return (across + down) / 2


def resized(images: Tensor, size: tuple[int, int]) -> Tensor:
    """Return ``(B, C, H, W)`` in another size, bicubic, smoothed where it becomes smaller."""
    if images.shape[2:] == size:
        return images
    return F.interpolate(images, size, mode="bicubic", antialias=True, align_corners=False)


@dataclass(frozen=True)
class Eye:
    """Compares pictures: what is in them by deep features, how they are painted by Gram matrices.

    Both distances are relative, 0 for the same and about 1 for something unrelated, so that their weights suit every
    picture; the weights of Gatys et al. 2016 (section 3) hang on the size of the numbers in each layer.
    """

    network: Perceptual
    content_layers: tuple[str, ...]
    style_layers: tuple[str, ...]

    def __post_init__(self) -> None:
        for layer in (*self.content_layers, *self.style_layers):
            if layer not in self.network.layers:
                known = self.network.layers
                raise UserError(f"no layer `{layer}`{did_you_mean(layer, known)} (there are: {', '.join(known)})")

    def content_of(self, images: Tensor) -> dict[str, Tensor]:
        """Return the deep features of ``(B, 3, H, W)`` in [-1, 1]."""
        seen: dict[str, Tensor] = self.network(images, self.content_layers)
        return seen

    def style_of(self, images: Tensor) -> dict[str, Tensor]:
        """Return the Gram matrices of ``(B, 3, H, W)`` in [-1, 1]."""
        return {layer: gram(seen) for layer, seen in self.network(images, self.style_layers).items()}

    def distances(
        self, images: Tensor, content: Mapping[str, Tensor], style: Mapping[str, Tensor]
    ) -> tuple[Tensor, Tensor]:
        """Return how far ``(B, 3, H, W)`` is from a content and from a style, ``(B,)`` each: means over their layers."""
        seen = self.network(images, {*self.content_layers, *self.style_layers})
        far = [_relative(seen[layer], content[layer]) for layer in self.content_layers]
        strange = [_relative(gram(seen[layer]), style[layer]) for layer in self.style_layers]
        return torch.stack(far).mean(0), torch.stack(strange).mean(0)


def _relative(found: Tensor, wanted: Tensor) -> Tensor:
    return (found - wanted).square().flatten(1).sum(1) / wanted.square().flatten(1).sum(1).clamp_min(1.0e-12)


@dataclass(frozen=True)
class Stylised:
    """Pictures beside what they were made of, ``(N, 3, H, W)`` in [-1, 1] each; row by row they belong together."""

    pictures: Tensor
    contents: Tensor
    styles: Tensor


@runtime_checkable
class Stylist(Protocol):
    """A learner that paints one picture in the manner of another; scored by perceptual distances."""

    eye: Eye | None  # None where the weights it was trained with are not at hand

    def stylised(self, works: Mapping[str, Tensor]) -> Stylised:
        """Return its pictures, of its own contents or of held-out works."""
        ...


def perceptual_at(path: Path) -> tuple[Perceptual | None, str | None]:
    """Return the network and its hash where `path` is a folder of weights, else nothing."""
    return Perceptual.open(path) if (path / WEIGHTS_CARD).is_file() else (None, None)
