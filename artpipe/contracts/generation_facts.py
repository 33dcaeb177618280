"""What a file that a model made says of its origin."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal, TypeAlias

from artpipe.artifacts.report import OtherModel
from artpipe.contracts.gallery_work import RealWork
from artpipe.language.message import Message

# Of the IPTC's NewsCodes for digital source types: docs/labels.md says what each means.
SourceType: TypeAlias = Literal[
    "trainedAlgorithmicMedia", "compositeWithTrainedAlgorithmicMedia", "composite", "algorithmicMedia"
]
TRAINED_TYPES = frozenset({"trainedAlgorithmicMedia", "compositeWithTrainedAlgorithmicMedia"})
GENERATION_LABELS: Mapping[SourceType, Message] = {  # what people are told, as the law asks
    "trainedAlgorithmicMedia": Message(code="generated_by_model"),
    "compositeWithTrainedAlgorithmicMedia": Message(code="made_by_model_of_works"),
    "composite": Message(code="composed_by_program"),
    "algorithmicMedia": Message(code="generated_by_program"),
}
SOURCE_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"


def is_by_trained_model(source_type: SourceType) -> bool:
    """Return whether a trained network had a part in what IPTC calls so."""
    return source_type in TRAINED_TYPES


def format_moment(seconds: float) -> str:
    """Return seconds since the epoch as 2026-11-30T08:00:00Z."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True)
class GenerationFacts:
    """How one file came to be; hashes in full, nothing of the machine."""

    title: str
    source_type: SourceType
    model: str
    kind: str
    artpipe: str  # version of the program
    publisher: str = ""  # who answers for the file, as `gallery.publisher` says
    created: str = ""  # when the model that made it was complete, as 2026-11-30T08:00:00Z
    identifier: str = ""  # the file's own, of its content
    dataset: str = ""
    dataset_sha256: str = ""  # of the shards' card
    checkpoint: str = ""
    step: int | None = None
    run: str = ""
    commit: str | None = None
    dirty: bool = False  # the commit had changes that were not committed
    seed: int | None = None
    prompt: str = ""  # the words it was asked for; empty: none
    sources: Sequence[RealWork] = ()  # the real works it was made from
    shares: Sequence[float] = field(default=())  # of it that come from each source, where they are known
    other_models: Sequence[OtherModel] = ()  # that had a part in it

    @property
    def is_by_trained_model(self) -> bool:
        """Return whether a trained network had a part in it."""
        return is_by_trained_model(self.source_type)

    @property
    def models(self) -> str:
        """Return the models that made it with their kinds, in words."""
        others = (f"{other.name} ({other.kind})" for other in self.other_models)
        return " and ".join((f"{self.model} ({self.kind})", *others))

    @property
    def source_type_address(self) -> str:
        """Return the address by which IPTC and C2PA name its source type."""
        return f"{SOURCE_TYPES}{self.source_type}"
