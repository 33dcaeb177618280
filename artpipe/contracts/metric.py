"""One file per metric; each exports METRIC.

A metric measures, and decides which grade its number gives.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor

from artpipe.artifacts.checkpoint import CheckpointCard
from artpipe.artifacts.report import Finding, OtherModel, Score
from artpipe.config.params import EvaluationParams
from artpipe.contracts.feature_source import PIXELS, FeatureCache, FeatureSource, map_batches
from artpipe.contracts.model import Exhibit, Learner, Prompt
from artpipe.numerics.intervals import Interval
from artpipe.numerics.nearest_neighbours import find_copies, find_nearest
from artpipe.numerics.set_comparison import SetComparison, compare_sets

EvidencePart = Literal["train", "held_out", "samples"]
OWN_EXTRACTOR = "own_network"  # what the dataset's own feature extractor is called
_MOST_TRAINING_WORKS = 2000  # that are measured by a pretrained network


class ExtractorSkill(NamedTuple):
    """How often a feature extractor is right on held-out works, beside guessing."""

    share: float
    guess: float
    works: int
    interval: Interval  # of the share
    least: float = 0.0  # of what guessing leaves, that it has to recognise

    @property
    def is_shown(self) -> bool:
        """Return whether it is right more often than guessing, beyond luck.

        And knows enough of what guessing leaves.
        """
        return self.interval.low > self.guess and self.share - self.guess >= self.least * (1 - self.guess)


def _open_none(name: str) -> tuple[Any, str]:
    raise LookupError(name)


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
    feature_extractor: Any = None  # the dataset's own: the model itself where it is one, None where there is none
    extractor_sha256: str | None = None
    extractor_classes: tuple[str, ...] = ()  # what its logits tell apart
    extractor_skill: ExtractorSkill | None = None  # of the dataset's own; None where it cannot be known
    pretrained: Sequence[FeatureSource] = ()  # networks that know pictures at large; they decide where there are any
    open_network: Callable[[str], tuple[Any, str]] = _open_none  # of `weights`, or artpipe's own, by name; and its hash
    sequences: Sequence[Sequence[int]] = ()  # what it wrote, in tokens, where the learner is a SequenceModel
    feature_cache: FeatureCache | None = None  # of the dataset's own feature extractor; None: nothing is kept
    broken_samples: int = 0  # samples with values that are no numbers
    _cache: dict[str, Any] = field(default_factory=dict)

    @property
    def sources(self) -> tuple[FeatureSource, ...]:
        """Return what measures, the one that decides first.

        The dataset's own feature extractor stands beside pretrained networks only where its skill is shown.
        """
        own = self.own_source
        if not self.pretrained:
            return (own,)
        speaks = own is not PIXELS and (self.extractor_skill is None or self.extractor_skill.is_shown)
        return (*self.pretrained, own) if speaks else tuple(self.pretrained)

    @property
    def own_source(self) -> FeatureSource:
        """Return the dataset's own feature extractor, or small pictures."""
        if self.feature_extractor is None:
            return PIXELS
        return FeatureSource(
            OWN_EXTRACTOR, self.extractor_sha256 or PIXELS.sha256, self.feature_extractor.features,
            cache=self.feature_cache if self.extractor_sha256 else None,
        )  # fmt: skip

    @property
    def training_source(self) -> FeatureSource:
        """Return what compares with training works, of which there may be many."""
        return self.sources[0] if len(self.pictures("train")) <= _MOST_TRAINING_WORKS else self.own_source

    @property
    def extractor_id(self) -> str:
        """Return the hash of the feature extractor that decides.

        It is ``pixels`` where there is no feature extractor.
        """
        return self.sources[0].sha256

    @property
    def classes(self) -> tuple[str, ...]:
        """Return the names of the classes, empty where the dataset has none."""
        return self.card.spec.classes

    def pictures(self, part: EvidencePart) -> Tensor:
        """Return the pictures of a part, uint8 ``(N, C, H, W)``, maybe none."""
        if part == "samples":
            return torch.empty(0) if self.samples is None else self.samples
        return (self.train if part == "train" else self.held_out).get("images", torch.empty(0))

    def features(self, part: EvidencePart, source: FeatureSource | None = None) -> Tensor:
        """Return ``(N, F)`` features of a part, by the source that decides or another.

        A slow source measures the first pictures of a part; all of the training works.
        """
        source = source or self.sources[0]
        pictures = self.pictures(part)
        if part != "train":
            pictures = pictures[: source.most_pictures]
        features: Tensor = self.compute_once(
            f"features of {part} by {source.sha256}",
            lambda: source.extract(pictures, self.params.batch_size, is_kept=part != "samples"),
        )
        return features

    def extract_features(self, pictures: Tensor, source: FeatureSource | None = None) -> Tensor:
        """Return ``(N, F)`` features of any pictures, uint8 ``(N, C, H, W)``."""
        return (source or self.sources[0]).extract(pictures, self.params.batch_size)

    def compare_samples(self, count: int, source: FeatureSource) -> SetComparison:
        """Compare the features of the first `count` samples with those of held-out works.

        Metrics that compare as many samples share one pass over all pairs.
        """
        comparison: SetComparison = self.compute_once(
            f"comparison of {count} samples by {source.sha256}",
            lambda: compare_sets(
                self.features("held_out", source),
                self.features("samples", source)[:count],
                self.params.coverage_neighbours,
            ),
        )
        return comparison

    def class_probabilities(self, part: EvidencePart) -> Tensor:
        """Return the feature extractor's calibrated probabilities ``(N, K)``."""
        probabilities: Tensor = self.compute_once(
            f"judgements of {part}",
            lambda: map_batches(self.pictures(part), self.feature_extractor.logits, self.params.batch_size).softmax(1),
        )
        return probabilities

    def nearest_train(self, part: EvidencePart) -> tuple[Tensor, Tensor]:
        """Return distances and rows ``(N, k)`` of the nearest training works.

        The nearest comes first.
        """
        k, source = max(2, self.params.neighbours), self.training_source
        nearest: tuple[Tensor, Tensor] = self.compute_once(
            f"near {part}", lambda: find_nearest(self.features(part, source), self.features("train", source), k)
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

    def compute_once(self, key: str, make: Callable[[], Any]) -> Any:
        """Return what `make` gave the first time it was asked for under `key`."""
        if key not in self._cache:
            self._cache[key] = make()
        return self._cache[key]


@dataclass(frozen=True)
class Measurement:
    """What a metric returns: scores, findings and tables for the report.

    A finding that praises is one too; a metric that decides nothing has none.
    """

    scores: Sequence[Score] = ()
    findings: Sequence[Finding] = ()
    tables: Mapping[str, Any] = field(default_factory=dict)
    samples: Mapping[str, Sequence[int]] = field(default_factory=dict)  # those that must be shown: role -> rows
    exhibits: Sequence[Exhibit] = ()  # what was made to be measured and is shown too
    other_models: Sequence[OtherModel] = ()  # that had a part in these exhibits


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


def name_score(evidence: Evidence, name: str, source: FeatureSource) -> str:
    """Return a score's name.

    That of a feature extractor which stands beside says whose it is.
    """
    return name if source.sha256 == evidence.extractor_id else f"{name}_by_{source.name.replace('-', '_')}"
