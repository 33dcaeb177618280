"""The card of any pretrained network's weights."""

from pathlib import Path

from torch import Tensor

from artpipe.artifacts.cards import load_card
from artpipe.artifacts.tensors import load_tensors
from artpipe.artifacts.weights_card import WEIGHTS_CARD, WEIGHTS_FILE, WeightsCard


class ExtractorCard(WeightsCard):
    """`weights.json` of any network; trainings read those of VGG16 alone."""

    network: str  # type: ignore[assignment]  # a file of `extractors/`


def load_extractor_weights(folder: Path) -> tuple[ExtractorCard, dict[str, Tensor], str]:
    """Return card, tensors and hash, all verified.

    Raises:
        UserError: they are not there.
        CorruptError: the bytes are not what was written.
    """
    card, sha256 = load_card(folder / WEIGHTS_CARD, ExtractorCard)
    return card, load_tensors(folder / WEIGHTS_FILE, card.file), sha256
