"""Which words of a prompt no caption had that a model learned from."""

from typing import Any

import torch

from artpipe.artifacts import paths
from artpipe.artifacts.caption_columns import decode_texts
from artpipe.artifacts.shards import ShardSet
from artpipe.contracts.model import Learner
from artpipe.contracts.steered_sampler import WordLearner
from artpipe.numerics.caption_tokens import find_unknown_words
from artpipe.training.data import load_columns


def list_unknown_words(learner: Learner[Any], prompt: str | None, dataset: str) -> list[str]:
    """Return the words of a prompt that a learner never learned.

    Where the shards of its dataset are gone, there are none.
    """
    folder = paths.shards(dataset)
    if not prompt or not isinstance(learner, WordLearner) or not (folder / "shards.json").is_file():
        return []
    return find_unknown_words(prompt, learner.list_known_words(_load_training_captions(ShardSet.open(folder))))


def _load_training_captions(shards: ShardSet) -> list[str]:
    if "caption_texts" not in shards.spec.columns:
        return []
    columns = load_columns(shards, "train", {"caption_texts"}, torch.device("cpu"))
    return list(decode_texts(columns.take(torch.arange(len(columns)))["caption_texts"].tolist()))
