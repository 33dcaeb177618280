"""Styles: how the picture looks in each style that was learned."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from artpipe.contracts.observation import CritiqueFigure, MeasuredNumber, Observation, ObservationResult
from artpipe.critique.critiqued_picture import CritiquedPicture, shrink
from artpipe.critique.project_models import ProjectModels, TrainedModel
from artpipe.critique.work_credits import make_credits
from artpipe.language.message import Message
from artpipe.numerics.colour_space import to_oklab

_LONGEST_SIDE = 448  # pixels: seconds of one core for a handful of styles
_LEAST_SIDE = 32
_UNIT = 4  # pixels: sides are multiples of it
_MOST_STYLES = 12


def observe(picture: CritiquedPicture, models: ProjectModels) -> Sequence[ObservationResult]:
    """Paint the picture in each style, and measure how far its colours move."""
    results = []
    for model in models.restore("paint"):
        learner: Any = model.learner
        if model.shards.spec.channels == 3 and getattr(learner, "names", None):  # noqa: PLR2004 - red, green, blue
            results += _paint_styles(picture, models, model)
    return results


def _paint_styles(picture: CritiquedPicture, models: ProjectModels, model: TrainedModel) -> list[ObservationResult]:
    import torch

    from artpipe.critique.model_input import to_pixels
    from artpipe.numerics.pixels import to_float

    learner: Any = model.learner
    pixels = _fit_sides(picture)
    names = learner.names[:_MOST_STYLES]
    images = to_float(torch.from_numpy(pixels.transpose(2, 0, 1).copy())[None])
    with torch.no_grad():
        painted = [
            to_pixels(learner.paint(images, mix[None])[0]) for mix in torch.eye(len(learner.names))[: len(names)]
        ]
    before = to_oklab(pixels)
    moved = [float(np.linalg.norm(to_oklab(one) - before, axis=2).mean()) for one in painted]
    credits_by_style = _find_credits(models, model, names)
    figures = [
        CritiqueFigure(image, Message(code="in_the_manner_of", values={"style": name}), credits_by_style[name])
        for name, image in zip(names, painted, strict=True)
    ]
    numbers = [
        MeasuredNumber(distance, code="measure_moved", values={"style": name})
        for name, distance in zip(names, moved, strict=True)
    ]
    most, least = names[int(np.argmax(moved))], names[int(np.argmin(moved))]
    if len(names) == 1:
        sentence = Message(
            code="painted_in_one_style", values={"model": model.title, "style": most, "distance": max(moved)}
        )
    else:
        sentence = Message(
            code="painted_in_styles",
            values={
                "model": model.title, "count": len(names), "most": most, "distance": max(moved),
                "least": least, "other": min(moved),
            },
        )  # fmt: skip
    return [ObservationResult([sentence], numbers, figures)]


def _fit_sides(picture: CritiquedPicture) -> Any:
    """Return the picture uint8 ``(H, W, 3)`` with sides the networks can halve twice."""
    image = shrink(picture.framed, _LONGEST_SIDE)
    width, height = (max(_LEAST_SIDE, side // _UNIT * _UNIT) for side in image.size)
    return np.asarray(image.resize((width, height)))


def _find_credits(models: ProjectModels, model: TrainedModel, names: Sequence[str]) -> dict[str, list[Message]]:
    """Return whose each style's picture is: the first training work of its class."""
    classes, columns = model.shards.spec.classes, model.shards.load("train", ("labels", "digests"))
    digests = {}
    for name in names:
        rows = (columns["labels"] == (classes.index(name) if name in classes else -2)).nonzero().flatten().tolist()
        digests[name] = bytes(columns["digests"][rows[0]].tolist()).hex() if rows else ""
    dataset = model.shards.spec.dataset
    provenance = models.read_provenance(dataset, list(digests.values()))
    return {name: make_credits(models, dataset, provenance.get(digest)) for name, digest in digests.items()}


OBSERVATION = Observation(code="heading_styles", position=90, observe=observe)
