"""Likelihood of held-out texts in bits per character, beside a 5-gram model with Kneser-Ney smoothing that only counts."""

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from artpipe.artifacts.report import Finding, Score
from artpipe.contracts.metric import Evidence, Measured, Metric
from artpipe.contracts.plugin_info import MetricInfo
from artpipe.evaluation.sequences import writes_text
from artpipe.modalities.text.detokenize import join_rows, to_code_points
from artpipe.numerics.ngrams import KneserNeyModel

_DECIDES = "bits_per_character"
_ORDER = 5
_ROWS = 20_000  # of the test split, measured at most: whole works


def measure(evidence: Evidence) -> Measured:
    """Measure what each character of the test works costs; by work, so that the spread is that between works."""
    vocabulary = evidence.card.spec.vocabulary
    test = _first_works(evidence.test)
    texts = [to_code_points(tokens, vocabulary) for _, tokens in join_rows(test)]
    sizes = torch.tensor([max(1, len(text) - 1) for text in texts], dtype=torch.float64)  # the end is no character
    ours = _by_work(evidence, test)
    learned = [to_code_points(tokens, vocabulary) for _, tokens in join_rows(evidence.train)]
    kinds = len(torch.unique(torch.cat(learned))) + 1
    model = KneserNeyModel(learned, _ORDER, kinds)
    counted = torch.tensor([float(model.nats(text).sum()) for text in texts], dtype=torch.float64)
    scores = [
        _score(_DECIDES, ours, sizes, code="score_bits_per_character"),
        _score("bits_per_character_5_gram", counted, sizes, code="score_bits_per_character_counted"),
    ]
    return _judged(scores)


def _first_works(columns: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return whole works from the beginning of a split, `_ROWS` rows at most but one work at least."""
    begins = (columns["places"][:, 0] == 0).nonzero()[:, 0]
    ends = torch.cat([begins[1:], torch.tensor([len(columns["places"])])])
    within = ends[ends <= _ROWS]
    last = int(within[-1] if len(within) else ends[0])
    return {name: column[:last] for name, column in columns.items()}


def _by_work(evidence: Evidence, rows: dict[str, Tensor]) -> Tensor:
    """Return nats per work."""
    learner: Any = evidence.learner
    nats = learner.nll(rows["tokens"]).double().sum(1)
    number = (rows["places"][:, 0] == 0).long().cumsum(0) - 1
    return torch.zeros(int(number[-1]) + 1, dtype=torch.float64).index_add_(0, number, nats)


def _score(name: str, nats: Tensor, sizes: Tensor, code: str) -> Score:
    each = nats / sizes / math.log(2)
    return Score(
        name=name,
        value=float(nats.sum() / sizes.sum() / math.log(2)),
        n=len(sizes),
        spread=float(each.std() / len(each) ** 0.5) if len(each) > 1 else None,
        better="lower",
        unit="bits",
        decides=name == _DECIDES,
        code=code,
    )


def _judged(scores: list[Score]) -> Measured:
    ours, counted = (score.value for score in scores)
    more = ours >= counted
    finding = Finding(
        verdict="under-trained" if more else "healthy",
        score=_DECIDES,
        value=ours,
        bound=counted,
        code="text_costs_more" if more else "text_costs_less",
        values={"bits": ours, "counted": counted},
    )
    return Measured(scores=scores, findings=[finding] if more else (), healthy=None if more else finding)


METRIC = Metric(applies=writes_text, measure=measure, headline=("bits_per_character",))
METRIC_INFO = MetricInfo(acronyms=("nll",))
