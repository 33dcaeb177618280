"""Perceptual losses: distances of the features that a trained VGG16 computes.

They are compared layer by layer, or by their correlations.
"""

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


def _require_trained_weights(path: str) -> str:
    if not path.startswith(_FOLDER):
        message = (
            f"trained weights are wanted, such as `{_FOLDER}vgg16`: under random ones the style loss falls even lower"
        )
        raise ValueError(f"{message}, and no style is transferred (docs/log.md)")
    return path


TrainedWeights = Annotated[
    str, AfterValidator(_require_trained_weights)
]  # the `pretrained` of a kind that cannot do without


class PerceptualNetwork(nn.Module):
    """The convolutions of VGG16 (Simonyan & Zisserman 2014), frozen.

    With average pooling; layers are named `conv3_1`.

    Average pooling instead of the maximum makes gradients smoother (Gatys et al. 2016, section 2).
    """

    mean: Tensor
    std: Tensor

    def __init__(self, card: WeightsCard, tensors: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.layers = card.layers
        self.convolutions = nn.ModuleDict()
        for layer in card.layers:
            outputs, inputs = tensors[f"{layer}.weight"].shape[:2]
            convolution = nn.Conv2d(inputs, outputs, 3, padding=1, padding_mode="zeros")
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

    def forward(self, images: Tensor, layers: Iterable[str]) -> dict[str, Tensor]:
        """Return the features ``(B, C, h, w)`` of the named layers, after their ReLU.

        Images are ``(B, 3, H, W)`` in [-1, 1].

        No layer deeper than the deepest wanted one is computed.
        """
        names = set(layers)
        deepest = max((self.layers.index(name) for name in names), default=-1)
        maps = ((images + 1) / 2 - self.mean) / self.std
        maps = maps.contiguous(memory_format=torch.channels_last)
        features: dict[str, Tensor] = {}
        stage = "1"
        for layer in self.layers[: deepest + 1]:
            if layer[4] != stage:
                stage, maps = layer[4], F.avg_pool2d(maps, 2)
            maps = F.relu(self.convolutions[layer](maps))
            if layer in names:
                features[layer] = maps
        return features


def gram_matrix(features: Tensor) -> Tensor:
    """Return the Gram matrix ``(B, C, C)`` of features ``(B, C, H, W)``.

    It is the mean over places of the products of channels: Gatys' Gram matrix divided by its H W places, so that it does
    not depend on the size of the picture.
    """
    flat = features.flatten(2)
    return flat @ flat.transpose(1, 2) / flat.shape[2]


def total_variation(images: Tensor) -> Tensor:
    """Return the total variation ``(B,)`` of ``(B, C, H, W)`` in [-1, 1].

    It is the mean absolute difference to the right and to the lower neighbour.

    A checkerboard of -1 and 1 with fields of one pixel has the largest there is, 2.
    """
    across = (images[..., :, 1:] - images[..., :, :-1]).abs().flatten(1).mean(1)
    down = (images[..., 1:, :] - images[..., :-1, :]).abs().flatten(1).mean(1)
    return (across + down) / 2


def resize(images: Tensor, size: tuple[int, int]) -> Tensor:
    """Return ``(B, C, H, W)`` in another size, bicubic, antialiased where smaller."""
    if images.shape[2:] == size:
        return images
    return F.interpolate(images, size, mode="bicubic", antialias=True, align_corners=False)


@dataclass(frozen=True)
class PerceptualLoss:
    """Distances in content, by deep features, and in style, by Gram matrices.

    Both distances are relative, 0 for the same and about 1 for something unrelated, so that their weights suit every
    picture; the weights of Gatys et al. 2016 (section 3) depend on the size of the numbers in each layer.
    """

    network: PerceptualNetwork
    content_layers: tuple[str, ...]
    style_layers: tuple[str, ...]

    def __post_init__(self) -> None:
        for layer in (*self.content_layers, *self.style_layers):
            if layer not in self.network.layers:
                available = self.network.layers
                raise UserError(
                    f"no layer `{layer}`{did_you_mean(layer, available)} (there are: {', '.join(available)})"
                )

    def content_features(self, images: Tensor) -> dict[str, Tensor]:
        """Return the deep features of ``(B, 3, H, W)`` in [-1, 1]."""
        features: dict[str, Tensor] = self.network(images, self.content_layers)
        return features

    def style_grams(self, images: Tensor) -> dict[str, Tensor]:
        """Return the Gram matrices of ``(B, 3, H, W)`` in [-1, 1]."""
        return {layer: gram_matrix(features) for layer, features in self.network(images, self.style_layers).items()}

    def distances(
        self, images: Tensor, content: Mapping[str, Tensor], style: Mapping[str, Tensor]
    ) -> tuple[Tensor, Tensor]:
        """Return the distances ``(B,)`` of pictures from a content and from a style.

        Pictures are ``(B, 3, H, W)``; both are means over layers.
        """
        features = self.network(images, {*self.content_layers, *self.style_layers})
        content_distances = [_relative_distance(features[layer], content[layer]) for layer in self.content_layers]
        style_distances = [
            _relative_distance(gram_matrix(features[layer]), style[layer]) for layer in self.style_layers
        ]
        return torch.stack(content_distances).mean(0), torch.stack(style_distances).mean(0)


def content_dissimilarity(features: Mapping[str, Tensor], content: Mapping[str, Tensor]) -> Tensor:
    """Return one less the correlation ``(B,)`` of features and those of a content.

    They are ``(B, C, h, w)`` by layer, each channel without its mean; the mean over layers is 0 for the same and about 1 for anything unrelated,
    however plain the content is. A distance relative to the content's own size is far above 1 there.
    """
    rows = [_correlation(features[layer], content[layer]) for layer in content]
    return 1 - torch.stack(rows).mean(0)


def _correlation(values: Tensor, targets: Tensor) -> Tensor:
    values, targets = ((maps - maps.mean((2, 3), keepdim=True)).flatten(1) for maps in (values, targets))
    return F.cosine_similarity(values, targets, dim=1)


def _relative_distance(values: Tensor, targets: Tensor) -> Tensor:
    return (values - targets).square().flatten(1).sum(1) / targets.square().flatten(1).sum(1).clamp_min(1.0e-12)


@dataclass(frozen=True)
class StylisedPictures:
    """Stylised pictures, their contents and their styles, row by row.

    ``(N, 3, H, W)`` in [-1, 1] each.
    """

    pictures: Tensor
    contents: Tensor
    styles: Tensor


@runtime_checkable
class StyleTransfer(Protocol):
    """A learner that paints a picture in the style of another.

    It is scored by perceptual distances.
    """

    perceptual_loss: PerceptualLoss | None  # None where the weights it was trained with are not at hand

    def stylise(self, works: Mapping[str, Tensor]) -> StylisedPictures:
        """Return its pictures, of its own contents or of held-out works."""
        ...


def open_perceptual_network(path: Path) -> tuple[PerceptualNetwork | None, str | None]:
    """Return the network and its hash if `path` is a folder of weights, else None."""
    return PerceptualNetwork.open(path) if (path / WEIGHTS_CARD).is_file() else (None, None)
