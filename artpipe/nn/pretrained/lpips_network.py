"""LPIPS: how different two pictures look, by the features of VGG16.

Zhang et al. 2018, version 0.1: layers and channels are weighted as people judged pairs of pictures.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from artpipe.nn.layers.batching import split_rows
from artpipe.nn.pretrained.vgg16_layout import LAYERS

COMPARED_LAYERS = ("conv1_2", "conv2_2", "conv3_3", "conv4_3", "conv5_3")
_BATCH = 50  # pictures at once
_EPSILON = 1e-10


class LpipsNetwork(nn.Module):
    """The 13 convolutions of VGG16 with a weight for each compared channel, frozen."""

    mean: Tensor
    std: Tensor

    def __init__(self, tensors: Mapping[str, Tensor], mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        for name, tensor in tensors.items():
            self.register_buffer(name.replace(".", "_"), tensor)
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1))
        self.to(memory_format=torch.channels_last).eval()

    def features(self, images: Tensor) -> Tensor:
        """Return ``(N, F)`` of ``(N, 3, H, W)`` in [-1, 1], sides of 16 pixels at least.

        The squared distance of two rows is the LPIPS of the two pictures.
        """
        return torch.cat([self._features(part) for part in split_rows(images, _BATCH)])

    def _features(self, images: Tensor) -> Tensor:
        maps = ((images + 1) / 2 - self.mean) / self.std
        maps = maps.contiguous(memory_format=torch.channels_last)
        rows, stage = [], "1"
        for layer in LAYERS:
            if layer[4] != stage:
                stage, maps = layer[4], F.max_pool2d(maps, 2)
            weight, bias = self.get_buffer(f"{layer}_weight"), self.get_buffer(f"{layer}_bias")
            maps = F.relu(F.conv2d(maps, weight, bias, padding=1))
            if layer in COMPARED_LAYERS:
                directions = maps / (maps.square().sum(1, keepdim=True).sqrt() + _EPSILON)
                scale = (self.get_buffer(f"{layer}_scale") / (maps.shape[2] * maps.shape[3])).sqrt()
                rows.append((directions * scale.view(1, -1, 1, 1)).flatten(1))
        return torch.cat(rows, 1)

    def distances(self, first: Tensor, second: Tensor) -> Tensor:
        """Return the LPIPS ``(N,)`` of two times ``(N, 3, H, W)`` in [-1, 1]."""
        parts = zip(split_rows(first, _BATCH), split_rows(second, _BATCH), strict=True)
        return torch.cat([(self._features(one) - self._features(other)).square().sum(1) for one, other in parts])
