"""Weights: a trained network that measures pictures as people see them, converted once and verified at every reading."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from torch import Tensor

from artpipe.artifacts.cards import load_card, save_card
from artpipe.artifacts.tensors import load_tensors, save_tensors
from artpipe.config.params import About, Frozen

FILE, CARD = "weights.safetensors", "weights.json"


class WeightsCard(Frozen):
    """`weights.json`: nothing volatile stands here."""

    format: int = 1
    name: str
    network: Literal["vgg16"]
    layers: tuple[str, ...]  # of the convolutions, from the picture inwards
    mean: tuple[float, float, float]  # what the network expects taken off and divided by, of colours in [0, 1]
    std: tuple[float, float, float]
    about: About
    file: str  # SHA-256 of the tensors


def save_weights(folder: Path, card: WeightsCard, tensors: Mapping[str, Tensor]) -> str:
    """Write the tensors, then the card with their hash; return the card's hash, the weights' name everywhere."""
    sha256 = save_tensors(folder / FILE, tensors)
    return save_card(folder / CARD, card.model_copy(update={"file": sha256}))


def load_weights(folder: Path) -> tuple[WeightsCard, dict[str, Tensor], str]:
    """Return card, tensors and hash, all verified.

    Raises:
        UserError: they are not there.
        CorruptError: the bytes are not what was written.
    """
    card, sha256 = load_card(folder / CARD, WeightsCard)
    return card, load_tensors(folder / FILE, card.file), sha256
