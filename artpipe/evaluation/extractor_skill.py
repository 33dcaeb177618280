"""How often a dataset's own feature extractor is right on held-out works."""

import torch

from artpipe.contracts.feature_source import map_batches
from artpipe.contracts.metric import Evidence, ExtractorSkill
from artpipe.nn.classifier.rotation_pretext import ROTATIONS, rotate_quarters
from artpipe.numerics.intervals import share_interval

_MOST_WORKS = 500  # that are turned


def measure_skill(evidence: Evidence) -> ExtractorSkill | None:
    """Return the share of held-out works it recognises, beside guessing.

    Guessing is to name the commonest class always.

    One without classes is asked for quarter turns. None where it cannot be asked.
    """
    extractor, batch_size = evidence.feature_extractor, evidence.params.batch_size
    images, labels = evidence.held_out.get("images"), evidence.held_out.get("labels")
    if extractor is None or images is None or not len(images):
        return None
    if evidence.extractor_classes and evidence.extractor_classes == evidence.classes and labels is not None:
        known = labels >= 0
        if not known.any():
            return None
        right = evidence.class_probabilities("held_out").argmax(1)[known] == labels[known]
        guess = float(torch.bincount(labels[known]).max() / known.sum())
        works = int(known.sum())
    elif not evidence.extractor_classes:
        images = images[:_MOST_WORKS]
        turns = torch.arange(len(images) * len(ROTATIONS)) % len(ROTATIONS)
        turned, turns = rotate_quarters(images.repeat_interleave(len(ROTATIONS), 0), turns)
        right = map_batches(turned, extractor.logits, batch_size).argmax(1) == turns
        guess, works = 1 / len(ROTATIONS), len(images)
    else:
        return None
    share = float(right.double().mean())
    return ExtractorSkill(share, guess, works, share_interval(share, works), evidence.params.verdicts.extractor_skill)
