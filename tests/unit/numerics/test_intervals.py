"""Intervals against values of the textbooks and of scipy, and how often they hold the truth."""

import math

import pytest
import torch
from scipy import stats

from artpipe.metrics.fid import fid
from artpipe.numerics.entropy_interval import entropy, entropy_interval
from artpipe.numerics.half_samples import measure_halves, measure_opposite_halves
from artpipe.numerics.intervals import (
    Interval,
    difference_interval,
    mean_interval,
    positive_mean_interval,
    quotient_interval,
    ratio_interval,
    share_interval,
    t_quantile,
)
from artpipe.numerics.kernel_distance import kernel_distance
from artpipe.numerics.kernel_interval import kernel_distance_interval


@pytest.mark.parametrize(("hits", "count"), [(0, 10), (37, 57), (57, 57), (1, 2)])
def test_a_share_has_wilson_s_interval(hits, count):
    """That of scipy."""
    truth = stats.binomtest(hits, count).proportion_ci(method="wilson")
    assert share_interval(hits / count, count) == pytest.approx((truth.low, truth.high), abs=1e-6)


def test_works_that_depend_on_each_other_count_less():
    """Twice the variance of a binomial share is half the works."""
    assert share_interval(0.4, 100, variance=2 * 0.4 * 0.6 / 100) == pytest.approx(share_interval(0.4, 50))


@pytest.mark.parametrize("freedom", [1, 2, 3, 5, 10, 39, 1000])
def test_t_is_student_s(freedom):
    """Within 2 % of scipy's quantile."""
    assert t_quantile(freedom) == pytest.approx(stats.t.ppf(0.975, freedom), rel=0.02)


def test_a_mean_has_student_s_interval():
    """That of scipy; one work has none."""
    values = torch.tensor([1.0, 2.0, 4.0, 8.0, 3.0, 5.0])
    truth = stats.t.interval(0.95, 5, loc=values.mean(), scale=stats.sem(values))
    assert mean_interval(values) == pytest.approx(truth, rel=0.01)
    assert mean_interval(values[:1]) is None


def test_a_ratio_of_sums_is_certain_where_every_work_has_it():
    """Works of different sizes and one rate leave no doubt; a mean by a mean neither."""
    sizes = torch.tensor([1.0, 5.0, 9.0])
    assert ratio_interval(3 * sizes, sizes) == pytest.approx((3.0, 3.0))
    assert quotient_interval(torch.full((4,), 6.0), torch.full((3,), 2.0)) == pytest.approx((3.0, 3.0))


def test_a_difference_by_hand():
    """Of 0.7 (0.6 to 0.9) and 0.5 (0.4 to 0.55): 0.2 less sqrt(0.1^2 + 0.05^2), more sqrt(0.2^2 + 0.1^2)."""
    found = difference_interval(0.7, Interval(0.6, 0.9), 0.5, Interval(0.4, 0.55))
    assert found == pytest.approx((0.2 - math.sqrt(0.0125), 0.2 + math.sqrt(0.05)))


def test_halves_scatter_as_the_mean_does():
    """The deviation of the mean of 200 numbers is 1 / sqrt 200, and halves tell it within a third."""
    numbers = torch.randn(200, generator=torch.Generator().manual_seed(1))
    halves = measure_halves(lambda rows, _: numbers[rows].mean(), 200, 200, seed=1, rounds=200)
    assert halves.deviation() == pytest.approx(200**-0.5, rel=0.33)
    assert measure_halves(lambda rows, _: numbers[rows].mean(), 9, 200, seed=1) is None


@pytest.mark.parametrize("shift", [0.0, 1.0])
def test_the_interval_of_kid_holds_the_truth(shift):
    """In nine of ten draws at least, where the sets are alike as well as where they are apart."""
    generator = torch.Generator().manual_seed(1)
    pairs = [
        (torch.randn(40, 6, generator=generator), torch.randn(60, 6, generator=generator) + shift) for _ in range(60)
    ]
    values = [kernel_distance(*pair) for pair in pairs]
    truth = sum(values) / len(values)
    held = [kernel_distance_interval(*pair, value).contains(truth) for pair, value in zip(pairs, values, strict=True)]
    assert sum(held) / len(held) >= 0.88


def test_opposite_halves_scatter_as_a_mean_does():
    """Half the difference of their means deviates as the mean of all; none of a size that both have."""
    values = torch.randn(400, generator=torch.Generator().manual_seed(1)).double()
    halves = measure_opposite_halves(lambda rows, _: values[rows].mean() + 7 / len(rows), 400, 400, 1, pairs=400)
    assert halves.deviation() == pytest.approx(float(values.std()) / 400**0.5, rel=0.1)
    assert float(halves.values.mean()) == pytest.approx(float(values.mean()) + 7 / 200, abs=1e-9)
    assert halves.interval(3.0) == pytest.approx(
        (3 - t_quantile(400) * halves.deviation(), 3 + t_quantile(400) * halves.deviation())
    )
    assert measure_opposite_halves(lambda rows, _: values[rows].mean(), 9, 400, 1) is None


def test_the_mean_of_positive_numbers_stays_positive():
    """Of 0.01, 0.02 and 0.3 Student's interval goes below zero, the other does not, and is even in its logarithm."""
    values = torch.tensor([0.01, 0.02, 0.3])
    low, high = positive_mean_interval(values)
    assert mean_interval(values).low < 0 < low < 0.11 < high
    assert low * high == pytest.approx(0.11**2, rel=1e-6)
    assert positive_mean_interval(torch.zeros(3)) == (0.0, 0.0)
    assert positive_mean_interval(torch.ones(1)) is None


@pytest.mark.parametrize("weights", [torch.ones(10), torch.ones(2), torch.arange(1.0, 11.0), torch.tensor([0.9, 0.1])])
def test_the_interval_of_an_entropy_holds_the_truth(weights):
    """In 93 to 97 of 100 draws, give or take what chance does to 500 of them; halves held 100 where classes are even."""
    generator = torch.Generator().manual_seed(1)
    draws = [torch.multinomial(weights, 200, replacement=True, generator=generator) for _ in range(500)]
    counts = [torch.bincount(draw, minlength=len(weights)) for draw in draws]
    truth = sum(map(entropy, counts)) / len(counts)
    held = sum(entropy_interval(each).contains(truth) for each in counts) / len(counts)
    assert 0.91 <= held <= 0.985
    assert all(entropy_interval(each).contains(entropy(each)) for each in counts)


def test_an_entropy_without_works_or_classes_has_no_interval():
    """None of no works or of one class; of fifty works of one class a narrow one above 0."""
    assert entropy_interval(torch.zeros(3, dtype=torch.long)) is None
    assert entropy_interval(torch.tensor([9])) is None
    low, high = entropy_interval(torch.tensor([50, 0, 0]))
    assert 0 <= low <= high < 0.2


def test_the_interval_of_fid_holds_the_truth():
    """Of 60 works and of 60 of a model, in 93 to 97 of 100 draws, give or take what chance does to 150 of them."""
    generator = torch.Generator().manual_seed(1)
    sets = [
        (torch.randn(60, 8, generator=generator), 1.2 * torch.randn(60, 8, generator=generator)) for _ in range(150)
    ]
    found = []
    for real, generated in sets:
        value = fid(generated, real)
        halves = measure_opposite_halves(
            lambda rows, columns, real=real, generated=generated: torch.tensor(fid(generated[columns], real[rows])),
            60, 60, 1, 10,
        )  # fmt: skip
        found.append((value, halves.interval(value).clamp(0.0)))
    truth = sum(value for value, _ in found) / len(found)
    assert 0.9 <= sum(interval.contains(truth) for _, interval in found) / len(found) <= 0.99
