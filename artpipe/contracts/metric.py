"""One file per metric; each exports METRIC.

A metric measures, and decides which verdict its number gives.
"""

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
from artpipe.numerics.set_comparison import SetComparison, compare_sets

EvidencePart = Literal["train", "held_out", "samples"]
PIXELS_ID = "pixels"  # the extractor's name where there is no feature extractor
_PIXEL_SIDE = 16


@dataclass
class Evidence:
    """What the metrics measure: a learner, its samples and real works.

    Pictures are uint8 ``(N, C, H, W)``; features are computed once and cached.
    """

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
    sequences: Sequence[Sequence[int]] = ()  # what it wrote, in tokens, where the learner is a SequenceModel
    broken_samples: int = 0  # samples with values that are no numbers
    _cache: dict[str, Any] = field(default_factory=dict)

    @property
    def extractor_id(self) -> str:
        """Return the hash of the feature extractor's checkpoint.

        It is ``pixels`` where there is no feature extractor.
        """
        return self.extractor_sha256 or PIXELS_ID

    @property
    def classes(self) -> tuple[str, ...]:
        """Return the names of the classes, empty where the dataset has none."""
        return self.card.spec.classes

    def pictures(self, part: EvidencePart) -> Tensor:
        """Return the pictures of a part, uint8 ``(N, C, H, W)``, maybe none."""
        if part == "samples":
            return torch.empty(0) if self.samples is None else self.samples
        return (self.train if part == "train" else self.held_out).get("images", torch.empty(0))

    def features(self, part: EvidencePart) -> Tensor:
        """Return ``(N, F)`` features of a part.

        They are the feature extractor's, or small pictures where there is none.
        """
        features: Tensor = self.compute_once(f"features of {part}", lambda: self.extract_features(self.pictures(part)))
        return features

    def extract_features(self, pictures: Tensor) -> Tensor:
        """Return ``(N, F)`` features of any pictures, uint8 ``(N, C, H, W)``."""
        return self._map_batches(
            pictures, self.feature_extractor.features if self.feature_extractor is not None else downscale_to_vectors
        )

    def compare_samples(self, count: int) -> SetComparison:
        """Compare the features of the first `count` samples with those of held-out works.

        Metrics that compare as many samples share one pass over all pairs.
        """
        comparison: SetComparison = self.compute_once(
            f"comparison of {count} samples",
            lambda: compare_sets(
                self.features("held_out"),
                self.features("samples")[:count],
                k=self.params.coverage_neighbours,
                subsets=self.params.spread_subsets,
                seed=self.seed,
            ),
        )
        return comparison

    def class_probabilities(self, part: EvidencePart) -> Tensor:
        """Return the feature extractor's calibrated probabilities ``(N, K)``."""
        probabilities: Tensor = self.compute_once(
            f"judgements of {part}",
            lambda: self._map_batches(self.pictures(part), self.feature_extractor.logits).softmax(1),
        )
        return probabilities

    def nearest_train(self, part: EvidencePart) -> tuple[Tensor, Tensor]:
        """Return distances and rows ``(N, k)`` of the nearest training works.

        The nearest comes first.
        """
        k = max(2, self.params.neighbours)
        nearest: tuple[Tensor, Tensor] = self.compute_once(
            f"near {part}", lambda: find_nearest(self.features(part), self.features("train"), k)
        )
        return nearest

    @property
    def held_out_distance(self) -> float:
        """Return the median distance of held-out works to the nearest training work."""
        return float(self.nearest_train("held_out")[0][:, 0].double().median().clamp(min=1e-9))

    def copy_mask(self, part: EvidencePart) -> Tensor:
        """Return which pictures ``(N,)`` of a part are copies of one training work."""
        bounds = self.params.verdicts
        distances = self.nearest_train(part)[0]
        return find_copies(distances, bounds.copy_ratio, bounds.copy_distance * self.held_out_distance)

    def has_recognisable_samples(self) -> bool:
        """Return whether the samples are about as near to works as new works are.

        If not, their class and their likeness to each other mean little.
        """
        parts: tuple[EvidencePart, EvidencePart] = ("samples", "held_out")
        sample_distance, held_out_distance = (float(self.nearest_train(part)[0][:, 0].median()) for part in parts)
        return sample_distance <= self.params.verdicts.recognisable * held_out_distance

    def _map_batches(self, pictures: Tensor, function: Callable[[Tensor], Tensor]) -> Tensor:
        with torch.no_grad():
            return torch.cat([function(to_float(b)).float() for b in torch.split(pictures, self.params.batch_size)])

    def compute_once(self, key: str, make: Callable[[], Any]) -> Any:
        """Return what `make` gave the first time it was asked for under `key`."""
        if key not in self._cache:
            self._cache[key] = make()
        return self._cache[key]


@dataclass(frozen=True)
class Measurement:
    """What a metric returns: scores, findings and tables for the report.

    There are no findings where all is well.
    """

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
    measure: Callable[[Evidence], Measurement]
    headline: tuple[
        str, ...
    ] = ()  # its scores that `dvc metrics` and `dvc exp show` compare; `*` stands for any letters


def has_samples(evidence: Evidence) -> bool:
    """Return whether there are at least two samples and two held-out pictures."""
    return min(len(evidence.pictures("samples")), len(evidence.pictures("held_out"))) > 1


def has_classifiable_samples(evidence: Evidence) -> bool:
    """Return whether a feature extractor can tell the classes of the samples."""
    knows_classes = evidence.feature_extractor is not None and evidence.extractor_classes == evidence.classes
    return has_samples(evidence) and knows_classes and len(evidence.classes) > 1


def split_halves(vectors: Tensor) -> tuple[Tensor, Tensor]:
    """Return two halves of real works, which were drawn at random.

    A measure between them is that of one and the same source.
    """
    middle = len(vectors) // 2
    return vectors[:middle], vectors[middle : 2 * middle]


def share_spread(share: float, count: int) -> float | None:
    """Return one standard deviation of a share of `count` works.

    None for fewer than two works.
    """
    return (max(0.0, share * (1 - share)) / count) ** 0.5 if count > 1 else None


def downscale_to_vectors(images: Tensor) -> Tensor:
    """Return pictures ``(N, C, H, W)`` as vectors ``(N, C * side**2)``.

    A side has at most 16 pixels.
    """
    side = (min(_PIXEL_SIDE, images.shape[2]), min(_PIXEL_SIDE, images.shape[3]))
    return F.adaptive_avg_pool2d(images, side).flatten(1)
