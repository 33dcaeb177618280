"""Recognition: what each classifier takes the picture for, if it knows its like."""

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

    from artpipe.critique.dataset_reference import DatasetReference

_CERTAIN = 0.5  # probability from which on a class is named
_NEAR_WORKS = 100  # held-out works of about the same certainty
_GUESSING_DEVIATIONS = 3.0  # above the share of the commonest class: no luck
_LOOKED_SHARE = 0.25  # of the heat in one ninth of the picture; evenly spread it is 0.11


def observe(picture: CritiquedPicture, models: ProjectModels) -> Sequence[ObservationResult]:
    """Ask each classifier of the project, and show where it looked."""
    if picture.is_blank:
        return []
    classifiers = [model for model in models.restore("logits") if model.learner.spec.classes]
    return [_ask_classifier(picture, models, model) for model in classifiers]


def _ask_classifier(picture: CritiquedPicture, models: ProjectModels, model: TrainedModel) -> ObservationResult:
    from artpipe.critique.dataset_reference import load_reference
    from artpipe.critique.model_input import prepare_picture_for
    from artpipe.critique.same_work import find_same_work

    reference = load_reference(model.shards, model.learner, model.checkpoint)
    if (unable := _find_no_skill(reference, model)) is not None:
        return unable
    images = prepare_picture_for(picture, model.shards)
    measured = _measure_distances(images, model, reference)
    numbers = [_number_distance(space, distance, reference) for space, distance in measured.items()]
    strange = [space for space, distance in measured.items() if reference.is_strange(space, distance)]
    if not strange or find_same_work(picture, models, model.shards.spec.dataset):
        return _name_class(model, reference, images, numbers)
    if model.shards.spec.channels == 1:  # ink on paper, where the dataset has light on dark
        negative = _measure_distances(-images, model, reference)
        if not any(reference.is_strange(space, distance) for space, distance in negative.items()):
            known = _name_class(model, reference, -images, [])
            turned = _describe_negative(model, reference, strange[0], measured[strange[0]], negative[strange[0]])
            return ObservationResult([turned, *known.sentences], [*numbers, *known.numbers], known.figures)
    return ObservationResult([_describe_strange(model, reference, strange[0], measured[strange[0]])], numbers)


def _describe_negative(
    model: TrainedModel, reference: "DatasetReference", space: str, distance: float, exchanged: float
) -> Message:
    """Say that a picture is known with light and dark exchanged, and not as it is."""
    from artpipe.critique.dataset_reference import SPACE_NAMES

    return Message(
        code="known_as_negative",
        values={
            "model": model.title, "space": SPACE_NAMES[space], "distance": distance, "exchanged": exchanged,
            "bound": reference.bound(space) or 0.0,
        },
    )  # fmt: skip


def _measure_distances(images: "Tensor", model: TrainedModel, reference: "DatasetReference") -> dict[str, float]:
    """Return the distance to the nearest training work, by space."""
    import torch

    from artpipe.critique.dataset_reference import SPACES, make_vectors

    with torch.no_grad():
        vectors = {space: make_vectors(space, images, model.learner) for space in SPACES}
    return {space: float(reference.measure(space, vector, 1)[0][0]) for space, vector in vectors.items()}


def _number_distance(space: str, distance: float, reference: "DatasetReference") -> MeasuredNumber:
    from artpipe.critique.dataset_reference import SPACE_NAMES

    return MeasuredNumber(
        distance, bound=reference.bound(space), code="measure_distance", values={"space": SPACE_NAMES[space]}
    )


def _find_no_skill(reference: "DatasetReference", model: TrainedModel) -> ObservationResult | None:
    """Return what is said of a classifier that does not beat guessing."""
    count = len(reference.is_right)
    accuracy = float(reference.is_right.double().mean()) if count else 0.0
    guess = reference.commonest
    bound = guess + _GUESSING_DEVIATIONS * (guess * (1 - guess) / max(1, count)) ** 0.5
    if count and accuracy > bound:
        return None
    sentence = Message(
        code="classifier_without_skill",
        values={"model": model.title, "share": accuracy, "count": count, "bound": min(1.0, bound)},
    )
    return ObservationResult([sentence], [MeasuredNumber(accuracy, ".0%", min(1.0, bound), code="measure_accuracy")])


def _describe_strange(model: TrainedModel, reference: "DatasetReference", space: str, distance: float) -> Message:
    from artpipe.critique.dataset_reference import SPACE_NAMES

    known = reference.distances[space]
    return Message(
        code="nothing_it_knows",
        values={
            "model": model.title, "space": SPACE_NAMES[space], "distance": distance,
            "count": len(known), "further": int((known >= distance).sum()),
        },
    )  # fmt: skip


def _name_class(
    model: TrainedModel,
    reference: "DatasetReference",
    images: "Tensor",
    numbers: list[MeasuredNumber],
) -> ObservationResult:
    learner: Any = model.learner
    certainty, order = learner.logits(images)[0].softmax(0).sort(descending=True)
    names = [learner.spec.classes[int(number)] for number in order[:2]]
    first, second = float(certainty[0]), float(certainty[1]) if len(names) > 1 else 0.0
    numbers = [MeasuredNumber(first, ".1%", _CERTAIN, code="measure_certainty"), *numbers]
    if first < _CERTAIN:
        undecided = Message(
            code="class_undecided",
            values={"model": model.title, "first": names[0], "certainty": first, "second": names[1], "other": second},
        )
        return ObservationResult([undecided], numbers)
    near = (reference.certainty - first).abs().argsort()[:_NEAR_WORKS]
    sentence = Message(
        code="class_named",
        values={
            "model": model.title, "class": names[0], "certainty": first,
            "count": len(near), "right": int(reference.is_right[near].sum()),
        },
    )  # fmt: skip
    looked, figures = _describe_heat(learner, images, int(order[0]))
    return ObservationResult([sentence, *looked], numbers, figures)


def _describe_heat(learner: Any, images: "Tensor", chosen: int) -> tuple[list[Message], list[CritiqueFigure]]:
    """Return where the network looked, in words and as heat on what it was shown."""
    from artpipe.critique.class_activation import explain_class
    from artpipe.critique.model_input import to_pixels
    from artpipe.critique.picture_overlay import draw_heat

    heat = explain_class(learner, images, chosen)
    if heat is None or not float(heat.max()) > 0:
        return [], []
    seen = to_pixels(images[0])
    factor = max(1, 336 // max(seen.shape[:2]))
    large = np.kron(seen, np.ones((factor, factor, 1), np.uint8))
    values = np.asarray(heat, np.float32)
    figure = CritiqueFigure(draw_heat(large, values), Message(code="figure_looked"))
    shares = [float(part.sum()) for part in split_into_grid(np.kron(values, np.ones((3, 3))))]
    share = max(shares) / sum(shares)
    if share < _LOOKED_SHARE:
        return [Message(code="looked_everywhere", values={"share": share, "bound": _LOOKED_SHARE})], [figure]
    place = PLACES[shares.index(max(shares))]
    return [Message(code="looked_at", values={"place": place, "share": share})], [figure]


OBSERVATION = Observation(code="heading_recognition", position=10, observe=observe)
