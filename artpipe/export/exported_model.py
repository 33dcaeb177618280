"""Load the network of tensors of a trained model, and the facts about it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from artpipe import __version__, plugins
from artpipe.artifacts import paths
from artpipe.artifacts.checkpoint import CheckpointCard
from artpipe.artifacts.shards import ShardSet
from artpipe.contracts.exported_network import ExportedNetwork
from artpipe.contracts.plugin_info import model_info
from artpipe.errors import UserError
from artpipe.training.restore import restore_learner

_CAPTIONS = (
    "It learned from captions; what leaves is asked by classes alone. `artpipe sample NAME --prompt` paints by words."
)


@dataclass(frozen=True)
class ExportedModel:
    """A network with its settings (`config.json`) and its weights by name."""

    name: str
    network: ExportedNetwork
    settings: Mapping[str, Any]
    weights: Mapping[str, Tensor]


def load_exported_model(root: Path, name: str, form: str) -> ExportedModel:
    """Return the best checkpoint of a model as a network of tensors alone.

    Raises:
        UserError: nothing was trained, or its kind has no such network; why.
        CorruptError: the checkpoint is damaged.
    """
    learner, card, sha256 = restore_learner(root / paths.checkpoint(name))
    export = model_info(card.kind).export
    if not export.network:
        raise UserError(f"{name}: its kind, {card.kind}, cannot be exported to {form}: {export.reason}")
    for key, known in export.only.items():
        if (value := str(card.params.get(key, known))) != known:
            raise UserError(f"{name}: its `{key}` is `{value}`, which cannot be exported to {form}; `{known}` can")
    settings = _make_settings(root, card, sha256)
    network: ExportedNetwork = plugins.load_function(export.network)(settings)
    trained = {**dict(learner.named_parameters()), **dict(learner.named_buffers())}
    weights = {key: trained[key].detach().contiguous() for key in network.state_dict()}
    network.load_state_dict(weights)
    settings["architectures"] = [type(network).__name__]
    settings["id2label"] = {str(number): label for number, label in enumerate(network.classes)}
    return ExportedModel(name, network.eval().requires_grad_(requires_grad=False), settings, weights)


def _make_settings(root: Path, card: CheckpointCard, sha256: str) -> dict[str, Any]:
    """Return `config.json`: what builds the network, how pictures are prepared."""
    spec = card.spec
    prepared: dict[str, Any] = {
        "channels": spec.channels,
        "height": spec.height,
        "width": spec.width,
        "range": [-1.0, 1.0],
        "layout": "NCHW",
    }
    shards = root / paths.shards(card.spec.dataset)
    if (shards / "shards.json").exists() and (shard_set := ShardSet.open(shards)).sha256 == card.shards:
        prepared |= {"mean": list(shard_set.card.mean), "std": list(shard_set.card.std)}
        prepared["preprocess"] = shard_set.card.params
    return {
        "model_type": f"artpipe-{card.kind}",
        "artpipe_version": __version__,
        "checkpoint": sha256,
        "step": card.steps["best"],
        "dataset": spec.dataset,
        "preprocessing": prepared,
        "spec": {
            "channels": spec.channels,
            "height": spec.height,
            "width": spec.width,
            "classes": list(spec.classes),
        },
        "params": dict(card.params),
        "left_out": _CAPTIONS if "captions" in spec.columns and card.params.get("conditional", False) else "",
    }
