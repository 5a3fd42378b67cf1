"""Statistics of the study against published examples, other software and simulation."""

import math

import numpy as np
import pytest
from scipy import stats

from acflib.study.ablation.stats import mean_interval
from acflib.study.ablation.verdicts import (
    Comparison,
    compare,
    deviation_bound,
    equivalence_p,
    holm,
    power,
    seeds_for_power,
    spread,
    unpaired_difference,
    verdict,
)


def test_welch_interval_by_its_formula():
    """Welch (1947): t * sqrt(va/na + vb/nb), with the Welch-Satterthwaite degrees of freedom."""
    a, b = [27.5, 21.0, 19.0, 23.6, 17.0, 17.9], [27.1, 22.0, 20.8, 23.4]
    va, vb = np.var(a, ddof=1) / len(a), np.var(b, ddof=1) / len(b)
    degrees = (va + vb) ** 2 / (va**2 / (len(a) - 1) + vb**2 / (len(b) - 1))
    found = unpaired_difference(a, b)
    assert found.mean == pytest.approx(np.mean(a) - np.mean(b))
    assert found.half == pytest.approx(stats.t.ppf(0.975, degrees) * math.sqrt(va + vb))
    assert found.n == 10


def test_sleep_data_of_student():
    """Student (1908), as in the help of R's t.test: paired t = -4.0621, 9 degrees of freedom, p = 0.002833; the two
    groups as independent ones give the interval -3.3654832 to 0.2054832 (Welch)."""
    first = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
    second = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]
    found = compare("sleep", [x - y for x, y in zip(first, second, strict=True)])
    assert found.p == pytest.approx(0.002833, abs=5e-7)
    assert found.interval.mean == pytest.approx(-1.58)
    assert found.interval.mean - found.interval.half == pytest.approx(-2.4598858, abs=1e-6)
    welch = unpaired_difference(first, second)
    assert welch.mean - welch.half == pytest.approx(-3.3654832, abs=1e-6)
    assert welch.mean + welch.half == pytest.approx(0.2054832, abs=1e-6)


def comparisons(*ps):
    return [Comparison(str(i), mean_interval([1.0, 2.0]), p) for i, p in enumerate(ps)]


def test_holm_by_hand():
    """R: p.adjust(c(0.04, 0.01, 0.03, 0.005), "holm") is 0.06 0.03 0.06 0.02."""
    found = [c.adjusted for c in holm(comparisons(0.04, 0.01, 0.03, 0.005))]
    assert found == pytest.approx([0.06, 0.03, 0.06, 0.02])
    assert [c.name for c in holm(comparisons(0.2, 0.1))] == ["0", "1"]
    assert [c.adjusted for c in holm(comparisons(0.9, 0.8))] == [1.0, 1.0]
    assert holm([]) == []


def test_holm_keeps_its_promise_where_nothing_is_true():
    """Of 2000 families of six comparisons without any effect, about 5 % have a false finding, not 26 %."""
    rng = np.random.default_rng(0)
    found = [min(c.adjusted for c in holm(comparisons(*rng.random(6)))) <= 0.05 for _ in range(2000)]
    assert np.mean(found) == pytest.approx(0.05, abs=0.02)  # four standard errors


@pytest.mark.parametrize(("effect", "n", "expected"), [(0.5, 34, 0.8077), (0.8, 15, 0.8213), (1.0, 13, 0.9114)])
def test_power_is_that_of_the_printed_tables(effect, n, expected):
    """G*Power 3.1, two-sided t test against a constant, alpha = 5 %."""
    assert power(effect, 1.0, n) == pytest.approx(expected, abs=2e-3)
    assert power(2 * effect, 2.0, n) == pytest.approx(power(effect, 1.0, n))
    assert power(-effect, 1.0, n) == pytest.approx(power(effect, 1.0, n))


def test_power_is_a_probability_everywhere_and_that_of_the_noncentral_t():
    for n in (2, 3, 6, 8, 30):
        for effect in (0.0, 0.3, 2.0, 10.0):
            for alpha in (0.05, 0.05 / 19):
                found, t = power(effect, 1.0, n, alpha), stats.t.ppf(1 - alpha / 2, n - 1)
                shift = effect * math.sqrt(n)
                expected = stats.nct.sf(t, n - 1, shift) + stats.nct.cdf(-t, n - 1, shift)
                assert 0.99 * alpha <= found <= 1 + 1e-9
                assert math.isnan(expected) or found == pytest.approx(expected, abs=1e-4)


def test_power_by_simulation():
    rng = np.random.default_rng(0)
    samples = 0.6 + 0.4 * rng.standard_normal((4000, 5))
    found = np.mean(stats.ttest_1samp(samples, 0.0, axis=1).pvalue <= 0.05)
    assert power(0.6, 0.4, 5) == pytest.approx(found, abs=0.03)
    assert power(1e-9, 1.0, 6) == pytest.approx(0.05, abs=1e-4)


def test_seeds_for_power():
    assert seeds_for_power(0.5, 1.0, 0.8) == 34  # the common example: d = 0.5 needs 34 pairs
    for wanted in (0.8, 0.9):
        n = seeds_for_power(0.6, 0.4, wanted)
        assert power(0.6, 0.4, n) >= wanted > power(0.6, 0.4, n - 1)
    assert seeds_for_power(0.001, 1.0) is None


def test_bound_of_a_deviation_holds_as_often_as_it_says():
    rng = np.random.default_rng(1)
    found = [deviation_bound(np.std(rng.standard_normal(5), ddof=1), 5) > 1 for _ in range(4000)]
    assert np.mean(found) == pytest.approx(0.8, abs=0.025)


def test_equivalence_is_the_90_percent_interval_inside_the_margin():
    values = [0.05, -0.1, 0.12, 0.0, -0.04, 0.08]
    half = stats.t.ppf(0.95, 5) * np.std(values, ddof=1) / math.sqrt(6)
    edge = abs(np.mean(values)) + half
    assert equivalence_p(values, edge * 1.001) < 0.05 < equivalence_p(values, edge * 0.999)


@pytest.mark.parametrize(
    ("differences", "expected"),
    [
        ([0.9, 1.0, 1.1, 1.0], "shown: above 0"),
        ([-0.9, -1.0, -1.1, -1.0], "shown: below 0"),
        ([0.1, -0.1, 0.05, -0.05], "equal"),
        ([2.0, -2.0, 1.0, -1.5], "not shown"),
        ([1.0, 1.0, 1.0], "shown: above 0"),  # no spread at all, as between two rows that are the same
        ([0.0, 0.0, 0.0], "equal"),
        ([0.10, 0.11, 0.09, 0.10], "shown, but below the margin"),
    ],
)
def test_verdicts(differences, expected):
    (comparison,) = holm([compare("a - b", differences)])
    assert verdict(comparison, differences, margin=0.3) == expected


def test_a_verdict_needs_the_correction():
    with pytest.raises(ValueError, match="correct the whole family first"):
        verdict(compare("a - b", [1.0, 2.0]), [1.0, 2.0], 0.3)


def test_spread_of_pairs_with_a_known_correlation():
    """Two rows of equal variance and correlation 0.96: the pairs spread sqrt(1 / (1 - 0.96)) = 5 times less."""
    rng = np.random.default_rng(2)
    common, own = rng.standard_normal(20_000), rng.standard_normal((2, 20_000))
    a, b = (dict(enumerate(0.96**0.5 * common + 0.04**0.5 * values)) for values in own)
    assert spread(a, b).ratio == pytest.approx(5, rel=0.03)
    assert spread({0: 1.0, 1: 2.0, 2: 9.0}, {0: 0.0, 1: 2.0}).paired == pytest.approx(math.sqrt(0.5))


@pytest.mark.parametrize(
    "call",
    [lambda: compare("x", [1.0]), lambda: unpaired_difference([1.0], [1.0, 2.0]), lambda: spread({0: 1.0}, {0: 1.0})],
)
def test_too_few_values(call):
    with pytest.raises(ValueError, match="two"):
        call()
