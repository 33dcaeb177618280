"""The learning rate at values known by hand."""

import pytest

from artpipe.numerics.learning_rate_schedule import scheduled_rate


@pytest.mark.parametrize(
    ("step", "rate"),
    [(0, 0.25), (1, 0.5), (3, 1.0), (4, 1.0), (8, 0.55), (12, 0.1), (50, 0.1)],
)
def test_it_rises_and_falls(step, rate):
    """Four steps of warm-up, a cosine to a tenth over eight more, and then it stays."""
    assert scheduled_rate(1.0, step, 12, warmup_steps=4, final_share=0.1) == pytest.approx(rate)


def test_it_stays_where_nothing_else_is_asked():
    """Without warm-up and with a share of one every step has the same."""
    assert {scheduled_rate(0.3, step, 10) for step in range(12)} == {0.3}
