"""What an autoencoder loses: what is not in its code, it cannot paint."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from artpipe.contracts.observation import CritiqueFigure, MeasuredNumber, Observation, ObservationResult
from artpipe.critique.critiqued_picture import CritiquedPicture
from artpipe.critique.grid_places import PLACES, split_into_grid
from artpipe.critique.project_models import ProjectModels, TrainedModel
from artpipe.language.message import Message

if TYPE_CHECKING:
    from torch import Tensor

    from artpipe.artifacts.shards import Split

_HELD_OUT = 500  # works, at most
_FEWEST_HELD_OUT = 10
_STRANGE = 0.01  # share of held-out works of which more is lost
_GATHERED = 0.25  # of what is lost in one ninth of the picture
_LEAST_VARIATION = 4.0  # levels of 255
_MOST_LOST = 10.0  # times the variance: more is no news
_NO_SKILL = 0.7  # of its own works' variance lost as a rule: it has not learned them
_SIDE = 336  # pixels of a figure


def observe(picture: CritiquedPicture, models: ProjectModels) -> Sequence[ObservationResult]:
    """Paint the picture again from its code, and say how much is lost and where.

    Only autoencoders of datasets that know its like are asked.
    """
    from artpipe.critique.dataset_likeness import measure_likeness
    from artpipe.critique.same_work import find_same_work

    if picture.is_blank:
        return []

    classifiers = {model.shards.spec.dataset: model for model in models.restore("features")}
    results = []
    for model in models.restore("reconstruct"):
        dataset = model.shards.spec.dataset
        likeness = measure_likeness(picture, model.shards, classifiers.get(dataset))
        is_known = not likeness.strange or find_same_work(picture, models, dataset) is not None
        if is_known and (result := _reconstruct(picture, model)):
            results.append(result)
    return results


def _reconstruct(picture: CritiquedPicture, model: TrainedModel) -> ObservationResult | None:
    import torch

    from artpipe.critique.model_input import prepare_picture_for

    learner: Any = model.learner
    images = prepare_picture_for(picture, model.shards)
    with torch.no_grad():
        painted = learner.reconstruct(images)
        held_out = _measure_held_out(model)
    if len(held_out) < _FEWEST_HELD_OUT:
        return None
    error = float(_measure_loss(images, painted)[0])
    bound = float(held_out[min(len(held_out) - 1, int((1 - _STRANGE) * len(held_out)))])
    usual, further = float(held_out.median()), int((held_out >= error).sum())
    if usual > _NO_SKILL:
        sentence = Message(
            code="autoencoder_without_skill",
            values={"model": model.title, "usual": usual, "bound": _NO_SKILL},
        )
        return ObservationResult([sentence], [MeasuredNumber(usual, ".0%", _NO_SKILL, code="measure_lost")])
    if error > bound:
        first = Message(
            code="cannot_be_painted_again",
            values={"model": model.title, "error": error, "usual": usual, "count": len(held_out), "further": further},
        )
    else:
        first = Message(
            code="can_be_painted_again",
            values={"model": model.title, "error": error, "usual": usual, "count": len(held_out), "further": further},
        )
    sentences = [first, *_describe_place(images, painted)]
    number = MeasuredNumber(error, ".0%", bound, code="measure_lost")
    return ObservationResult(sentences, [number], _make_figures(images, painted))


def _measure_held_out(model: TrainedModel) -> "Tensor":
    """Return what is lost of works it never saw, ``(N,)``, sorted."""
    import torch

    from artpipe.numerics.pixels import to_float
    from artpipe.training.data import sample_indices

    learner: Any = model.learner
    splits: tuple[Split, ...] = ("test", "validation")
    split = next((split for split in splits if model.shards.card.counts[split]), None)
    if split is None:
        return torch.empty(0)
    images = model.shards.load(split, ("images",))["images"]
    works = to_float(images[sample_indices(len(images), _HELD_OUT, seed=0)])
    return _measure_loss(works, learner.reconstruct(works)).sort().values


def _measure_loss(images: "Tensor", painted: "Tensor") -> "Tensor":
    """Return the squared difference ``(N,)`` as a share of the picture's own variance.

    It is 1 for one plain colour at best. What varies less than a few levels counts as if it varied by these.
    """
    variance = images.var((2, 3), correction=0).mean(1).clamp(min=(_LEAST_VARIATION / 127.5) ** 2)
    return ((painted - images).square().mean((1, 2, 3)) / variance).clamp(max=_MOST_LOST)


def _describe_place(images: "Tensor", painted: "Tensor") -> list[Message]:
    lost = (painted - images)[0].square().mean(0).numpy()
    shares = [float(part.sum()) for part in split_into_grid(lost)]
    share = max(shares) / max(sum(shares), 1e-12)
    if share < _GATHERED:
        return []
    return [Message(code="lost_most_at", values={"place": PLACES[shares.index(max(shares))], "share": share})]


def _make_figures(images: "Tensor", painted: "Tensor") -> list[CritiqueFigure]:
    from artpipe.critique.model_input import to_pixels
    from artpipe.critique.picture_overlay import draw_heat

    factor = max(1, _SIDE // max(images.shape[2:]))
    seen, again = (
        np.kron(to_pixels(picture[0]), np.ones((factor, factor, 1), np.uint8)) for picture in (images, painted)
    )
    lost = (painted - images)[0].abs().mean(0).numpy()
    heat = np.asarray(lost / max(float(lost.max()), 1e-9), np.float32)
    return [
        CritiqueFigure(seen, Message(code="figure_shown")),
        CritiqueFigure(again, Message(code="figure_painted_again")),
        CritiqueFigure(draw_heat(seen, heat), Message(code="figure_lost")),
    ]


OBSERVATION = Observation(code="heading_lost", position=80, observe=observe)
