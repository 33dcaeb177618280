"""Nearest works: which works of the project's datasets the picture is most like."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from artpipe.artifacts.shards import ShardSet
from artpipe.contracts.observation import EXACT_SIDE, CritiqueFigure, MeasuredNumber, Observation, ObservationResult
from artpipe.critique.critiqued_picture import PLAIN, CritiquedPicture
from artpipe.critique.project_models import ProjectModels, TrainedModel
from artpipe.critique.work_credits import make_credits
from artpipe.language.message import Message

if TYPE_CHECKING:
    from artpipe.critique.dataset_reference import DatasetReference
    from artpipe.critique.same_work import SameWork

BITS = 64  # of a perceptual hash
_WORKS = 4  # shown of a dataset
_MOST_DATASETS = 2
_MOST_TILES = 16  # of one work that may be nearer than any other work
_SAME = 1e-4  # distance at which two pictures are one


class _Neighbours(NamedTuple):
    """The nearest works of one dataset; `ratio` is against its works' own distance."""

    dataset: str
    shards: ShardSet
    reference: "DatasetReference"
    space: str
    distances: list[float]
    rows: list[int]
    ratio: float
    strange: tuple[str, int] | None  # the space in which it is strange to the dataset, and how many works are as far


def observe(picture: CritiquedPicture, models: ProjectModels) -> Sequence[ObservationResult]:
    """Show the work that it is, or else the nearest works of the least far datasets."""
    from artpipe.critique.same_work import find_same_work

    if picture.is_blank:
        return _describe_blank(picture) if models.picture_datasets else []
    same = [found for name in models.picture_datasets if (found := find_same_work(picture, models, name))]
    if same:
        return [_describe_same(models, found) for found in same]
    classifiers = {model.shards.spec.dataset: model for model in models.restore("features")}
    neighbours = []
    for dataset in models.picture_datasets:
        shards = models.open_shards(dataset)
        if shards is not None and shards.card.counts["train"] > 1:
            neighbours.append(_find_neighbours(picture, dataset, shards, classifiers.get(dataset)))
    nearest = sorted(
        filter(None, neighbours), key=lambda near: (near.strange is not None, near.space != "features", near.ratio)
    )
    chosen = [near for near in nearest if near.strange is None][:_MOST_DATASETS] or nearest[:1]
    return [_describe(picture, models, near) for near in chosen]


def _describe_blank(picture: CritiquedPicture) -> list[ObservationResult]:
    plain = Message(code="too_plain_to_compare", values={"share": picture.plain_share, "bound": PLAIN})
    return [ObservationResult([plain], [MeasuredNumber(picture.plain_share, ".1%", PLAIN, code="measure_plain")])]


def _describe_same(models: ProjectModels, found: "SameWork") -> ObservationResult:
    """Name the work that the picture is, with how near their looks are."""
    from artpipe.critique.model_input import to_pixels

    credits_of_work = make_credits(
        models, found.dataset, models.read_provenance(found.dataset, [found.sha256]).get(found.sha256)
    )
    sentence = Message(
        code="is_same_work",
        values={
            "work": credits_of_work[0], "dataset": models.dataset_title(found.dataset), "bits": found.bits,
            "of": BITS, "difference": found.difference, "bound": found.bound,
        },
    )  # fmt: skip
    numbers = [
        MeasuredNumber(found.bits, ".0f", code="measure_hash", values={"of": BITS}),
        MeasuredNumber(found.difference, ".1%", found.bound, code="measure_difference"),
    ]
    pixels = to_pixels(found.image)
    figure = CritiqueFigure(
        pixels, Message(code="figure_same_work"), credits_of_work, exact=max(pixels.shape) < EXACT_SIDE
    )
    return ObservationResult([sentence], numbers, [figure])


def _find_neighbours(
    picture: CritiquedPicture, dataset: str, shards: ShardSet, model: TrainedModel | None
) -> _Neighbours | None:
    """Look in a classifier's features, or without one in the layout of colours.

    None where the dataset has too few works to tell what is unlike them.

    A picture that is strange to the dataset is not looked for in features, which do not know it.
    """
    from artpipe.critique.dataset_likeness import measure_likeness

    likeness = measure_likeness(picture, shards, model, _WORKS * _MOST_TILES)
    if not likeness.can_tell:
        return None
    reference, found, strange = likeness.reference, likeness.nearest, likeness.strange
    space = "features" if model is not None and not strange else "layout"
    distances, rows = found[space]
    ratio = float(distances[0]) / max(float(reference.distances[space].median()), 1e-9)
    further = int((reference.distances[strange[0]] >= found[strange[0]][0][0]).sum()) if strange else 0
    is_strange = (strange[0], further) if strange else None
    first = _choose_first_tiles(shards, rows.tolist())
    nearest = [distances[place].item() for place in first], [int(rows[place]) for place in first]
    return _Neighbours(dataset, shards, reference, space, *nearest, ratio, is_strange)


def _choose_first_tiles(shards: ShardSet, rows: list[int]) -> list[int]:
    """Return the places of rows that show a work for the first time."""
    digests = shards.load("train", ("digests",))["digests"][rows].tolist()
    first = dict[tuple[int, ...], int]()
    for place, digest in enumerate(digests):
        first.setdefault(tuple(digest), place)
    return [*first.values()][:_WORKS]


def _describe(picture: CritiquedPicture, models: ProjectModels, near: _Neighbours) -> ObservationResult:
    from artpipe.critique.dataset_reference import SPACE_NAMES
    from artpipe.critique.model_input import to_pixels

    columns = near.shards.load("train", ("images", "digests"))
    digests = [bytes(columns["digests"][row].tolist()).hex() for row in near.rows]
    provenance = models.read_provenance(near.dataset, digests)
    figures = [
        CritiqueFigure(
            to_pixels(columns["images"][row]),
            Message(code="work_distance", values={"distance": distance}),
            make_credits(models, near.dataset, provenance.get(digest)),
            exact=max(columns["images"].shape[2:]) < EXACT_SIDE,
        )
        for row, digest, distance in zip(near.rows, digests, near.distances, strict=True)
    ]
    number = MeasuredNumber(
        near.distances[0],
        bound=near.reference.bound(near.space),
        code="measure_distance",
        values={"space": SPACE_NAMES[near.space]},
    )
    is_same = picture.sha256 in digests or near.distances[0] < _SAME
    sentences = _describe_distance(models.dataset_title(near.dataset), near, is_same=is_same)
    return ObservationResult(sentences, [number], figures)


def _describe_distance(title: str, near: _Neighbours, *, is_same: bool) -> list[Message]:
    """Say how far the nearest work is, against what is usual."""
    from artpipe.critique.dataset_reference import SPACE_NAMES

    known = near.reference.distances[near.space]
    if is_same:
        return [Message(code="is_a_work", values={"dataset": title, "distance": near.distances[0]})]
    sentence = Message(
        code="nearest_by",
        values={
            "space": SPACE_NAMES[near.space], "dataset": title, "distance": near.distances[0],
            "usual": float(known.median()), "ratio": near.ratio,
        },
    )  # fmt: skip
    if near.strange is None:
        return [sentence]
    space, further = near.strange
    return [
        sentence,
        Message(
            code="unlike_collection", values={"space": SPACE_NAMES[space], "count": len(known), "further": further}
        ),
    ]


OBSERVATION = Observation(code="heading_nearest", position=20, observe=observe)
