"""Repetition: shares by hand; what turns in a circle and what is always the same is found, works are not."""

from types import SimpleNamespace

import pytest
import torch

from artpipe.artifacts.shards import Spec
from artpipe.config.params import EvaluationParams
from artpipe.contracts.metric import Evidence
from artpipe.contracts.special_tokens import END, PAD, SPECIAL_TOKENS, START
from artpipe.metrics.repetition import METRIC, share_repeated_elsewhere, share_repeated_within

LETTERS = "abcdefghijklmnopqrstuvwxyz "
VOCABULARY = (*SPECIAL_TOKENS, *LETTERS)
LENGTH = 80


class Writer:
    """Stands for a learner that writes."""

    def nll(self, tokens):
        raise NotImplementedError

    def write(self, prompt):
        raise NotImplementedError


def texts(count: int, seed: int) -> list[list[int]]:
    """Return texts of letters by chance, in tokens."""
    generator = torch.Generator().manual_seed(seed)
    letters = torch.randint(len(SPECIAL_TOKENS), len(VOCABULARY), (count, LENGTH), generator=generator)
    return letters.tolist()


def columns(works: list[list[int]]) -> dict[str, torch.Tensor]:
    """Return one row for each work."""
    return {
        "tokens": torch.tensor([[START, *work, END, PAD] for work in works]),
        "places": torch.zeros(len(works), 3, dtype=torch.int64),
        "digests": torch.zeros(len(works), 32, dtype=torch.uint8),
    }


def judge(written: list[list[int]]) -> dict[str, tuple[float, str]]:
    """Return value and grade of each score of what was written."""
    spec = Spec(
        dataset="t", medium="text", channels=1, height=1, width=LENGTH, classes=(), count=30, vocabulary=VOCABULARY
    )
    evidence = Evidence(
        learner=Writer(), card=SimpleNamespace(spec=spec), params=EvaluationParams(metrics=()), seed=1,
        train=columns(texts(20, 1)), held_out={}, test=columns(texts(10, 2)), sequences=written,
    )  # fmt: skip
    assert METRIC.applies(evidence)
    measured = METRIC.measure(evidence)
    grades = {finding.score: finding.grade for finding in measured.findings}
    return {score.name: (round(score.value, 3), grades[score.name]) for score in measured.scores}


def test_shares_by_hand():
    """Of a b a b two of four stood before; a stands in the other work too, b and c in one alone."""
    works = ["abab", "ac"]
    assert share_repeated_within(works).tolist() == [0.5, 0.0]
    assert share_repeated_elsewhere(works).tolist() == [0.5, 0.5]


def test_texts_by_chance_repeat_nothing():
    """Both are good."""
    assert judge(texts(10, 3)) == {"repeated_within": (0.0, "good"), "repeated_elsewhere": (0.0, "good")}


@pytest.mark.parametrize("period", [2, 10])
def test_a_circle_is_found(period):
    """Of 65 passages all but the first `period` stood before."""
    written = [(text[:period] * LENGTH)[:LENGTH] for text in texts(10, 3)]
    assert judge(written)["repeated_within"] == (round(1 - period / 65, 3), "failed")


def test_the_same_text_again_is_found():
    """Each stands in another."""
    assert judge([texts(1, 3)[0]] * 10) == {"repeated_within": (0.0, "good"), "repeated_elsewhere": (1.0, "failed")}


def test_three_texts_tell_nothing():
    """There are too few to compare."""
    assert judge(texts(3, 3)) == {}
