"""Evidence lower bound of an autoencoder on held-out works.

With it comes the number of active units of its code (Burda et al. 2016).
"""

from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import Tensor

from artpipe.artifacts.report import Finding, Score
from artpipe.contracts.metric import Evidence, Measurement, Metric
from artpipe.contracts.model import Autoencoder
from artpipe.contracts.plugin_info import MetricInfo
from artpipe.language.message import Message, Value
from artpipe.numerics.pixels import to_float

_ACTIVE_VARIANCE = 0.01  # of the posterior's mean over works: Burda et al. 2016, section 5.2


def active_units(means: Tensor) -> int:
    """Return how many of Z code dimensions vary with the work.

    `means` are those of the posterior, ``(N, Z)``.
    """
    return int((means.double().var(0, correction=0) > _ACTIVE_VARIANCE).sum())


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
        Score(name="active_units", value=units, n=len(means), unit=dimensions, code="score_active_units"),
    ]  # fmt: skip
    scores += _importance(evidence)
    good = _decide_collapse_finding(evidence, nats, units)
    healthy = good.verdict == "healthy"
    return Measurement(scores=scores, findings=() if healthy else (good,), healthy=good if healthy else None)


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
    spread = float(nats.std() / len(nats) ** 0.5) if len(nats) > 1 else None
    value, n = float(nats.mean()), len(nats)
    return Score(name=name, value=value, n=n, spread=spread, better=better, unit="nats", code=code, values=values or {})


def _importance(evidence: Evidence) -> list[Score]:
    """Measure the importance-weighted bound on some works, if the learner has it."""
    bound: Any = getattr(evidence.learner, "importance_bound", None)
    if bound is None:
        return []
    k = evidence.params.importance_samples
    images = to_float(evidence.pictures("held_out")[: evidence.params.importance_works])
    with torch.no_grad():
        nats = bound(images, k, evidence.seed).double()
    return [_score("iwae", nats, "higher", code="score_iwae", values={"samples": k})]


def _decide_collapse_finding(evidence: Evidence, nats: float, units: int) -> Finding:
    bound = evidence.params.verdicts.latent_nats
    ignored = nats < bound or not units
    return Finding(
        verdict="posterior collapsed" if ignored else "healthy",
        score="kl",
        value=nats,
        bound=bound,
        code="code_ignored" if ignored else "code_used",
        values={"nats": nats, "units": units},
    )


METRIC = Metric(
    applies=lambda evidence: isinstance(evidence.learner, Autoencoder) and len(evidence.pictures("held_out")) > 0,
    measure=measure,
    headline=("elbo",),
)
METRIC_INFO = MetricInfo(acronyms=("elbo", "iwae", "kl"))
