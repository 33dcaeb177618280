"""Models with weights by chance, for tests of what is painted with them."""

from pathlib import Path
from typing import Any

import torch

from artpipe.artifacts import paths
from artpipe.artifacts.checkpoint import CheckpointCard, save_checkpoint
from artpipe.artifacts.shards import Spec
from artpipe.contracts.model import Learner
from artpipe.training.restore import build_learner


def make_untrained_model(
    name: str, entry: dict[str, Any], spec: Spec, pretrained: str | None = None
) -> tuple[Learner[Any], CheckpointCard]:
    """Return a learner, of whose weights none is zero, and the card of its checkpoint."""
    torch.manual_seed(0)
    learner = build_learner(name, entry, spec)
    for weight in learner.parameters():
        weight.data += 0.05 * torch.randn_like(weight)
    card = CheckpointCard(
        name=name, kind=entry["kind"], params=entry, seed=1, shards="", pretrained=pretrained, code="c", spec=spec,
        steps={"final": 1, "best": 1}, selection=None, history=(), files={},
    )  # fmt: skip
    return learner.eval(), card


def save_untrained_model(root: Path, name: str, entry: dict[str, Any], spec: Spec) -> str:
    """Save such a model's checkpoint in a project; return its hash."""
    learner, card = make_untrained_model(name, entry, spec)
    folder = root / paths.checkpoint(name)
    folder.mkdir(parents=True)
    return save_checkpoint(folder, card, {"best": learner.state_dict(), "final": learner.state_dict()})
