"""Build a learner from params.yaml, and restore one from a checkpoint."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from artpipe import plugins
from artpipe.artifacts.checkpoint import CheckpointCard, CheckpointChoice, load_checkpoint
from artpipe.artifacts.shards import Spec
from artpipe.config.params import validate_as
from artpipe.contracts.model import Learner, Model


def build_learner(name: str, entry: Mapping[str, Any], spec: Spec, pretrained: nn.Module | None = None) -> Learner[Any]:
    """Build a learner from its entry in params.yaml.

    Raises:
        UserError: unknown kind or parameter.
    """
    model: Model = plugins.load_plugin("models", str(entry.get("kind")))
    params = validate_as(model.params, entry, file="params.yaml", place=f"models.{name}")
    return model.build(params, spec, pretrained)


def restore_learner(
    folder: Path, which: CheckpointChoice = "best", pretrained: nn.Module | None = None
) -> tuple[Learner[Any], CheckpointCard, str]:
    """Rebuild a learner from a checkpoint, in eval mode on the CPU.

    Return it with its card and hash.

    `pretrained` is the measuring network for those who measure with it; what only training needs is left out.

    Raises:
        UserError, CorruptError: see `load_checkpoint`.
    """
    card, weights, sha256 = load_checkpoint(folder, which)
    learner = build_learner(card.name, card.params, card.spec, pretrained)
    learner.load_state_dict(weights)
    return learner.eval().requires_grad_(requires_grad=False), card, sha256
