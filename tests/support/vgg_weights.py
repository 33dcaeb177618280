"""Weights of VGG16's shapes, drawn at random with the long tails that trained ones have; for tests without a network."""

from functools import cache
from pathlib import Path

import torch

from artpipe.artifacts.weights_card import WeightsCard, save_weights
from artpipe.config.params import About
from artpipe.nn.pretrained.vgg16_layout import LAYERS, SHAPES


@cache
def make_random_state() -> dict[str, torch.Tensor]:
    """The weights by name."""
    torch.manual_seed(0)
    state = {}
    for layer, (out, into, height, width) in SHAPES.items():
        size = (2.0 / (into * height * width)) ** 0.5
        drawn = torch.randn(out, into, height, width) * torch.empty(out, into, height, width).exponential_().sqrt()
        state[f"{layer}.weight"], state[f"{layer}.bias"] = drawn * size, torch.zeros(out)
    return state


def write_vgg_weights(folder: Path, name: str = "eye") -> Path:
    """Write them as the artifact, in `folder`."""
    folder.mkdir(parents=True)
    card = WeightsCard(
        name=name, network="vgg16", layers=LAYERS, mean=(0.5,) * 3, std=(0.25,) * 3, about=About(), file=""
    )
    save_weights(folder, card, make_random_state())
    return folder
