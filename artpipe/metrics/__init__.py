"""One file per metric; each exports METRIC. A metric measures, and says itself which verdict its number decides."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from artpipe.artifacts.checkpoint import CheckpointCard
from artpipe.artifacts.report import Finding, Score
from artpipe.nn.contract import Learner, Prompt
from artpipe.params import EvaluationParams


@dataclass
class Evidence:
    """What the metrics look at. Pictures are uint8 ``(N, C, H, W)``; features are computed once and kept."""

    learner: Learner[Any]
    card: CheckpointCard
    params: EvaluationParams
    seed: int
    train: Mapping[str, Tensor]  # columns of the training split
    held_out: Mapping[str, Tensor]  # up to `reference` works of the test split, drawn at random by seed
    prompt: Prompt | None = None  # what the samples were asked to be
    samples: Tensor | None = None  # (N, C, H, W) uint8, where the learner is a Sampler
    ruler: Learner[Any] | None = None  # a Ruler, None where the model is its own
    ruler_sha256: str | None = None
    _features: dict[str, Tensor] = field(default_factory=dict)
    _logits: dict[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True)
class Measured:
    """What a metric found: scores, verdicts it concludes (none where all is well), tables for the report."""

    scores: Sequence[Score] = ()
    findings: Sequence[Finding] = ()
    tables: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Metric:
    """What a file in `metrics/` exports as METRIC."""

    applies: Callable[[Evidence], bool]
    measure: Callable[[Evidence], Measured]
