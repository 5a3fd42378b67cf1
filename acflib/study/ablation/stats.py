"""Means over seeds with 95 % confidence intervals (Student's t), and differences in pairs."""

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

CONFIDENCE = 0.95
MANY_SEEDS = 1000


@dataclass(frozen=True)
class Interval:
    """A mean and half of the width of its 95 % confidence interval; None for one value, which has no interval."""

    mean: float
    half: float | None
    n: int

    @property
    def excludes_zero(self) -> bool:
        """Whether all of the interval lies on one side of 0; False without an interval."""
        return self.half is not None and abs(self.mean) > self.half

    @property
    def seeds_needed(self) -> int | None:
        """:func:`seeds_needed` for the mean and the standard deviation found here; None for one value, which has none.

        A plan for the next experiment, not a result: the mean found is itself uncertain.
        """
        if self.half is None:
            return None
        return seeds_needed(self.half / half_width(1.0, self.n), self.mean)


def mean_interval(values: Sequence[float]) -> Interval | None:
    """mean +- t * s / sqrt(n), with s the standard deviation of the sample (n - 1) and t of n - 1 degrees of freedom.

    The interval holds for independent values that are normally distributed. None for no values.
    """
    n = len(values)
    if n == 0:
        return None
    mean = math.fsum(values) / n
    if n == 1:
        return Interval(mean, None, 1)
    deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (n - 1))
    return Interval(mean, half_width(deviation, n), n)


def half_width(deviation: float, n: int) -> float:
    """Half of the interval of ``n`` values with this standard deviation: t(n - 1) * deviation / sqrt(n)."""
    return t_quantile(CONFIDENCE, n - 1) * deviation / math.sqrt(n)


def seeds_needed(deviation: float, effect: float) -> int | None:
    """The fewest values, 2 or more, whose interval is narrower on each side than ``effect`` is from 0.

    Args:
        deviation: standard deviation of one value.
        effect: the mean to be told from 0; its sign does not matter.

    Returns:
        Their number; None where more than :data:`MANY_SEEDS` would be needed.
    """
    return next((n for n in range(2, MANY_SEEDS + 1) if half_width(deviation, n) < abs(effect)), None)


def paired_difference(a: Mapping[int, float], b: Mapping[int, float]) -> Interval | None:
    """The mean of a - b over the seeds that both have, with its interval: seed by seed, not mean by mean.

    Args:
        a, b: seed -> score.
    """
    return mean_interval([a[seed] - b[seed] for seed in sorted(a.keys() & b.keys())])


@functools.lru_cache(maxsize=4096)  # searches for a number of seeds ask for the same ones again and again
def t_quantile(confidence: float, degrees: int) -> float:
    """The t for which a Student variable lies in [-t, t] with the probability ``confidence``, by bisection.

    Args:
        confidence: in (0, 1).
        degrees: of freedom, at least 1.

    Raises:
        ValueError: a value out of range.
    """
    if not 0 < confidence < 1 or degrees < 1:
        raise ValueError(f"confidence must be in (0, 1) and degrees at least 1, got {confidence} and {degrees}")
    low, high = 0.0, 1.0
    while t_probability(high, degrees) < confidence:
        high *= 2
    while True:
        middle = (low + high) / 2
        if middle in (low, high):  # as near as floats can be
            return middle
        low, high = (middle, high) if t_probability(middle, degrees) < confidence else (low, middle)


def t_probability(t: float, degrees: int) -> float:
    """The probability that a Student variable lies in [-t, t], t >= 0: a finite sum for whole degrees of freedom.

    Abramowitz and Stegun, Handbook of Mathematical Functions, 26.7.3 (odd) and 26.7.4 (even).
    """
    angle = math.atan(t / math.sqrt(degrees))
    odd = degrees % 2
    term = math.cos(angle) if odd else 1.0
    total = term if degrees > 1 else 0.0
    for k in range(2 + odd, degrees - 1, 2):
        term *= (k - 1) / k * math.cos(angle) ** 2
        total += term
    return 2 / math.pi * (angle + math.sin(angle) * total) if odd else math.sin(angle) * total
