"""Save and load checkpoints: trained models, byte for byte reproducible.

The same inputs, versions and thread count give the same bytes.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import SerializerFunctionWrapHandler, model_serializer
from torch import Tensor

from artpipe.artifacts.cards import ParameterCard, load_card, save_card
from artpipe.artifacts.shards import Spec
from artpipe.artifacts.tensors import load_tensors, save_tensors
from artpipe.config.params import Frozen

CheckpointChoice = Literal["final", "best"]


class HistoryRow(Frozen):
    """One evaluation point of a training.

    Mean losses since the last one, and what validation measured.
    """

    step: int
    losses: dict[str, float]
    validation: dict[str, float]


class CheckpointCard(ParameterCard):
    """`checkpoint.json`; it holds nothing volatile."""

    name: str
    kind: str
    params: dict[str, Any]  # the model's entry, complete with defaults
    seed: int
    shards: str  # hash of the ShardSet it learned from
    pretrained: str | None  # hash of what it used besides (a feature extractor's checkpoint, weights)
    code: str = ""  # fingerprint of the kind: who restores this checkpoint runs that code
    spec: Spec
    steps: dict[CheckpointChoice, int]  # the step each file was taken at
    selection: str | None  # the validation measure that chose `best`
    history: tuple[HistoryRow, ...]
    rollbacks: int = 0
    diverged: bool = False  # given up after the last rollback; the weights are the last good ones
    micro_batch: int | None = None  # rows of a batch learned from at once where all did not fit into memory
    files: dict[CheckpointChoice, str]  # SHA-256 of final.safetensors and best.safetensors

    @model_serializer(mode="wrap")
    def _omit_unset_micro_batch(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave `micro_batch` out where memory sufficed.

        Such a card is then the same in every version.
        """
        fields: dict[str, Any] = handler(self)
        if self.micro_batch is None:
            fields.pop("micro_batch", None)
        return fields


def save_checkpoint(
    folder: Path, card: CheckpointCard, weights: Mapping[CheckpointChoice, Mapping[str, Tensor]]
) -> str:
    """Write the weights, then the card with their hashes.

    Returns the card's hash, which names the checkpoint everywhere.
    """
    files: dict[CheckpointChoice, str] = {
        which: save_tensors(folder / f"{which}.safetensors", tensors) for which, tensors in weights.items()
    }
    return save_card(folder / "checkpoint.json", card.model_copy(update={"files": files}))


def load_checkpoint(folder: Path, which: CheckpointChoice = "best") -> tuple[CheckpointCard, dict[str, Tensor], str]:
    """Return card, weights and hash of a checkpoint, all verified.

    Raises:
        UserError: it is not there.
        CorruptError: its bytes are not what was written.
    """
    card, sha256 = load_card(folder / "checkpoint.json", CheckpointCard)
    return card, load_tensors(folder / f"{which}.safetensors", card.files[which]), sha256
