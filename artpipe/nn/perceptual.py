"""Perceptual losses: a trained VGG16 looks at pictures; what it sees is compared, layer by layer or by their correlations."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Self

import torch
from pydantic import AfterValidator
from torch import Tensor, nn
from torch.nn import functional as F

from artpipe.artifacts.weights import CARD, WeightsCard, load_weights

_FOLDER = "data/weights/"


def _trained(uses: str) -> str:
    if not uses.startswith(_FOLDER):
        message = (
            f"trained weights are wanted, such as `{_FOLDER}vgg16`: under random ones the style loss falls even lower"
        )
        raise ValueError(f"{message}, and no style is transferred (docs/log.md)")
    return uses


TrainedWeights = Annotated[str, AfterValidator(_trained)]  # the `uses` of a kind that cannot do without


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


def perceptual_at(path: Path) -> tuple[Perceptual | None, str | None]:
    """Return the network and its hash where `path` is a folder of weights, else nothing."""
    return Perceptual.open(path) if (path / CARD).is_file() else (None, None)
