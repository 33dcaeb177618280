"""LPIPS with VGG16, trained on ImageNet and on what people find alike.

Zhang et al. 2018, version 0.1.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from artpipe.artifacts.weights_card import WeightsCard
from artpipe.contracts.extractor import Extractor
from artpipe.nn.pretrained.lpips_network import COMPARED_LAYERS, LpipsNetwork
from artpipe.nn.pretrained.vgg16_layout import LAYERS, SHAPES, list_shapes, rename_convolutions


def _shapes() -> dict[str, tuple[int, ...]]:
    return list_shapes() | {f"{layer}.scale": SHAPES[layer][:1] for layer in COMPARED_LAYERS}


def _rename(content: Mapping[str, Any], branch: str) -> dict[str, Any]:
    """Return the tensors by layer, of flax arrays or of the authors' own names."""
    renamed = rename_convolutions(content, branch)
    for number, layer in enumerate(COMPARED_LAYERS):
        array = content.get(f"NetLinLayer_{number}/Conv_0/kernel")
        own = content.get(f"lin{number}.model.1.weight")
        if array is not None:
            renamed[f"{layer}.scale"] = torch.from_numpy(array.reshape(-1).copy())
        elif isinstance(own, Tensor):
            renamed[f"{layer}.scale"] = own.flatten()
    return renamed


def _find_objection(tensors: Mapping[str, Tensor]) -> str:
    """Return why weights are refused: a distance is a sum of what is not negative."""
    negative = [layer for layer in COMPARED_LAYERS if tensors[f"{layer}.scale"].min() < 0]
    return f"the weights of channels of {negative[0]} are negative" if negative else ""


def _build(card: WeightsCard, tensors: Mapping[str, Tensor]) -> LpipsNetwork:
    return LpipsNetwork(tensors, card.mean, card.std)


EXTRACTOR = Extractor(
    contents="the 13 convolutions of VGG16 and the channel weights of LPIPS",
    shapes=_shapes,
    rename=_rename,
    build=_build,
    layers=LAYERS,
    find_objection=_find_objection,
)
