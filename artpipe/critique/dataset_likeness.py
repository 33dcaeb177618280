"""How like the works of a dataset a picture is."""

from dataclasses import dataclass

import torch
from torch import Tensor

from artpipe.artifacts.shards import ShardSet
from artpipe.critique.critiqued_picture import CritiquedPicture
from artpipe.critique.dataset_reference import FEWEST_HELD_OUT, DatasetReference, load_reference, make_vectors
from artpipe.critique.model_input import prepare_picture_for
from artpipe.critique.project_models import TrainedModel


@dataclass(frozen=True)
class DatasetLikeness:
    """The nearest works of a dataset, by space.

    `nearest` holds distances and rows ``(k,)`` of the training split. In the spaces of `strange` the picture is further
    from them than nearly all new works are.
    """

    reference: DatasetReference
    nearest: dict[str, tuple[Tensor, Tensor]]
    strange: list[str]

    @property
    def can_tell(self) -> bool:
        """Return whether there are enough works to say that a picture is strange."""
        return self.reference.held_out >= FEWEST_HELD_OUT


def measure_likeness(
    picture: CritiquedPicture, shards: ShardSet, classifier: TrainedModel | None, k: int = 1
) -> DatasetLikeness:
    """Find the `k` nearest works by the classifier's features, layout and texture."""
    learner = classifier.learner if classifier else None
    reference = load_reference(shards, learner, classifier.checkpoint if classifier else "")
    images = prepare_picture_for(picture, shards)
    with torch.no_grad():
        vectors = {space: make_vectors(space, images, learner) for space in reference.vectors}
    nearest = {space: reference.measure(space, vector, k) for space, vector in vectors.items()}
    strange = [space for space, (distances, _) in nearest.items() if reference.is_strange(space, float(distances[0]))]
    return DatasetLikeness(reference, nearest, strange)
