"""Checks of lesson 07: ablations (what a difference of means over few seeds says)."""

import math
from statistics import fmean, median

import torch
from torch import Tensor

from acflib.course.checks.judge import Answer, Case, Hints, Verdict, judge, random_cases
from acflib.study.ablation import stats
from acflib.study.ablation.stats import CONFIDENCE, half_width, t_quantile

SPREAD = Hints(nan="The standard deviation divides by n - 1; is n a count of seeds, at least 2?")
SAME_GAIN = "Two seeds may gain the same, and both count: a set keeps one of them."


def interval_reading(student: Answer) -> Verdict:
    """Lesson 07, exercise 1. ``student(mean, half)`` -> "above 0", "below 0" or "around 0".

    The interval reaches from mean - half to mean + half.
    """
    mistakes = {
        "You look at the sign of the mean alone. An interval that holds 0 says nothing about the sign.": (
            lambda mean, half: "above 0" if mean > 0 else "below 0"
        ),
        'A mean below 0 is always "around 0" for you. Compare its size: an interval may lie below 0 as a whole.': (
            lambda mean, half: "above 0" if mean > half else "around 0"
        ),
        "You compare the mean with the whole width. The interval is mean - half to mean + half.": (
            lambda mean, half: _reading(mean, 2 * half)
        ),
        "You compare the mean with half of `half`. The interval is mean - half to mean + half.": (
            lambda mean, half: _reading(mean, half / 2)
        ),
        "You drop the sign of the mean. An interval that leaves out 0 lies above it or below it.": (
            lambda mean, half: "above 0" if abs(mean) > half else "around 0"
        ),
        'Right, but written otherwise. Return exactly "above 0", "below 0" or "around 0".': (
            lambda mean, half: _reading(mean, half).capitalize()
        ),
        'Right, but the 0 is missing. Return exactly "above 0", "below 0" or "around 0".': (
            lambda mean, half: _reading(mean, half).removesuffix(" 0")
        ),
        "Above and below are exchanged.": lambda mean, half: _reading(-mean, half),
        'You call an interval that holds 0 "below 0". Its lower end is below 0, its upper end is not.': (
            lambda mean, half: "above 0" if mean - half > 0 else "below 0"
        ),
    }
    cases = [case for group in random_cases(_readings) for case in group]
    demands = {
        "An interval that ends exactly at 0 holds 0: it is around 0 too.": (
            lambda reading: reading(1.0, 1.0) == reading(-1.0, 1.0) == "around 0"
        )
    }
    return judge(student, cases, _reading, mistakes, demands=demands, rubric="interval_reading")


def seed_interval(student: Answer) -> Verdict:
    """Lesson 07, exercise 2. ``student(values, t)`` -> (mean, half of the width of the interval).

    values: float64 (n,), one score a seed; t: the quantile of n - 1 degrees of freedom.
    """

    def with_half(half) -> Answer:
        return lambda values, t: (values.mean(), half(values, t, len(values)))

    right = with_half(lambda v, t, n: t * v.std() / math.sqrt(n))
    mistakes = {
        "You divide the squares by n. The mean was taken from the same values, which makes them look closer: n - 1.": (
            with_half(lambda v, t, n: t * v.std(correction=0) / math.sqrt(n))
        ),
        "This is t times the standard deviation: how far one seed lies from the mean. The mean of n seeds is steadier; "
        "divide by the root of n.": with_half(lambda v, t, n: t * v.std()),
        "This is the standard deviation, without n and t. Half of the width is t times it, divided by the root of n.": (
            with_half(lambda v, t, n: v.std())
        ),
        "You multiply with the root of n. The mean of n seeds is steadier than one of them: divide.": (
            with_half(lambda v, t, n: t * v.std() * math.sqrt(n))
        ),
        "This is half of half: t times the standard error is half of the width already.": (
            with_half(lambda v, t, n: t * v.std() / math.sqrt(n) / 2)
        ),
        "The standard deviation is missing: this is t divided by the root of n.": (
            with_half(lambda v, t, n: torch.tensor(t / math.sqrt(n), dtype=v.dtype))
        ),
        "This is half of the range, from the smallest score to the largest. It grows with every seed; an interval of a "
        "mean shrinks.": with_half(lambda v, t, n: (v.max() - v.min()) / 2),
        "You take the mean of the distances from the mean. The standard deviation squares them first.": (
            with_half(lambda v, t, n: t * (v - v.mean()).abs().mean() / math.sqrt(n))
        ),
        "Half of the width is right, and the mean is not divided by n.": lambda v, t: (v.sum(), right(v, t)[1]),
        "Half of the width is right. The first value is the median and not the mean.": (
            lambda v, t: (v.median(), right(v, t)[1])
        ),
        "You divide by n. The standard error divides the standard deviation by the root of n.": (
            with_half(lambda v, t, n: t * v.std() / n)
        ),
        "This is the standard error. Multiply with t.": with_half(lambda v, t, n: v.std() / math.sqrt(n)),
        "You take 1.96 in place of t. That holds for very many seeds; with few the interval must be wider.": (
            with_half(lambda v, t, n: 1.96 * v.std() / math.sqrt(n))
        ),
        "This is the variance, not its root.": with_half(lambda v, t, n: t * v.var() / math.sqrt(n)),
        "This is the whole width. Return half of it, what stands behind the ±.": (
            with_half(lambda v, t, n: 2 * t * v.std() / math.sqrt(n))
        ),
        "The root of n, not of n - 1: the n - 1 belongs into the standard deviation, and stands there already.": (
            with_half(lambda v, t, n: t * v.std() / math.sqrt(n - 1))
        ),
        "You divide by the root of 5, however many scores there are. Here it is the root of len(values).": (
            with_half(lambda v, t, n: t * v.std() / math.sqrt(5))
        ),
        "The squares are added, but not divided by n - 1.": (
            with_half(lambda v, t, n: t * v.std() * math.sqrt(n - 1) / math.sqrt(n))
        ),
        "The two parts are exchanged: first the mean, then half of the width.": lambda v, t: right(v, t)[::-1],
        "You return the two ends. Return the mean and half of the width.": (
            lambda v, t: (v.mean() - right(v, t)[1], v.mean() + right(v, t)[1])
        ),
    }
    return judge(student, random_cases(_values_case), right, mistakes, hints=SPREAD, rubric="seed_interval")


def paired_gain(student: Answer) -> Verdict:
    """Lesson 07, exercise 3. ``student(new, old)`` -> the mean gain new - old over the seeds that both have.

    new, old: dicts seed -> score, in any order, with other seeds each.
    """

    def sum_of_gains(new: dict, old: dict) -> float:
        return math.fsum(new[seed] - old[seed] for seed in new.keys() & old.keys())

    def right(new: dict, old: dict) -> float:
        return sum_of_gains(new, old) / len(new.keys() & old.keys())

    def by_place(new: dict, old: dict) -> float:
        return fmean(a - b for a, b in zip(new.values(), old.values(), strict=False))

    def zeros(new: dict, old: dict) -> float:
        return fmean(new.get(seed, 0.0) - old.get(seed, 0.0) for seed in new.keys() | old.keys())

    mistakes = {
        "This is the difference of the means over all seeds. A seed that one side lacks must not count.": (
            lambda new, old: fmean(new.values()) - fmean(old.values())
        ),
        "You pair by place. The dicts are in any order: pair the scores of one seed.": by_place,
        "The sign is wrong: a gain is new - old.": lambda new, old: -right(new, old),
        "A missing score counts as 0. Leave out seeds that one side lacks.": zeros,
        "This is the sum of the gains. Divide by their number.": sum_of_gains,
        "You divide by the number of seeds of the new row. Divide by the number of pairs.": (
            lambda new, old: sum_of_gains(new, old) / len(new)
        ),
        "You divide by the number of seeds of the old row. Divide by the number of pairs.": (
            lambda new, old: sum_of_gains(new, old) / len(old)
        ),
        "A missing score of the old row counts as 0. Leave out seeds that one side lacks.": (
            lambda new, old: fmean(new[seed] - old.get(seed, 0.0) for seed in new)
        ),
        "You divide by the number of all seeds. Divide by the number of pairs.": (
            lambda new, old: sum_of_gains(new, old) / len(new.keys() | old.keys())
        ),
        "You divide by the number of pairs less one. That belongs to a standard deviation; this is a mean.": (
            lambda new, old: sum_of_gains(new, old) / (len(new.keys() & old.keys()) - 1)
        ),
        "You sort both sides and pair by place. Where one side lacks a seed, that pairs scores of two seeds.": (
            lambda new, old: fmean(new[a] - old[b] for a, b in zip(sorted(new), sorted(old), strict=False))
        ),
        "You drop the signs of the gains. A loss counts as a loss.": (
            lambda new, old: fmean(abs(new[seed] - old[seed]) for seed in new.keys() & old.keys())
        ),
        "This is the median of the gains. Asked is their mean.": (
            lambda new, old: median(new[seed] - old[seed] for seed in new.keys() & old.keys())
        ),
        "You divide by 3, however many pairs there are.": lambda new, old: sum_of_gains(new, old) / 3,
        SAME_GAIN: lambda new, old: fmean({round(new[seed] - old[seed], 6) for seed in new.keys() & old.keys()}),
    }
    cases = [case for drawn in random_cases(_pairs_cases, count=1) for case in drawn]
    corners = {
        SAME_GAIN: ({1: 61.0, 2: 62.0, 3: 65.0}, {1: 60.0, 2: 61.0, 3: 61.0}),
        "A score of 0 is a score: ask whether the seed is in the dict.": (
            {1: 3.0, 2: 0.0, 3: 5.0},
            {1: 2.0, 2: 4.0, 3: 0.0},
        ),
    }
    return judge(student, cases, right, mistakes, corners=corners, rubric="paired_gain")


def seeds_needed(student: Answer) -> Verdict:
    """Lesson 07, exercise 4. ``student(deviation, effect)`` -> the fewest seeds (2 or more) that show the effect.

    With n pairs, half of the interval is t(n - 1) * deviation / sqrt(n); it must be smaller than the effect.
    """

    def fewest(half) -> Answer:
        return lambda s, effect: next(n for n in range(2, 1000) if half(n, s) < effect)

    exact = fewest(lambda n, s: half_width(s, n))

    mistakes = {
        "You take 1.96 in place of t. With few seeds t is much larger: 4.30 for three.": (
            fewest(lambda n, s: 1.96 * s / math.sqrt(n))
        ),
        "You take the t of n degrees of freedom. n seeds have n - 1.": (
            fewest(lambda n, s: t_quantile(CONFIDENCE, n) * s / math.sqrt(n))
        ),
        "One seed too few. Do you return the degrees of freedom, or the last n that is not enough?": (
            lambda s, effect: exact(s, effect) - 1
        ),
        "You return one seed more than needed. The first n whose half width is smaller than the effect is enough.": (
            lambda s, effect: exact(s, effect) + 1
        ),
        "You compare the whole width with the effect. The interval reaches half of it to each side.": (
            fewest(lambda n, s: 2 * half_width(s, n))
        ),
        "The t is missing: this is the standard error alone.": fewest(lambda n, s: s / math.sqrt(n)),
        "You divide by the root of n - 1. Degrees of freedom choose the t; the root is that of n.": (
            fewest(lambda n, s: t_quantile(CONFIDENCE, n - 1) * s / math.sqrt(n - 1))
        ),
        "You divide by n. The standard error has the root of n.": (
            fewest(lambda n, s: t_quantile(CONFIDENCE, n - 1) * s / n)
        ),
        "(1.96 * deviation / effect) squared is too few: t is larger than 1.96 and depends on n. Search for n.": (
            lambda s, effect: math.ceil((1.96 * s / effect) ** 2)
        ),
    }
    cases = [case for drawn in random_cases(_needed_cases, count=2) for case in drawn]
    corners = {
        "Two seeds may be enough: half of their interval is 8.98 here.": (1.0, 9.5),
        "A small effect needs many seeds: search on until one n is enough.": (2.0, 0.3),
        "With 4 seeds half of the interval is exactly the effect here, and it must be smaller: one seed more.": (
            (2.0, t_quantile(CONFIDENCE, 3))
        ),
    }
    return judge(student, cases, stats.seeds_needed, mistakes, corners=corners, rubric="seeds_needed")


# ---- random inputs


def _reading(mean: float, half: float) -> str:
    if abs(mean) <= half:
        return "around 0"
    return "above 0" if mean > 0 else "below 0"


def _uniform(random: torch.Generator, low: float, high: float) -> float:
    return low + (high - low) * torch.rand((), generator=random, dtype=torch.float64).item()


def _readings(random: torch.Generator) -> list[Case]:
    """Clear ones, between half and the whole width from 0, and doubts on both sides: near 0, and not so near."""
    half = _uniform(random, 0.5, 2.0)
    bounds = (1.2, 1.8), (0.6, 0.8), (0.2, 0.4)
    clear, doubt, near = (round(half * _uniform(random, *pair), 2) for pair in bounds)  # numbers that one can read
    return [(mean, round(half, 2)) for mean in (clear, -clear, doubt, -near)]


def _values_case(random: torch.Generator) -> Case:
    n = (3, 4, 6, 7, 8)[int(torch.randint(5, (), generator=random))]  # with 5 two mistakes give the same number
    values: Tensor = 60 + 3 * torch.randn(n, generator=random, dtype=torch.float64)
    return values, t_quantile(CONFIDENCE, n - 1)


def _pairs_cases(random: torch.Generator) -> list[Case]:
    """Two, three and four seeds that both sides have, among others, in two orders that differ at every place."""
    cases = []
    for pairs in ((3, 2), (3, 2, 1), (3, 2, 1, 6)):
        first = int(torch.randint(0, 20, (), generator=random))
        scores = 60 + 5 * torch.rand(2, 7, generator=random, dtype=torch.float64)
        scores[0] += 1 + torch.arange(7)  # every seed gains another amount
        new = {first + k: round(scores[0, k].item(), 2) for k in (0, *pairs, 5)}
        old = {first + k: round(scores[1, k].item(), 2) for k in (*pairs[::-1], 4)}
        cases.append((new, old))
    return cases


def _needed_cases(random: torch.Generator) -> list[Case]:
    """An effect that n - 1 seeds just fail to show, and one that n seeds just show."""
    n, deviation = int(torch.randint(4, 10, (), generator=random)), round(_uniform(random, 0.5, 3.0), 2)
    half = [half_width(deviation, m) for m in (n - 1, n)]
    return [(deviation, round(0.995 * half[0], 4)), (deviation, round(1.005 * half[1], 4))]
