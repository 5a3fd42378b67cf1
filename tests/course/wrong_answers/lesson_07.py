"""Wrong answers to the exercises of lesson 07, and right ones."""

import math
import statistics

import numpy as np

from acflib.study.ablation.stats import t_quantile


def reading(mean, half):
    low, high = mean - half, mean + half
    return "above 0" if low > 0 else "below 0" if high < 0 else "around 0"


def interval(values, t):
    n = len(values)
    mean = values.sum() / n
    deviation = ((values - mean) ** 2).sum().div(n - 1).sqrt()
    return mean, t * deviation / n**0.5


def interval_of_numbers(values, t):
    numbers = values.tolist()
    return statistics.fmean(numbers), t * statistics.stdev(numbers) / math.sqrt(len(numbers))


def gain(new, old):
    gains = [new[seed] - old[seed] for seed in new if seed in old]
    return sum(gains) / len(gains) if gains else None


def in_place(values, t):
    mean = values.mean()
    values -= mean
    return mean, t * (values.square().sum() / (len(values) - 1)).sqrt() / len(values) ** 0.5


def of_distinct(new, old):
    gains = {round(new[seed] - old[seed], 6) for seed in new if seed in old}
    return sum(gains) / len(gains)


def of_true_scores(new, old):
    return mean([new[seed] - old[seed] for seed in new if new.get(seed) and old.get(seed)])


def by_popping(new, old):
    gains = [new.pop(seed) - old[seed] for seed in list(new) if seed in old]
    return sum(gains) / len(gains)


def mean(values):
    return sum(values) / len(values)


def needed(deviation, effect):
    n = 2
    while t_quantile(0.95, n - 1) * deviation / math.sqrt(n) >= effect:
        n += 1
    return n


def needed_with(t):
    def answer(deviation, effect):
        n = 2
        while t(n) * deviation / math.sqrt(n) >= effect:
            n += 1
        return n

    return answer


def from_three(deviation, effect):
    return max(3, needed(deviation, effect))


def up_to_99(deviation, effect):
    for n in range(2, 100):
        if t_quantile(0.95, n - 1) * deviation / math.sqrt(n) < effect:
            return n


def not_larger(deviation, effect):
    return next(n for n in range(2, 2000) if t_quantile(0.95, n - 1) * deviation / math.sqrt(n) <= effect)


ANSWERS = {
    "interval_reading": {
        "right": reading,
        "mistakes": {
            "sign": (lambda m, h: "above 0" if m > 0 else "below 0", "sign of the mean alone"),
            "no below": (lambda m, h: "above 0" if m > h else "around 0", "below 0 is always"),
            "whole width": (lambda m, h: reading(m, 2 * h), "whole width"),
            "exchanged": (lambda m, h: reading(-m, h), "exchanged"),
            "lower end": (lambda m, h: "above 0" if m - h > 0 else "below 0", "holds 0"),
            "a bool": (lambda m, h: abs(m) > h, "returns"),
            "a quarter": (lambda m, h: reading(m, h / 2), "half of `half`"),
            "no sign": (lambda m, h: "above 0" if abs(m) > h else "around 0", "drop the sign"),
            "capital": (lambda m, h: reading(m, h).capitalize(), "written otherwise"),
            "one word": (lambda m, h: reading(m, h).split()[0], "the 0 is missing"),
            "open ends": (
                lambda m, h: "above 0" if m - h >= 0 else "below 0" if m + h <= 0 else "around 0",
                "exactly at 0",
            ),
        },
    },
    "seed_interval": {
        "right": [interval, interval_of_numbers],
        "mistakes": {
            "n": (lambda v, t: (v.mean(), t * v.std(correction=0) / len(v) ** 0.5), "squares by n"),
            "deviation": (lambda v, t: (v.mean(), t * v.std()), "how far one seed lies"),
            "over n": (lambda v, t: (v.mean(), t * v.std() / len(v)), "You divide by n. The standard error"),
            "error": (lambda v, t: (v.mean(), v.std() / len(v) ** 0.5), "Multiply with t"),
            "1.96": (lambda v, t: (v.mean(), 1.96 * v.std() / len(v) ** 0.5), "1.96"),
            "variance": (lambda v, t: (v.mean(), t * v.var() / len(v) ** 0.5), "not its root"),
            "width": (lambda v, t: (v.mean(), 2 * interval(v, t)[1]), "whole width"),
            "ends": (lambda v, t: (v.mean() - interval(v, t)[1], v.mean() + interval(v, t)[1]), "two ends"),
            "half alone": (lambda v, t: interval(v, t)[1], "not a tuple"),
            "root of n - 1": (lambda v, t: (v.mean(), t * v.std() / (len(v) - 1) ** 0.5), "root of n, not"),
            "not divided": (
                lambda v, t: (v.mean(), t * ((v - v.mean()) ** 2).sum().sqrt() / len(v) ** 0.5),
                "not divided by n - 1",
            ),
            "exchanged": (lambda v, t: interval(v, t)[::-1], "two parts are exchanged"),
            "one too much": (lambda v, t: (v.mean() + 1, interval(v, t)[1]), "value 1 of 2 is not right"),
            "median": (lambda v, t: (v.quantile(0.5, interpolation="lower"), interval(v, t)[1]), "is the median"),
            "sum": (lambda v, t: (v.sum(), interval(v, t)[1]), "the mean is not divided by n"),
            "without n and t": (lambda v, t: (v.mean(), v.std()), "without n and t"),
            "times n": (lambda v, t: (v.mean(), t * v.std() * len(v) ** 0.5), "multiply with the root"),
            "half of half": (lambda v, t: (v.mean(), interval(v, t)[1] / 2), "half of half"),
            "no deviation": (lambda v, t: (v.mean(), t / len(v) ** 0.5), "deviation is missing"),
            "range": (lambda v, t: (v.mean(), (v.max() - v.min()) / 2), "half of the range"),
            "distances": (
                lambda v, t: (v.mean(), t * (v - v.mean()).abs().mean() / len(v) ** 0.5),
                "mean of the distances",
            ),
            "five seeds": (lambda v, t: (v.mean(), t * v.std() / 5**0.5), "root of 5"),
            "in place": (in_place, "changes its argument `values`"),
        },
    },
    "paired_gain": {
        "right": gain,
        "mistakes": {
            "of means": (lambda a, b: mean([*a.values()]) - mean([*b.values()]), "over all seeds"),
            "by place": (lambda a, b: mean([x - y for x, y in zip(a.values(), b.values(), strict=False)]), "by place"),
            "sign": (lambda a, b: gain(b, a), "sign is wrong"),
            "zeros": (lambda a, b: mean([a.get(s, 0) - b.get(s, 0) for s in {**a, **b}]), "counts as 0"),
            "sum": (lambda a, b: sum(a[s] - b[s] for s in a if s in b), "sum of the gains"),
            "over new": (lambda a, b: sum(a[s] - b[s] for s in a if s in b) / len(a), "seeds of the new row"),
            "over old": (lambda a, b: sum(a[s] - b[s] for s in a if s in b) / len(b), "seeds of the old row"),
            "raises": (lambda a, b: mean([a[s] - b[s] for s in a]), "raised KeyError"),
            "three pairs": (lambda a, b: sum(a[s] - b[s] for s in a if s in b) / 3, "divide by 3"),
            "distinct gains": (of_distinct, "gain the same"),
            "a score of 0": (of_true_scores, "A score of 0 is a score"),
            "an old score of 0": (lambda a, b: mean([a[s] - b[s] for s in a if b.get(s)]), "A score of 0 is a score"),
            "old as 0": (lambda a, b: mean([a[s] - b.get(s, 0) for s in a]), "of the old row counts as 0"),
            "over all": (lambda a, b: sum(a[s] - b[s] for s in a if s in b) / len({*a, *b}), "number of all seeds"),
            "one pair less": (
                lambda a, b: sum(a[s] - b[s] for s in a if s in b) / (sum(s in b for s in a) - 1),
                "pairs less one",
            ),
            "sorted": (
                lambda a, b: mean([a[x] - b[y] for x, y in zip(sorted(a), sorted(b), strict=False)]),
                "sort both sides",
            ),
            "no signs": (lambda a, b: mean([abs(a[s] - b[s]) for s in a if s in b]), "drop the signs"),
            "middle": (lambda a, b: statistics.median(a[s] - b[s] for s in a if s in b), "median of the gains"),
            "in place": (by_popping, "changes its argument `new`"),
        },
    },
    "seeds_needed": {
        "right": [needed, lambda s, e: np.int64(needed(s, e))],
        "mistakes": {
            "1.96": (needed_with(lambda n: 1.96), "1.96"),
            "degrees": (needed_with(lambda n: t_quantile(0.95, n)), "of n degrees of freedom"),
            "one fewer": (lambda s, e: needed(s, e) - 1, "One seed too few"),
            "one more": (lambda s, e: needed(s, e) + 1, "one seed more"),
            "width": (needed_with(lambda n: 2 * t_quantile(0.95, n - 1)), "whole width"),
            "error": (needed_with(lambda n: 1.0), "t is missing"),
            "root of n - 1": (needed_with(lambda n: t_quantile(0.95, n - 1) * (n / (n - 1)) ** 0.5), "root of n - 1"),
            "over n": (needed_with(lambda n: t_quantile(0.95, n - 1) / n**0.5), "You divide by n"),
            "solved for n": (lambda s, e: math.ceil((1.96 * s / e) ** 2), "1.96"),
            "another number": (lambda s, e: needed(s, e) + 7, "where"),
            "from 3": (from_three, "Two seeds may be enough"),
            "up to 99": (up_to_99, "A small effect needs many seeds"),
            "not larger": (not_larger, "exactly the effect"),
            "a float": (lambda s, e: float(needed(s, e)), "is a float"),
        },
    },
}
