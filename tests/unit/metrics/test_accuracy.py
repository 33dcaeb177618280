"""The intervals of a classifier's scores are those of works, not of their turns."""

from types import SimpleNamespace

import pytest
import torch

from artpipe.config.params import EvaluationParams
from artpipe.metrics.accuracy import _make_scores


def test_four_turns_alike_are_one_work():
    """Each row four times over makes no score surer."""
    generator = torch.Generator().manual_seed(1)
    logits, labels = torch.randn(60, 4, generator=generator) * 2, torch.randint(4, (60,), generator=generator)
    evidence = SimpleNamespace(params=EvaluationParams(metrics=()), seed=1, classes=())
    once = _make_scores(evidence, 0.5, logits, labels, 60)
    turned = _make_scores(evidence, 0.5, logits.repeat_interleave(4, 0), labels.repeat_interleave(4), 60)
    for score, other in zip(once, turned, strict=True):
        assert other.value == pytest.approx(score.value, abs=1e-6)
        assert (other.interval.low, other.interval.high) == pytest.approx(
            (score.interval.low, score.interval.high), abs=1e-5
        )
