"""How often a critique knows what it should: works of the dataset, and pictures that are none.

Run it in a project with trained classifiers: `python benchmarks/critique.py [FOLDER ...]`. Of each classifier it says how many new works of its own dataset
(those the reference was not made from, as far as there are some), how many works of the project's other datasets and how many
pictures of each FOLDER are known, which of those are named, and how often the name is right.
"""

import sys
from pathlib import Path

import torch

from artpipe.critique.critiqued_picture import CritiquedPicture
from artpipe.critique.dataset_reference import MOST_HELD_OUT, SPACES, load_reference, make_vectors
from artpipe.critique.model_input import prepare_picture_for
from artpipe.critique.picture_files import decode_pictures
from artpipe.critique.project_models import ProjectModels
from artpipe.numerics.pixels import to_float
from artpipe.training.data import sample_indices

MOST = 1000


def other_works(shards, target):
    """Return works of another dataset as the classifier's own are prepared."""
    from PIL import Image

    images = shards.load("train", ("images",))["images"]
    chosen = images[sample_indices(len(images), MOST, seed=1)]
    pictures = [Image.fromarray(image.permute(1, 2, 0).squeeze(2).numpy()) for image in chosen]
    return torch.cat([prepare_picture_for(CritiquedPicture("", "", picture), target) for picture in pictures])


def own_new_works(shards):
    """Return held-out works beyond those of the reference, with labels; all where there are no more."""
    columns = [
        shards.load(split, ("images", "labels")) for split in ("validation", "test") if shards.card.counts[split]
    ]
    images, labels = (torch.cat([column[name] for column in columns]) for name in ("images", "labels"))
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
    rest = order[MOST_HELD_OUT:][:MOST] if len(images) > MOST_HELD_OUT + 100 else order[:MOST]
    return to_float(images[rest]), labels[rest]


def judge(images, model, reference):
    """Return which pictures are known ``(N,)``, and their classes and certainties."""
    known = torch.ones(len(images), dtype=torch.bool)
    with torch.no_grad():
        for space in SPACES:
            vectors = make_vectors(space, images, model.learner)
            distances = torch.cat([reference.measure(space, vector[None], 1)[0] for vector in vectors])
            known &= ~torch.tensor([reference.is_strange(space, float(distance)) for distance in distances])
        certainty, classes = model.learner.logits(images).softmax(1).max(1)
    return known, classes, certainty


models = ProjectModels.open()
print("| classifier | pictures | n | known | named | right of those named |\n|---|---|---|---|---|---|")
for model in models.restore("logits"):
    reference = load_reference(model.shards, model.learner, model.checkpoint)
    images, labels = own_new_works(model.shards)
    groups = [("its own, held out", images, labels)]
    for name in models.picture_datasets:
        shards = models.open_shards(name)
        if name != model.shards.spec.dataset:
            groups.append((name, other_works(shards, model.shards), None))
    for folder in sys.argv[1:]:
        pictures = list(decode_pictures(Path(folder), 32.0))
        groups.append(
            (Path(folder).name, torch.cat([prepare_picture_for(picture, model.shards) for picture in pictures]), None)
        )
    for name, group, truth in groups:
        known, classes, certainty = judge(group, model, reference)
        named = known & (certainty >= 0.5)
        right = "" if truth is None else f"{(classes == truth)[named & (truth >= 0)].double().mean():.1%}"
        print(
            f"| {model.name} | {name} | {len(group)} | {known.double().mean():.1%} | {named.double().mean():.1%} | {right} |"
        )
