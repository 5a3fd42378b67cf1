"""Intervals and paired differences, against SciPy and by hand."""

import math

import numpy as np
import pytest
from scipy import stats

from acflib.study.ablation.stats import Interval, mean_interval, paired_difference, t_probability, t_quantile


@pytest.mark.parametrize("degrees", [1, 2, 3, 4, 5, 6, 9, 10, 29, 30, 101, 250])
@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.95, 0.999])
def test_quantile_is_that_of_scipy(degrees, confidence):
    assert t_quantile(confidence, degrees) == pytest.approx(stats.t.ppf((1 + confidence) / 2, degrees), rel=1e-9)


def test_quantiles_of_the_printed_tables():
    """Two-sided 95 %, as every textbook prints them."""
    printed = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 10: 2.228, 30: 2.042}
    for degrees, value in printed.items():
        assert t_quantile(0.95, degrees) == pytest.approx(value, abs=5e-4)


@pytest.mark.parametrize("degrees", [1, 2, 3, 8])
def test_probability_runs_from_zero_to_one(degrees):
    assert t_probability(0.0, degrees) == 0
    assert t_probability(1e9, degrees) == pytest.approx(1)
    assert t_probability(1.7, degrees) == pytest.approx(2 * stats.t.cdf(1.7, degrees) - 1)


@pytest.mark.parametrize(("confidence", "degrees"), [(0.0, 3), (1.0, 3), (0.95, 0)])
def test_quantile_refuses_what_has_none(confidence, degrees):
    with pytest.raises(ValueError, match="confidence must be"):
        t_quantile(confidence, degrees)


def test_interval_is_that_of_scipy():
    values = np.random.default_rng(0).normal(70, 2, 7).tolist()
    found = mean_interval(values)
    low, high = stats.t.interval(0.95, 6, np.mean(values), stats.sem(values))
    assert (found.mean - found.half, found.mean + found.half) == pytest.approx((low, high))
    assert found.n == 7


def test_one_value_has_no_interval_and_none_has_no_mean():
    assert mean_interval([70.5]) == Interval(70.5, None, 1)
    assert mean_interval([]) is None
    assert not Interval(5.0, None, 1).excludes_zero


def test_equal_values_have_an_interval_of_no_width():
    assert mean_interval([3.0, 3.0, 3.0]) == Interval(3.0, 0.0, 3)


def test_difference_is_taken_in_pairs_of_one_seed():
    """By hand: 2, 1 and 3 have mean 2 and standard deviation 1; seeds 3 and 9 have no partner."""
    found = paired_difference({0: 72.0, 1: 72.0, 2: 75.0, 3: 90.0}, {2: 72.0, 1: 71.0, 0: 70.0, 9: 1.0})
    assert (found.mean, found.n) == (2.0, 3)
    assert found.half == pytest.approx(4.302652729911275 / math.sqrt(3))
    assert not found.excludes_zero
    assert paired_difference({0: 1.0}, {1: 1.0}) is None


@pytest.mark.parametrize(("mean", "half", "excludes"), [(1.0, 0.9, True), (-1.0, 0.9, True), (1.0, 1.1, False)])
def test_excludes_zero(mean, half, excludes):
    assert Interval(mean, half, 3).excludes_zero is excludes


def test_seeds_needed_for_an_interval_without_zero():
    """Two pairs, 0 and 2: mean 1, s = sqrt(2). By SciPy, n = 11 leaves 0 out and n = 10 does not."""
    found = mean_interval([0.0, 2.0])
    half = {n: stats.t.ppf(0.975, n - 1) * math.sqrt(2) / math.sqrt(n) for n in (10, 11)}
    assert half[10] > 1 > half[11]
    assert found.seeds_needed == 11
    assert mean_interval([-2.0, 0.0]).seeds_needed == 11
    assert mean_interval([5.0, 5.0, 5.0]).seeds_needed == 2


def test_seeds_needed_is_none_where_nothing_can_be_said():
    assert mean_interval([1.0]).seeds_needed is None
    assert mean_interval([-1.0, 1.0]).seeds_needed is None  # a mean of 0 is never told from 0
    assert mean_interval([-1.0, 1.01]).seeds_needed is None
