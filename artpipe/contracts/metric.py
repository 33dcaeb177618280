"""One file per metric; each exports METRIC. A metric measures, and says itself which verdict its number decides."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from artpipe.artifacts.checkpoint import CheckpointCard
from artpipe.artifacts.report import Finding, Score
from artpipe.config.params import EvaluationParams
from artpipe.contracts.model import Exhibit, Learner, Prompt
from artpipe.numerics.nearest_neighbours import find_copies, find_nearest
from artpipe.numerics.pixels import to_float

Part = Literal["train", "held_out", "samples"]
PIXELS = "pixels"  # the extractor's name where there is no feature extractor
_PIXEL_SIDE = 16


@dataclass
class Evidence:
    """What the metrics look at. Pictures are uint8 ``(N, C, H, W)``; features are computed once and kept."""

    learner: Learner[Any]
    card: CheckpointCard
    params: EvaluationParams
    seed: int
    train: Mapping[str, Tensor]  # columns of the training split
    held_out: Mapping[str, Tensor]  # up to `reference` works of the test split, drawn at random by seed
    test: Mapping[str, Tensor] = field(default_factory=dict)  # all of the test split
    prompt: Prompt | None = None  # what the samples were asked to be
    samples: Tensor | None = None  # (N, C, H, W) uint8, where the learner is a Sampler
    feature_extractor: Any = None  # a FeatureExtractor: the model itself where it is one, None where there is none
    extractor_sha256: str | None = None
    extractor_classes: tuple[str, ...] = ()  # what its logits tell apart
    extractor_accuracy: float | None = None  # on validation works, by its own history; None where that says nothing
    sequences: Sequence[Sequence[int]] = ()  # what it wrote, in tokens, where the learner is a Sequencer
    broken_samples: int = 0  # samples with values that are no numbers
    _kept: dict[str, Any] = field(default_factory=dict)

    @property
    def extractor(self) -> str:
        """Return what names the features: the hash of the feature extractor's checkpoint, or ``pixels`` where there is none."""
        return self.extractor_sha256 or PIXELS

    @property
    def classes(self) -> tuple[str, ...]:
        """Return the names of the classes, empty where the dataset has none."""
        return self.card.spec.classes

    def pictures(self, part: Part) -> Tensor:
        """Return the pictures of a part, uint8 ``(N, C, H, W)``; empty where there are none."""
        if part == "samples":
            return torch.empty(0) if self.samples is None else self.samples
        return (self.train if part == "train" else self.held_out).get("images", torch.empty(0))

    def features(self, part: Part) -> Tensor:
        """Return ``(N, F)`` features: the feature extractor's, or small pictures where there is no feature extractor."""
        found: Tensor = self.once(f"features of {part}", lambda: self.look(self.pictures(part)))
        return found

    def look(self, pictures: Tensor) -> Tensor:
        """Return ``(N, F)`` features of any pictures, uint8 ``(N, C, H, W)``."""
        return self._by_batch(
            pictures, self.feature_extractor.features if self.feature_extractor is not None else small
        )

    def judgements(self, part: Part) -> Tensor:
        """Return the feature extractor's calibrated probabilities ``(N, K)``."""
        found: Tensor = self.once(
            f"judgements of {part}",
            lambda: self._by_batch(self.pictures(part), self.feature_extractor.logits).softmax(1),
        )
        return found

    def nearest_train(self, part: Part) -> tuple[Tensor, Tensor]:
        """Return distances and rows ``(N, k)`` of the nearest training works, nearest first."""
        k = max(2, self.params.neighbours)
        found: tuple[Tensor, Tensor] = self.once(
            f"near {part}", lambda: find_nearest(self.features(part), self.features("train"), k)
        )
        return found

    @property
    def usual_distance(self) -> float:
        """Return how far a new work is from the nearest training work: the median of the held-out works."""
        return float(self.nearest_train("held_out")[0][:, 0].double().median().clamp(min=1e-9))

    def copies(self, part: Part) -> Tensor:
        """Return which pictures ``(N,)`` of a part are copies of one training work."""
        bounds = self.params.verdicts
        near = self.nearest_train(part)[0]
        return find_copies(near, bounds.copy_ratio, bounds.copy_distance * self.usual_distance)

    def recognisable(self) -> bool:
        """Return whether the samples are near enough to works for their class, or their likeness to each other, to mean much."""
        parts: tuple[Part, Part] = ("samples", "held_out")
        painted, real = (float(self.nearest_train(part)[0][:, 0].median()) for part in parts)
        return painted <= self.params.verdicts.recognisable * real

    def _by_batch(self, pictures: Tensor, of: Callable[[Tensor], Tensor]) -> Tensor:
        with torch.no_grad():
            return torch.cat([of(to_float(b)).float() for b in torch.split(pictures, self.params.batch_size)])

    def once(self, key: str, make: Callable[[], Any]) -> Any:
        """Return what `make` gave the first time it was asked for under `key`."""
        if key not in self._kept:
            self._kept[key] = make()
        return self._kept[key]


@dataclass(frozen=True)
class Measured:
    """What a metric found: scores, verdicts it concludes (none where all is well), tables for the report."""

    scores: Sequence[Score] = ()
    findings: Sequence[Finding] = ()
    tables: Mapping[str, Any] = field(default_factory=dict)
    healthy: Finding | None = None  # the number that speaks for the model where no metric objects
    samples: Mapping[str, Sequence[int]] = field(default_factory=dict)  # those that must be shown: role -> rows
    exhibits: Sequence[Exhibit] = ()  # what was made to be measured and is shown too


@dataclass(frozen=True)
class Metric:
    """What a file in `metrics/` exports as METRIC."""

    applies: Callable[[Evidence], bool]
    measure: Callable[[Evidence], Measured]
    headline: tuple[
        str, ...
    ] = ()  # its scores that `dvc metrics` and `dvc exp show` compare; `*` stands for any letters


def paints(evidence: Evidence) -> bool:
    """Return whether there are samples and held-out pictures to compare them with, two of each at least."""
    return min(len(evidence.pictures("samples")), len(evidence.pictures("held_out"))) > 1


def paints_classes(evidence: Evidence) -> bool:
    """Return whether there are samples and a feature extractor that tells the dataset's classes."""
    known = evidence.feature_extractor is not None and evidence.extractor_classes == evidence.classes
    return paints(evidence) and known and len(evidence.classes) > 1


def halves(vectors: Tensor) -> tuple[Tensor, Tensor]:
    """Return two halves of real works (drawn at random already): what a measure says of one and the same source."""
    middle = len(vectors) // 2
    return vectors[:middle], vectors[middle : 2 * middle]


def share_spread(share: float, count: int) -> float | None:
    """Return one standard deviation of a share of `count` works, or None for fewer than two."""
    return (max(0.0, share * (1 - share)) / count) ** 0.5 if count > 1 else None


def small(images: Tensor) -> Tensor:
    """Return pictures ``(N, C, H, W)`` as vectors ``(N, C * side**2)`` of 16 pixels a side at most."""
    side = (min(_PIXEL_SIDE, images.shape[2]), min(_PIXEL_SIDE, images.shape[3]))
    return F.adaptive_avg_pool2d(images, side).flatten(1)
