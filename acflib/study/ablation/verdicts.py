"""What may be concluded from a study: intervals, several comparisons at once, equality, and how many seeds it takes.

All by scipy, which comes with ``pip install "acflib[study]"``. Scores of one seed form a pair where both networks
started from the same base network; without pairs Welch's interval holds for two independent groups.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from acflib.errors import ConfigError
from acflib.study.ablation.stats import CONFIDENCE, Interval, mean_interval

try:
    from scipy import stats
except ImportError as error:
    raise ConfigError(f'this needs scipy ({error}): pip install "acflib[study]"') from error

ALPHA = 1 - CONFIDENCE
MOST_SEEDS = 1000
QUANTILES = 4000


@dataclass(frozen=True)
class Comparison:
    """A difference of two rows, tested against 0.

    Attributes:
        name: of the comparison.
        interval: mean and 95 % interval of the differences.
        p: two-sided, Student's t.
        adjusted: the same after Holm's correction over the family; None before.
    """

    name: str
    interval: Interval
    p: float
    adjusted: float | None = None


def unpaired_difference(a: Sequence[float], b: Sequence[float]) -> Interval:
    """mean(a) - mean(b) with Welch's 95 % interval, for groups of unequal variance; ``n`` counts both groups.

    Raises:
        ValueError: a group of fewer than two values.
    """
    if min(len(a), len(b)) < 2:
        raise ValueError(f"both groups need two values at least, they have {len(a)} and {len(b)}")
    interval = stats.ttest_ind(a, b, equal_var=False).confidence_interval(CONFIDENCE)
    return Interval((interval.high + interval.low) / 2, (interval.high - interval.low) / 2, len(a) + len(b))


def compare(name: str, differences: Sequence[float]) -> Comparison:
    """Test paired differences against 0.

    Raises:
        ValueError: fewer than two of them.
    """
    if len(differences) < 2:
        raise ValueError(f"{name}: a test needs two differences at least, there are {len(differences)}")
    interval = mean_interval(differences)
    assert interval is not None  # there are values
    if max(differences) == min(differences):  # no spread, and no t
        return Comparison(name, interval, float(interval.mean == 0))
    return Comparison(name, interval, float(stats.ttest_1samp(differences, 0.0).pvalue))


def holm(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """The same comparisons, each with its p adjusted by Holm's step-down rule over all of them, in the same order.

    The k-th smallest of m p values counts m - k + 1 times, at least as much as the one before it, and 1 at most. The
    chance of even one false finding among those with an adjusted p of 5 % or less is 5 % or less.
    """
    order = sorted(range(len(comparisons)), key=lambda i: comparisons[i].p)
    adjusted, largest = {}, 0.0
    for k, i in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - k) * comparisons[i].p))
        adjusted[i] = largest
    return [Comparison(c.name, c.interval, c.p, adjusted[i]) for i, c in enumerate(comparisons)]


def equivalence_p(differences: Sequence[float], margin: float) -> float:
    """Two one-sided t tests (TOST): p of "the true difference is outside (-margin, margin)"."""
    if max(differences) == min(differences):
        return float(abs(differences[0]) >= margin)
    above = stats.ttest_1samp(differences, -margin, alternative="greater").pvalue
    below = stats.ttest_1samp(differences, margin, alternative="less").pvalue
    return float(max(above, below))


def verdict(comparison: Comparison, differences: Sequence[float], margin: float) -> str:
    """ "shown" (with its sign), "equal" or "not shown", as the plan of the study calls them.

    Args:
        comparison: adjusted by :func:`holm`.
        differences: that it was made from.
        margin: differences below it count for nothing.
    """
    if comparison.adjusted is None:
        raise ValueError(f"{comparison.name}: correct the whole family first, with holm")
    shown = comparison.adjusted <= ALPHA
    equal = equivalence_p(differences, margin) <= ALPHA
    if shown and equal:
        return "shown, but below the margin"
    if shown:
        return "shown: above 0" if comparison.interval.mean > 0 else "shown: below 0"
    return "equal" if equal else "not shown"


def power(effect: float, deviation: float, n: int, alpha: float = ALPHA) -> float:
    """Chance that a two-sided t test of ``n`` differences finds an effect.

    Args:
        effect: true mean of the differences.
        deviation: their true standard deviation, above 0.
        n: number of differences, 2 or more.
        alpha: of the test.
    """
    degrees, shift = n - 1, abs(effect) / deviation * math.sqrt(n)
    t = float(stats.t.ppf(1 - alpha / 2, degrees))
    # Given the standard deviation found, sqrt(q / degrees) with q of chi-square, the mean found is normal. Its mean
    # over the quantiles of q is the noncentral t distribution, which scipy gives as NaN far out.
    q = stats.chi2.ppf((np.arange(QUANTILES) + 0.5) / QUANTILES, degrees)
    edge = t * np.sqrt(q / degrees)
    return float((stats.norm.sf(edge - shift) + stats.norm.cdf(-edge - shift)).mean())


def seeds_for_power(effect: float, deviation: float, wanted: float = 0.9, alpha: float = ALPHA) -> int | None:
    """The fewest differences, 2 or more, with which a t test finds an effect with the chance ``wanted``.

    Returns:
        Their number; None where more than :data:`MOST_SEEDS` would be needed.
    """
    return next((n for n in range(2, MOST_SEEDS + 1) if power(effect, deviation, n, alpha) >= wanted), None)


def deviation_bound(deviation: float, n: int, confidence: float = 0.8) -> float:
    """The true standard deviation is below this with the chance ``confidence``, by the one found in ``n`` values.

    A plan from few pilots should use this, not what they happen to show.
    """
    return deviation * math.sqrt((n - 1) / float(stats.chi2.ppf(1 - confidence, n - 1)))


@dataclass(frozen=True)
class Spread:
    """Standard deviation of a difference of two rows, in pairs and as if they were independent, and their ratio."""

    paired: float
    independent: float

    @property
    def ratio(self) -> float:
        return self.independent / self.paired


def spread(a: Mapping[int, float], b: Mapping[int, float]) -> Spread:
    """How much smaller the spread of a - b is in pairs: sd(a - b) beside sqrt(var(a) + var(b)), of the same seeds.

    Raises:
        ValueError: fewer than two seeds in common.
    """
    seeds = sorted(a.keys() & b.keys())
    if len(seeds) < 2:
        raise ValueError(f"two seeds in common are needed, there are {len(seeds)}")
    first, second = [a[s] for s in seeds], [b[s] for s in seeds]
    differences = [x - y for x, y in zip(first, second, strict=True)]
    return Spread(float(stats.tstd(differences)), math.sqrt(float(stats.tvar(first)) + float(stats.tvar(second))))
