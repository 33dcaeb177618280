"""The number of a verdict has a name, a unit and, where it fell short, its bound."""

from types import SimpleNamespace

import pytest

from artpipe.artifacts.finding_bound import wanted_side
from artpipe.artifacts.report import Finding, Score
from artpipe.tracking.deciding_number import describe_deciding_number


def finding(verdict, value, bound, score="psnr_gain"):
    return Finding(verdict=verdict, score=score, value=value, bound=bound, code="held_out_too_few")


@pytest.mark.parametrize(
    ("verdict", "value", "bound", "side"),
    [
        ("healthy", 0.9, 0.5, "least"),
        ("healthy", 0.1, 0.5, "most"),
        ("under-trained", 0.1, 0.5, "least"),
        ("memorised", 0.9, 0.5, "most"),
        ("healthy", 0.5, 0.5, ""),
    ],
)
def test_the_side_of_a_bound_follows_from_the_verdict(verdict, value, bound, side):
    """What is healthy is on the right side of it, everything else on the wrong one."""
    assert wanted_side(finding(verdict, value, bound)) == side


@pytest.mark.parametrize(
    ("deciding", "text"),
    [
        (finding("undecided", 15, 50, "held_out_works"), "held out works 15, at least 50 asked"),
        (finding("under-trained", -0.5, 0.0), "psnr gain -0.5 dB, at least 0 asked"),
        (finding("healthy", 1.234, 0.0), "psnr gain 1.23 dB"),
        (finding("memorised", 0.4, 0.1, "copies"), "copies 0.4, at most 0.1 allowed"),
    ],
)
def test_a_number_is_told_with_name_unit_and_bound(deciding, text):
    """The unit is that of the score of its name."""
    scores = (Score(name="psnr_gain", value=1.0, n=1, unit="dB"), Score(name="coverage", value=0.2, n=15))
    assert describe_deciding_number(SimpleNamespace(verdict=deciding, scores=scores)) == text
