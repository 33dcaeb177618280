"""Paint pictures from seeds and classes, with a checkpoint and nothing else."""

from collections.abc import Sequence
from typing import Any

import torch

from artpipe.contracts.model import Learner, Prompt, Sampler
from artpipe.errors import UserError
from artpipe.training.exhibit_files import encode_content


def paint_pictures(learner: Learner[Any], seeds: Sequence[int], labels: Sequence[int]) -> list[tuple[int, bytes]]:
    """Return label and PNG of a picture for each seed.

    The label is -1 where there are no classes.

    Args:
        learner: one that samples.
        seeds: a picture depends on its own seed and label alone.
        labels: class numbers; -1: the seed's class, ``seed % classes``, as on the wall.

    Raises:
        UserError: it does not paint from seeds, or has no such class.
    """
    if not isinstance(learner, Sampler):
        raise UserError(f"a {learner.params.kind} does not paint from seeds")
    classes = len(learner.spec.classes)
    if wrong := [label for label in labels if not -1 <= label < max(classes, 0)]:
        raise UserError(
            f"label {wrong[0]}: classes from 0 to {classes - 1} are known" if classes else "label: no classes"
        )
    chosen = [
        label if label >= 0 else seed % classes if classes else -1 for seed, label in zip(seeds, labels, strict=True)
    ]
    prompt = Prompt(list(seeds), torch.tensor(chosen) if classes else None)
    with torch.no_grad():
        pictures = learner.sample(prompt)
    return [(label, encode_content(picture)[1]) for label, picture in zip(chosen, pictures, strict=True)]
