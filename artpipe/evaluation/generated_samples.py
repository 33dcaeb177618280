"""The samples of a model that are measured and hung."""

from typing import Any

import torch
from torch import Tensor

from artpipe.artifacts.caption_columns import CAPTION_COLUMNS
from artpipe.artifacts.shards import UNLABELLED
from artpipe.contracts.metric import Evidence
from artpipe.contracts.model import Learner, Prompt
from artpipe.contracts.steered_sampler import SteeredSampler, select_rows
from artpipe.evaluation.saved_exhibits import SEED_STRIDE
from artpipe.numerics.pixels import to_bytes


def generate_samples(evidence: Evidence) -> None:
    """Generate `samples` pictures, one seed each.

    Where the model depends on labels, all classes come in turn. A steered model of a dataset with captions is asked for
    those of held-out works.
    """
    count, size, first = evidence.params.samples, evidence.params.batch_size, (evidence.seed + 1) * SEED_STRIDE
    classes = len(evidence.card.spec.classes)
    seeds = range(first, first + count)
    evidence.prompt = _ask_for_captions(evidence, seeds)
    if evidence.prompt is None:
        uses_labels = depends_on_labels(evidence.learner, classes, first)
        labels = torch.tensor([seed % classes for seed in seeds]) if uses_labels else None
        evidence.prompt = Prompt(seeds=seeds, labels=labels)
    pictures = torch.cat([_sample(evidence.learner, evidence.prompt.slice(i, i + size)) for i in range(0, count, size)])
    evidence.broken_samples = int((~pictures.isfinite().flatten(1).all(1)).sum())
    evidence.samples = to_bytes(pictures.nan_to_num(-1.0))


def _ask_for_captions(evidence: Evidence, seeds: range) -> Prompt | None:
    """Return a prompt for captions of held-out works, with the labels of these.

    None where there are no captions, or where they change nothing.
    """
    works = {name: column for name, column in evidence.held_out.items() if name in CAPTION_COLUMNS}
    if not works or not isinstance(evidence.learner, SteeredSampler):
        return None
    rows = select_rows(seeds, len(evidence.held_out["captions"]))
    labels = evidence.held_out["labels"][rows] if "labels" in evidence.held_out else None
    is_labelled = labels is not None and bool((labels != UNLABELLED).all())
    prompt = Prompt(seeds, labels if is_labelled else None, works)
    return prompt if _heeds_captions(evidence.learner, prompt.slice(0, 4)) else None


def _heeds_captions(learner: Learner[Any], prompt: Prompt) -> bool:
    """Return whether captions change what the same noise paints."""
    nothing = {name: torch.zeros_like(column) for name, column in prompt.works.items()}
    return not torch.equal(_sample(learner, prompt), _sample(learner, Prompt(prompt.seeds, None, nothing)))


def depends_on_labels(learner: Learner[Any], classes: int, seed: int) -> bool:
    """Return whether another class changes what the same noise paints."""
    if classes < 2:  # noqa: PLR2004  one class leaves nothing to ask
        return False
    seeds = range(seed, seed + 4)
    samples = [_sample(learner, Prompt(seeds, torch.full((4,), label))) for label in (0, 1)]
    return not torch.equal(*samples)


def _sample(learner: Any, prompt: Prompt) -> Tensor:
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(prompt.seeds[0])
        pictures: Tensor = learner.sample(prompt)
    return pictures.float()
