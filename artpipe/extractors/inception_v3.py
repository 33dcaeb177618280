"""Inception-v3 as the Frechet inception distance has it: 2048 features.

The convention is that of Heusel et al. 2017.

Its weights are in no package index: who has the file `pt_inception-2015-12-05` (of pytorch-fid or torch-fidelity) names it in
`weights`, with `network: inception_v3`.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from artpipe.artifacts.weights_card import WeightsCard
from artpipe.contracts.extractor import Extractor
from artpipe.nn.layers.batching import split_rows
from artpipe.nn.pretrained.inception_network import InceptionV3

_BATCH = 32  # pictures of 299 pixels at once


def _shapes() -> dict[str, tuple[int, ...]]:
    with torch.device("meta"):
        state = InceptionV3().state_dict()
    return {name: tuple(tensor.shape) for name, tensor in state.items() if tensor.is_floating_point()}


def _rename(content: Mapping[str, Any], branch: str) -> Mapping[str, Any]:
    del branch
    return content


class InceptionFeatures(nn.Module):
    """The network, fed as the convention wants it."""

    def __init__(self, card: WeightsCard, tensors: Mapping[str, Tensor]) -> None:
        super().__init__()
        del card
        self.network = InceptionV3()
        self.network.load_state_dict(dict(tensors), strict=False)  # counts of batches seen are no weights
        self.eval().requires_grad_(requires_grad=False)

    def features(self, images: Tensor) -> Tensor:
        """Return ``(N, 2048)`` of ``(N, 3, H, W)`` in [-1, 1].

        They are brought back to whole levels of 0 to 255, which the convention starts from.
        """
        levels = ((images + 1) * 127.5).round()
        return torch.cat([self.network(part) for part in split_rows(levels, _BATCH)])


EXTRACTOR = Extractor(
    contents="Inception-v3 in the FID convention, such as pt_inception-2015-12-05",
    shapes=_shapes,
    rename=_rename,
    build=InceptionFeatures,
    mean=(0.5, 0.5, 0.5),
    std=(0.5, 0.5, 0.5),
)
