"""Entries of params.yaml that are written for a new dataset and its models."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from artpipe.artifacts import paths
from artpipe.config.params import About, Params
from artpipe.config.yaml_edit import insert_entry
from artpipe.contracts.plugin_info import model_info
from artpipe.project.first_models import has_features

_WEIGHTS, _PIN = "vgg16", Path("weights/vgg16.yaml")  # what a new project has at hand, and which works need


def source_name(target: Path) -> str:
    """Return which source reads a folder, or an archive."""
    return "archive" if target.suffix else "folder"  # a name has no dot


def make_dataset_entry(
    target: Path, about: About, medium: str, preprocess: Mapping[str, Any], ingest: Mapping[str, Any]
) -> dict[str, Any]:
    """Return a dataset's entry; of `about` what is known."""
    return {
        "medium": medium,
        "source": source_name(target),
        "path": str(target),
        "about": {key: value for key, value in about.model_dump().items() if value not in {"", "unknown"}},
        "ingest": dict(ingest),
        "preprocess": dict(preprocess),
    }


def make_model_entry(
    params: Params, name: str, kind: str, dataset: str, given: Mapping[str, Any] = MappingProxyType({})
) -> dict[str, Any]:
    """Return a model's entry, with the parameters that a person gave.

    It points at what measures the dataset's models, and at weights where it needs some. Who names pictures or classes has
    said how many there are, so no number to start with stands beside them.
    """
    siblings = {other: entry for other, entry in params.models.items() if entry.get("dataset") == dataset}
    extractors = [other for other, entry in siblings.items() if has_features(str(entry.get("kind")))]
    extractor = name if has_features(kind) or not extractors else extractors[0]
    pretrained = paths.shards(dataset)
    info = model_info(kind)
    if extractor != name and info.pretrained == "checkpoint":  # it chooses its best weights on such features
        pretrained = paths.checkpoint(extractor)
    if info.pretrained == "weights":
        pretrained = paths.weights(next(iter(params.weights), _WEIGHTS))
    entry_fields = {"kind": kind, "dataset": dataset, "pretrained": str(pretrained), "feature_extractor": extractor}
    counts = set(info.multipliers) if set(info.class_parameters) & set(given) else set()
    starting_params = {key: value for key, value in info.starting_params.items() if key not in counts}
    return {**entry_fields, **starting_params, **given}


def has_weights(params: Params) -> bool:
    """Return whether trained weights are there to be named, or to be fetched."""
    return bool(params.weights) or _PIN.is_file()


def add_weights_entry(text: str, params: Params, kinds: Sequence[str]) -> str:
    """Return the text of params.yaml with trained weights where a kind needs some."""
    needed = any(model_info(kind).pretrained == "weights" for kind in kinds)
    if params.weights or not needed or not _PIN.is_file():
        return text
    return insert_entry(text, "weights", _WEIGHTS, {"path": str(_PIN)})
