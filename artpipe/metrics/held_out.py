"""What a learner itself measures on held-out works.

It scores kinds that are no samplers, feature extractors, autoencoders, restorers or writers.
"""

import math

import torch

from artpipe.artifacts.report import Score
from artpipe.contracts.metric import Evidence, Measurement, Metric
from artpipe.contracts.model import Autoencoder, FeatureExtractor, Restorer, Sampler
from artpipe.contracts.plugin_info import MetricInfo
from artpipe.evaluation.sequences import writes_music, writes_text
from artpipe.numerics.pixels import to_float


def measure(evidence: Evidence) -> Measurement:
    """Ask the learner's own `validate` about the held-out works, at a fixed seed."""
    works = {name: to_float(column) if name == "images" else column for name, column in evidence.held_out.items()}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(evidence.seed)
        values = evidence.learner.validate(works)
    n = len(next(iter(works.values())))
    scores = [
        Score(name=f"held_out_{name}", value=value, n=n, code="score_held_out")
        for name, value in sorted(values.items())
        if math.isfinite(value)
    ]
    return Measurement(scores=scores)


def _applies(evidence: Evidence) -> bool:
    other = not isinstance(evidence.learner, Sampler | FeatureExtractor | Autoencoder | Restorer)
    is_scored = writes_text(evidence) or writes_music(evidence)  # by its likelihood, with an interval
    return other and not is_scored and bool(evidence.held_out) and len(next(iter(evidence.held_out.values()))) > 0


METRIC = Metric(applies=_applies, measure=measure, headline=("held_out_*",))
METRIC_INFO = MetricInfo(acronyms=("fid", "kid"))
