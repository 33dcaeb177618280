"""Likelihood of held-out texts in bits per character.

Beside it stands a 5-gram model with Kneser-Ney smoothing.
"""

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from artpipe.contracts.metric import Evidence, Measurement, Metric
from artpipe.contracts.plugin_info import MetricInfo
from artpipe.evaluation.costs_by_work import judge_costs, score_costs
from artpipe.evaluation.sequences import writes_text
from artpipe.modalities.text.detokenize import join_rows, to_code_points
from artpipe.numerics.ngrams import KneserNeyModel

_ORDER = 5
_GOOD_RATIO = 0.75  # of what counting needs
_MAXIMUM_ROWS = 20_000  # of the test split, measured at most: whole works


def measure(evidence: Evidence) -> Measurement:
    """Measure bits per character of the test works, by work.

    So the spread is that between works.
    """
    vocabulary = evidence.card.spec.vocabulary
    test = _select_first_works(evidence.test)
    texts = [to_code_points(tokens, vocabulary) for _, tokens in join_rows(test)]
    sizes = torch.tensor([max(1, len(text) - 1) for text in texts], dtype=torch.float64)  # the end is no character
    model_nats = _sum_by_work(evidence, test)
    training_texts = [to_code_points(tokens, vocabulary) for _, tokens in join_rows(evidence.train)]
    vocabulary_size = len(torch.unique(torch.cat(training_texts))) + 1
    model = KneserNeyModel(training_texts, _ORDER, vocabulary_size)
    ngram_nats = torch.tensor([float(model.nats(text).sum()) for text in texts], dtype=torch.float64)
    bits = model_nats / math.log(2), ngram_nats / math.log(2)
    model_score = score_costs(
        "bits_per_character", bits[0], sizes, unit="bits", decides=True, code="score_bits_per_character"
    )
    counted = score_costs(
        "bits_per_character_5_gram", bits[1], sizes, unit="bits", decides=False, code="score_bits_per_character_counted"
    )
    finding = judge_costs(
        (model_score, counted), bits, good=_GOOD_RATIO, code="text_costs",
        values={"bits": model_score.value, "counted": counted.value},
    )  # fmt: skip
    return Measurement(scores=[model_score, counted], findings=[finding])


def _select_first_works(columns: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return whole works from the beginning of a split.

    They have at most `_MAXIMUM_ROWS` rows, but at least one work is returned.
    """
    first_rows = (columns["places"][:, 0] == 0).nonzero()[:, 0]
    ends = torch.cat([first_rows[1:], torch.tensor([len(columns["places"])])])
    within = ends[ends <= _MAXIMUM_ROWS]
    last = int(within[-1] if len(within) else ends[0])
    return {name: column[:last] for name, column in columns.items()}


def _sum_by_work(evidence: Evidence, rows: dict[str, Tensor]) -> Tensor:
    """Return nats per work."""
    learner: Any = evidence.learner
    nats = learner.nll(rows["tokens"]).double().sum(1)
    work_numbers = (rows["places"][:, 0] == 0).long().cumsum(0) - 1
    return torch.zeros(int(work_numbers[-1]) + 1, dtype=torch.float64).index_add_(0, work_numbers, nats)


METRIC = Metric(applies=writes_text, measure=measure, headline=("bits_per_character",))
METRIC_INFO = MetricInfo(acronyms=("nll",))
