"""Copying: the share of generated text that stands in training works.

It is compared with the same share of new works.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from artpipe.artifacts.report import Score
from artpipe.contracts.grading import judge_score
from artpipe.contracts.metric import Evidence, Measurement, Metric
from artpipe.contracts.plugin_info import MetricInfo
from artpipe.evaluation.sequences import writes_text
from artpipe.modalities.text.detokenize import join_rows, to_code_points
from artpipe.numerics.intervals import mean_interval
from artpipe.numerics.ngrams import ngram_keys

_NGRAM = 16  # characters in a row


def measure(evidence: Evidence) -> Measurement:
    """Measure the share of pieces of 16 characters that stand in training works."""
    vocabulary = evidence.card.spec.vocabulary
    keys_by_work = [ngram_keys(to_code_points(tokens, vocabulary), _NGRAM) for _, tokens in join_rows(evidence.train)]
    training_keys = torch.unique(torch.cat(keys_by_work))
    sample_shares = share_copied([to_code_points(tokens, vocabulary) for tokens in evidence.sequences], training_keys)
    held_out_shares = share_copied(
        [to_code_points(tokens[1:-1], vocabulary) for _, tokens in join_rows(evidence.test)], training_keys
    )
    share, by_chance = (
        float(work_shares.mean()) if len(work_shares) else 0.0 for work_shares in (sample_shares, held_out_shares)
    )
    score = Score(
        name="copied_16_grams",
        value=share,
        n=len(sample_shares),
        better="lower",
        real=by_chance,
        code="score_copied_characters",
        values={"characters": _NGRAM, "usual": by_chance},
    )
    interval = mean_interval(sample_shares)
    score = score.with_interval(interval.clamp(0.0, 1.0) if interval else None)
    bounds = evidence.params.verdicts
    bound = by_chance + bounds.memorised_share
    finding = judge_score(
        score, failing=bound, passing=bound, good=bound, wanted="most", fault="memorised",
        code="copies_characters", values={"share": share, "characters": _NGRAM, "usual": by_chance, "wanted": bound},
    )  # fmt: skip
    return Measurement(scores=[score], findings=[finding] if len(sample_shares) else ())


def share_copied(works: Sequence[Tensor], training_keys: Tensor) -> Tensor:
    """Return the share of each work's n-grams among the sorted `training_keys`.

    Works ``(L,)`` that are too short are left out.
    """
    keys_by_work = [ngram_keys(work, _NGRAM) for work in works]
    if not len(training_keys):
        return torch.zeros(sum(len(keys) > 0 for keys in keys_by_work))
    matches = (
        training_keys[torch.searchsorted(training_keys, keys).clamp(max=len(training_keys) - 1)] == keys
        for keys in keys_by_work
        if len(keys)
    )
    return torch.tensor([float(is_known.double().mean()) for is_known in matches])


METRIC = Metric(
    applies=lambda evidence: writes_text(evidence) and bool(evidence.sequences),
    measure=measure,
    headline=("copied_16_grams",),
)
METRIC_INFO = MetricInfo(copy_scores=("copied_16_grams",))
