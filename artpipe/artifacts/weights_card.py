"""Save and load trained weights of networks that measure pictures.

They are converted once and verified each time they are read.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from torch import Tensor

from artpipe.artifacts.cards import load_card, save_card
from artpipe.artifacts.tensors import load_tensors, save_tensors
from artpipe.config.params import About, Frozen

WEIGHTS_FILE, WEIGHTS_CARD = "weights.safetensors", "weights.json"


class WeightsCard(Frozen):
    """`weights.json`; it holds nothing volatile."""

    format: int = 1
    name: str
    network: Literal["vgg16"]
    layers: tuple[str, ...]  # of the convolutions, from the picture inwards
    mean: tuple[float, float, float]  # what the network expects taken off and divided by, of colours in [0, 1]
    std: tuple[float, float, float]
    about: About
    file: str  # SHA-256 of the tensors


def save_weights(folder: Path, card: WeightsCard, tensors: Mapping[str, Tensor]) -> str:
    """Write the tensors, then the card with their hash.

    Returns the card's hash, which names the weights everywhere.
    """
    sha256 = save_tensors(folder / WEIGHTS_FILE, tensors)
    return save_card(folder / WEIGHTS_CARD, card.model_copy(update={"file": sha256}))


def load_weights(folder: Path) -> tuple[WeightsCard, dict[str, Tensor], str]:
    """Return card, tensors and hash, all verified.

    Raises:
        UserError: they are not there.
        CorruptError: the bytes are not what was written.
    """
    card, sha256 = load_card(folder / WEIGHTS_CARD, WeightsCard)
    return card, load_tensors(folder / WEIGHTS_FILE, card.file), sha256
