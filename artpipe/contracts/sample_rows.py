"""Random rows of a ShardSet, to measure a training step before works exist."""

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Generator, Tensor

    from artpipe.artifacts.shards import Spec


class RowsRequest(NamedTuple):
    """What a medium is asked for; its answer is `SampleRows`."""

    dataset: str
    params: Any  # the medium's own, of `preprocess`
    voices: int  # of `ingest`, for scores
    classes: tuple[str, ...]
    works: int  # in the training split, as far as is known
    rows: int


class SampleRows(NamedTuple):
    """What preprocess would write, with random content of the usual kind."""

    spec: "Spec"
    columns: "Mapping[str, Tensor]"  # of the training split, `rows` long


def make_common_columns(request: RowsRequest, generator: "Generator") -> "dict[str, Tensor]":
    """Return the columns that all media have.

    They are ``labels (N,)``, ``digests (N, 32)`` and ``places (N, 4)``. Each class comes in turn; without classes every label is -1, none. A place is the whole of a work.
    """
    import torch  # a plan that measures nothing does without

    count, classes = request.rows, len(request.classes)
    return {
        "labels": torch.arange(count) % classes if classes else torch.full((count,), -1),
        "digests": torch.randint(256, (count, 32), generator=generator, dtype=torch.uint8),
        "places": torch.tensor([[0, 0, 1, 1]]).repeat(count, 1),
    }
