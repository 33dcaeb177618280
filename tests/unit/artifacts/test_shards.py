"""Shards whose hashes are right and whose content is not what the card says."""

import pytest
import torch

from artpipe.artifacts.shards import ShardSet, ShardWriter, Spec
from artpipe.errors import CorruptError

SPEC = Spec(dataset="d", channels=1, height=2, width=2, classes=("a", "b"), count=3, columns=("images", "labels"))


@pytest.mark.parametrize(
    ("columns", "line"),
    [
        ({"images": torch.zeros(3, 1, 2, 2)}, "no labels in a file of train"),
        ({"images": torch.zeros(3, 1, 2, 2), "labels": torch.zeros(2)}, "2 labels in train, its card says 3"),
    ],
)
def test_what_the_card_does_not_say_is_damage(tmp_path, columns, line):
    """A column that is missing or too short is named, before anything computes with it."""
    writer = ShardWriter(tmp_path)
    writer.add("train", columns)
    writer.close(SPEC, works="", params={}, mean=[0], std=[1])
    with pytest.raises(CorruptError, match=line):
        ShardSet.open(tmp_path).load("train")
