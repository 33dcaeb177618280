"""Evidence lower bound of an autoencoder on held-out works.

With it comes the number of active units of its code (Burda et al. 2016).
"""

import math
from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import Tensor

from artpipe.artifacts.report import Finding, Score
from artpipe.contracts.grading import judge_score
from artpipe.contracts.metric import Evidence, Measurement, Metric
from artpipe.contracts.model import Autoencoder
from artpipe.contracts.plugin_info import MetricInfo
from artpipe.language.message import Message, Value
from artpipe.numerics.intervals import NORMAL_QUANTILE, Interval, mean_interval
from artpipe.numerics.pixels import to_float

_LEVELS = 256  # of a pixel
_ACTIVE_VARIANCE = 0.01  # of the posterior's mean over works: Burda et al. 2016, section 5.2


def active_units(means: Tensor) -> int:
    """Return how many of Z code dimensions vary with the work.

    `means` are those of the posterior, ``(N, Z)``.
    """
    return int((means.double().var(0, correction=0) > _ACTIVE_VARIANCE).sum())


def active_units_interval(means: Tensor) -> Interval:
    """Return between how many dimensions surely, and at most, vary.

    A dimension counts on the side where the interval of its variance is, by the delta method of the logarithm and the fourth moment
    (Cramer 1946, 27.4).
    """
    centred = means.double() - means.double().mean(0)
    variances = centred.square().mean(0).clamp(min=1e-300)
    kurtosis = centred.pow(4).mean(0) / variances.square().clamp(min=1e-300)
    reach = (NORMAL_QUANTILE * ((kurtosis - 1).clamp(min=0) / len(means)).sqrt()).exp()
    low, high = (int((variances * factor > _ACTIVE_VARIANCE).sum()) for factor in (1 / reach, reach))
    return Interval(low, high)


def measure(evidence: Evidence) -> Measurement:
    """Measure reconstruction, KL and active units.

    The posterior's samples are drawn by the seed.
    """
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(evidence.seed)
        terms, means = _passes(evidence)
    bound = terms["reconstruction"] + terms["kl"]
    units, nats = active_units(means), float(terms["kl"].mean())
    dimensions = Message(code="unit_of_dimensions", values={"count": means.shape[1]})
    scores = [
        _score("elbo", -bound, "higher", code="score_elbo"),
        _score("reconstruction", terms["reconstruction"], "lower", code="score_reconstruction"),
        _score("kl", terms["kl"], "neither", code="score_kl"),
        Score(name="active_units", value=units, n=len(means), unit=dimensions, code="score_active_units").with_interval(
            active_units_interval(means)
        ),
    ]  # fmt: skip
    scores += _importance(evidence)
    return Measurement(scores=scores, findings=[_judge_code(evidence, scores[2], nats, units)])


def _passes(evidence: Evidence) -> tuple[Mapping[str, Tensor], Tensor]:
    terms: dict[str, list[Tensor]] = {"reconstruction": [], "kl": []}
    means = []
    learner: Any = evidence.learner  # an Autoencoder, which `applies` has seen
    for batch in torch.split(evidence.pictures("held_out"), evidence.params.batch_size):
        images = to_float(batch)
        means.append(learner.posterior(images)[0])
        for name, values in learner.elbo_terms(images).items():
            terms.setdefault(name, []).append(values.double())
    return {name: torch.cat(values) for name, values in terms.items()}, torch.cat(means)


def _score(
    name: str,
    nats: Tensor,
    better: Literal["lower", "higher", "neither"],
    code: str,
    values: dict[str, Value] | None = None,
) -> Score:
    value, n = float(nats.mean()), len(nats)
    score = Score(name=name, value=value, n=n, better=better, unit="nats", code=code, values=values or {})
    return score.with_interval(mean_interval(nats))


def binarise(images: Tensor, seed: int) -> Tensor:
    """Return pictures in [-1, 1] as black and white, -1 and 1, drawn by seed.

    A value's brightness is its chance to be white (Salakhutdinov & Murray 2008).
    """
    chances = torch.rand(images.shape, generator=torch.Generator().manual_seed(seed), dtype=images.dtype)
    return torch.where(chances < (images + 1) / 2, 1.0, -1.0)


def _importance(evidence: Evidence) -> list[Score]:
    """Measure the importance-weighted bound on some works, if the learner has it.

    It rises with the number of samples, so those of other numbers are not compared, as of other extractors.
    Papers quote it of black and white works, of which alone a Bernoulli likelihood is a probability.
    """
    bound: Any = getattr(evidence.learner, "importance_bound", None)
    if bound is None:
        return []
    k = evidence.params.importance_samples
    images = to_float(evidence.pictures("held_out")[: evidence.params.importance_works])
    with torch.no_grad():
        nats = bound(images, k, evidence.seed).double()
        scores = [_score("iwae", nats, "higher", code="score_iwae", values={"samples": k})]
        if getattr(evidence.learner, "likelihood", "") == "bernoulli":
            nats = bound(binarise(images, evidence.seed), k, evidence.seed).double()
            scores.append(_score("iwae_binarised", nats, "higher", code="score_iwae_binarised", values={"samples": k}))
    return [score.model_copy(update={"extractor": f"k={k}"}) for score in scores]


def _judge_code(evidence: Evidence, kl: Score, nats: float, units: int) -> Finding:
    """Judge whether the code says anything about a work.

    A model that ignores it has collapsed; one whose code holds more than pictures can has diverged.
    """
    bound, most = evidence.params.verdicts.latent_nats, _picture_nats(evidence)
    if nats > most:
        return Finding(
            grade="failed", fault="diverged", wanted="most", score="kl", value=nats, bound=most, code="code_beyond_picture",
            values={"nats": nats, "most": most},
        )  # fmt: skip
    ignored = nats < bound or not units
    finding = judge_score(
        kl, failing=bound, passing=bound, good=bound, fault="posterior collapsed",
        code="code_ignored" if ignored else "code_used", values={"nats": nats, "units": units},
    )  # fmt: skip
    return finding if units else finding.model_copy(update={"grade": "failed", "fault": "posterior collapsed"})


def _picture_nats(evidence: Evidence) -> float:
    """Return how much the bytes of a picture can tell."""
    return evidence.pictures("held_out")[0].numel() * math.log(_LEVELS)


METRIC = Metric(
    applies=lambda evidence: isinstance(evidence.learner, Autoencoder) and len(evidence.pictures("held_out")) > 0,
    measure=measure,
    headline=("elbo",),
)
METRIC_INFO = MetricInfo(acronyms=("elbo", "iwae", "kl"))
