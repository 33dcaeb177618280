"""Random rows of a ShardSet, to measure a training step before works exist."""

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

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
