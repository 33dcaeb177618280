"""The data model of `artpipe lineage --json`: what something came from."""

from typing import Any

from artpipe.artifacts.report import Finding
from artpipe.artifacts.run import RunCard
from artpipe.config.params import About, Frozen


class WorkTrace(Frozen):
    """An exhibited work."""

    id: str  # of its page
    caption: str
    kind: str
    role: str
    seed: int | None
    label: int | None
    file: str  # relative to the project
    works: tuple[str, ...]  # SHA-256 of the real works it shows or was made from


class RealTrace(Frozen):
    """A work of the collection, as in its record."""

    sha256: str
    name: str
    title: str | None
    creator: str
    year: str | None
    licence: str
    origin: str


class CheckpointTrace(Frozen):
    """A model's weights."""

    sha256: str
    folder: str | None  # relative to the project; None where this checkpoint is not here any more
    step: int | None  # at which the weights were taken
    code: str | None  # hash of the kind's file
    pretrained: str | None  # hash of what it used besides


class DataTrace(Frozen):
    """The data that a model learned from."""

    dataset: str
    shards: str | None  # hash of the tensors
    works: str | None  # hash of the works they were made from, where those are here
    kept: int | None
    about: About | None


class Lineage(Frozen):
    """Everything that something came from; None where it is not recorded here."""

    asked: str
    model: str
    kind: str | None
    work: WorkTrace | None
    real: RealTrace | None
    progress: int | None  # the step, for a picture made during a training
    verdict: Finding | None
    champion: bool  # of its dataset and kind
    run: RunCard | None  # its params are in `parameters`
    checkpoint: CheckpointTrace
    data: DataTrace
    seed: int | None  # of the training
    parameters: dict[str, Any]
