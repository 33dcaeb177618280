"""The parameter names of `format: 1`; entries and cards are renamed when read."""

from collections.abc import Mapping
from typing import Any

Names = Mapping[str, str]  # today's by what they were called

MODEL_NAMES: Names = {"uses": "pretrained", "ruler": "feature_extractor"}  # of every kind
KIND_NAMES: Mapping[str, Names] = {
    "classifier": {"noise": "noise_std"},
    "gan": {"noise": "latent_dim", "rate": "learning_rate", "clip_norm": "gradient_clip_norm"},
    "inpaint": {"gradient_norm": "gradient_clip_norm"},
    "rnn": {"gradient_norm": "gradient_clip_norm", "longest": "max_tokens", "nucleus": "top_p"},
    "style": {"memory": "lbfgs_history", "reach": "max_step"},
    "superres": {"gradient_norm": "gradient_clip_norm"},
    "vae": {"gradient_norm": "gradient_clip_norm", "latent": "latent_dim"},
}
EVALUATION_NAMES: Names = {"hang": "exhibits"}
VERDICT_NAMES: Names = {"ruler_skill": "extractor_skill"}


def model_names(kind: Any) -> Names:
    """Return the renamed parameters of a model's kind.

    Kinds of plugins keep their own names.
    """
    return {**MODEL_NAMES, **KIND_NAMES.get(str(kind), {})}


def rename_keys(fields: Mapping[str, Any], names: Names) -> dict[str, Any]:
    """Return the fields in their order, under today's names."""
    return {names.get(key, key): value for key, value in fields.items()}


def rename_model(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return a model's entry under today's names."""
    return rename_keys(entry, model_names(entry.get("kind")))


def rename_card(card: Any) -> Any:
    """Return a card of a checkpoint, run or report under today's names.

    What is no card of `format: 1` is returned as it is.

    What a session wrote of itself loses its `check`, which was made of the names it had.
    """
    if not isinstance(card, Mapping) or card.get("format") != 1:
        return card
    renamed = {**rename_keys(card, MODEL_NAMES), "format": 2}  # the hashes of what an entry names
    if isinstance(params := renamed.get("params"), Mapping):
        renamed["params"] = rename_model(params)
    renamed.pop("check", None)
    return renamed


def read_format(content: Any) -> int | None:
    """Return the format number of a params.yaml, None where it is not an integer."""
    number = content.get("format") if isinstance(content, Mapping) else None
    return number if type(number) is int else None
