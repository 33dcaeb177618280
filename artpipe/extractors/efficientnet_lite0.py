"""EfficientNet-lite0, trained on ImageNet (Tan & Le 2019): 1280 features."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from artpipe.artifacts.weights_card import WeightsCard
from artpipe.contracts.extractor import Extractor
from artpipe.nn.layers.batching import split_rows
from artpipe.nn.pretrained.efficientnet_network import EfficientNetLite0

_SIDE = 128  # pixels that pictures are enlarged or shrunk to; it was trained on 224
# Where the file has a part of ours: convolution and norm.
_OUTER = {"stem": ("_conv_stem", "_bn0"), "head": ("_conv_head", "_bn1")}
_INNER = {
    "expand": ("_expand_conv", "_bn0"),
    "depthwise": ("_depthwise_conv", "_bn1"),
    "project": ("_project_conv", "_bn2"),
}


def _file_name(name: str) -> str:
    """Return what a tensor of ours is called in the file.

    `blocks.3.expand.norm.bias` is `_blocks.3._bn0.bias` there.
    """
    *place, part, layer, tensor = name.split(".")
    convolution, norm = (_INNER if place else _OUTER)[part]
    block = [f"_{place[0]}", place[1]] if place else []
    return ".".join([*block, convolution if layer == "conv" else norm, tensor])


def _shapes() -> dict[str, tuple[int, ...]]:
    with torch.device("meta"):
        state = EfficientNetLite0().state_dict()
    return {name: tuple(tensor.shape) for name, tensor in state.items() if tensor.is_floating_point()}


def _rename(content: Mapping[str, Any], branch: str) -> dict[str, Any]:
    del branch
    names = {name: _file_name(name) for name in _shapes()}
    return {name: content[old] if old in content else content.get(name) for name, old in names.items()}


class EfficientNetFeatures(nn.Module):
    """The network behind its normalisation, at one size."""

    mean: Tensor
    std: Tensor

    def __init__(self, card: WeightsCard, tensors: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.network = EfficientNetLite0()
        self.network.load_state_dict(dict(tensors), strict=False)  # counts of batches seen are no weights
        self.register_buffer("mean", torch.tensor(card.mean).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(card.std).view(1, 3, 1, 1))
        self.to(memory_format=torch.channels_last).eval().requires_grad_(requires_grad=False)

    def features(self, images: Tensor) -> Tensor:
        """Return ``(N, 1280)`` of ``(N, 3, H, W)`` in [-1, 1]."""
        return torch.cat([self._features(part) for part in split_rows(images)])

    def _features(self, images: Tensor) -> Tensor:
        resized = F.interpolate(images, (_SIDE, _SIDE), mode="bilinear", antialias=True, align_corners=False)
        features: Tensor = self.network(((resized + 1) / 2 - self.mean) / self.std)
        return features


EXTRACTOR = Extractor(
    contents="the convolutions of EfficientNet-lite0",
    shapes=_shapes,
    rename=_rename,
    build=EfficientNetFeatures,
    mean=(127.0 / 255,) * 3,
    std=(128.0 / 255,) * 3,
)
