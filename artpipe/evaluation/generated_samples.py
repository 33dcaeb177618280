"""The samples of a model that are measured and hung."""

from typing import Any

import torch
from torch import Tensor

from artpipe.contracts.metric import Evidence
from artpipe.contracts.model import Learner, Prompt
from artpipe.evaluation.saved_exhibits import SEED_STRIDE
from artpipe.numerics.pixels import to_bytes


def generate_samples(evidence: Evidence) -> None:
    """Generate `samples` pictures, one seed each.

    Where the model depends on labels, all classes come in turn.
    """
    count, size, first = evidence.params.samples, evidence.params.batch_size, (evidence.seed + 1) * SEED_STRIDE
    classes = len(evidence.card.spec.classes)
    seeds = range(first, first + count)
    uses_labels = depends_on_labels(evidence.learner, classes, first)
    evidence.prompt = Prompt(
        seeds=seeds, labels=torch.tensor([seed % classes for seed in seeds]) if uses_labels else None
    )
    pictures = torch.cat([_sample(evidence.learner, evidence.prompt.slice(i, i + size)) for i in range(0, count, size)])
    evidence.broken_samples = int((~pictures.isfinite().flatten(1).all(1)).sum())
    evidence.samples = to_bytes(pictures.nan_to_num(-1.0))


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
