"""Exercises of lesson 14: the what-if laboratory."""

import torch
from torch import Tensor

from acflib.course.checks.judge import Answer, Case, Hints, Verdict, distinct_sizes, judge, random_cases

SHARES = Hints(
    nan="A pixel that belongs to no class has the sum 0: it stays 0, it is not 0 / 0.",
    swapped="Height and width are swapped.",
    whole="probabilities are floats.",
)


def tempered(student: Answer) -> Verdict:
    """Lesson 14, exercise 1: ``student(probabilities, temperature)`` -> P^(1/T), the classes of a pixel summing to 1.

    probabilities (N, h, w), all above 0.
    """
    mistakes = {
        "The classes of a pixel no longer sum to 1. Divide by their sum.": lambda p, t: p ** (1 / t),
        "You take the power T. It is 1/T: a temperature above 1 must flatten.": lambda p, t: _to_one(p**t),
        "You divide by T, and then by the sum: T goes away, P comes back. Take the power 1/T.": lambda p, t: _to_one(
            p / t
        ),
        "You divide by T alone. Take the power 1/T, then let the classes sum to 1.": lambda p, t: p / t,
        "You take the softmax of P / T. P is a softmax already; take that of log(P) / T, or the power 1/T.": (
            lambda p, t: (p / t).softmax(0)
        ),
        "You divide by the sum over the pixels. Each pixel shares its 1 among the classes: sum over dim 0.": (
            lambda p, t: p ** (1 / t) / (p ** (1 / t)).sum((1, 2), keepdim=True)
        ),
        "You divide by the sum over one axis of the picture (dim 1). The classes are dim 0.": (
            lambda p, t: p ** (1 / t) / (p ** (1 / t)).sum(1, keepdim=True)
        ),
    }
    cases = random_cases(_temperature_case)
    corners = {
        "A probability may be very small, as in the map of a network. Take it as it is.": (
            _nearly_none(cases[0][0]),
            3.0,
        )
    }
    return judge(
        student,
        cases,
        lambda p, t: _to_one(p ** (1 / t)),
        mistakes,
        corners=corners,
        hints=SHARES,
        rubric="tempered",
    )


def without_class(student: Answer) -> Verdict:
    """Lesson 14, exercise 2: ``student(probabilities, label)`` -> P without one class, (N, h, w).

    The others of each pixel keep their ratios and sum to 1; a pixel that was this class alone belongs to nothing, 0.
    """
    mistakes = {
        "The other classes do not sum to 1. Divide by what is left.": lambda p, i: _gone(p, i),
        "You give what the class had to the others in equal parts. They must keep their ratios: divide by their sum.": (
            _equal_parts
        ),
        "You divide by the sum over the pixels. Each pixel shares its 1 among the classes: sum over dim 0.": (
            lambda p, i: _gone(p, i) / _gone(p, i).sum((1, 2), keepdim=True).clamp_min(1e-300)
        ),
        "You take the softmax of what is left. These are probabilities already: divide by their sum.": (
            lambda p, i: _gone(p, i).softmax(0)
        ),
        "What the class had goes to the most likely other class. They must keep their ratios.": _to_the_largest,
        "A pixel that was this class alone is shared among the others. Nothing is known of it: it must stay 0.": (
            lambda p, i: _nothing_to_all(p, i)
        ),
        "The whole map is 0 where one pixel was this class alone. Only that pixel stays 0: ask pixel by pixel.": (
            lambda p, i: torch.zeros_like(p) if (p[i] == 1).any() else _to_one(_gone(p, i))
        ),
        "Nothing is divided where one pixel was this class alone. The other pixels still share: ask pixel by pixel.": (
            lambda p, i: _gone(p, i) if (p[i] == 1).any() else _to_one(_gone(p, i))
        ),
    }
    cases = random_cases(_absent_case)
    p, label = cases[0]
    cases[0] = (_shared(p), label)  # a map in which each pixel belongs to several classes
    corners = {
        "Little may be left of a pixel: the others keep their ratios then, too, and sum to 1. A number added to their "
        "sum, or a threshold such as sum > 0.001, makes them too small, or 0. Protect the sum 0 alone.": (
            _little_left(*cases[1])
        ),
        "What is left of a pixel may be very little. The other classes share it all the same.": (
            _nearly_alone(cases[0][0], label),
            label,
        ),
    }
    return judge(
        student,
        cases,
        lambda p, i: _to_one(_gone(p, i)),
        mistakes,
        corners=corners,
        hints=SHARES,
        rubric="without_class",
        rtol=1e-4,  # 0.000001 in a divisor is told by the corner
    )


def center_after_stroke(student: Answer) -> Verdict:
    """Lesson 14, exercise 3: ``student(center, mass, features, probabilities)`` -> the center after a stroke, (C,).

    The brush gives K cells wholly to the class: features (K, C), probabilities (K,) what they had before. center (C,)
    and mass, a number, are those of the class before the stroke.
    """
    mistakes = {
        "You add the painted cells with weight 1. They had a share already: only 1 - p is new.": (
            lambda f, m, x, p: (m * f + x.sum(0)) / (m + len(x))
        ),
        "The new mass is missing below the line: the mass grows by the sum of 1 - p, too.": (
            lambda f, m, x, p: (m * f + ((1 - p)[:, None] * x).sum(0)) / m
        ),
        "The mass grows by K. It grows by the sum of 1 - p: the rest of the painted cells counted before.": (
            lambda f, m, x, p: (m * f + ((1 - p)[:, None] * x).sum(0)) / (m + len(x))
        ),
        "This is the mean of the painted cells. The cells that are not painted still belong to the class.": (
            lambda f, m, x, p: x.mean(0)
        ),
        "You take half of the old center and half of the painted cells. Weight them with their masses.": (
            lambda f, m, x, p: (f + x.mean(0)) / 2
        ),
        "You weight the painted cells with p. What is new of each is 1 - p.": (
            lambda f, m, x, p: (m * f + (p[:, None] * x).sum(0)) / (m + p.sum())
        ),
        "You take the mean of what the painted cells add. Each of them adds its own part: take sums, above the line "
        "and below.": lambda f, m, x, p: (m * f + ((1 - p)[:, None] * x).mean(0)) / (m + (1 - p).mean()),
        "This is a sum. A center is a mean: divide by the new mass.": (
            lambda f, m, x, p: m * f + ((1 - p)[:, None] * x).sum(0)
        ),
    }
    cases = random_cases(_stroke_case)
    center, mass, features, p = cases[0]
    corners = {
        "The center of a class that is there may be the zero vector (behind a ReLU). It counts with its mass: a class "
        "is absent if its mass is 0.": (0 * center, mass, features, p),
        "The mass of a small class may be below 1: take it as it is.": (center, 0.5, features, p / p.sum() / 4),
        "A class that was absent has the mass 0 and the center 0. Now its center is the mean of the painted cells.": (
            (0 * center, 0.0, features, 0 * p)
        ),
    }
    return judge(student, cases, _after_stroke, mistakes, corners=corners, rubric="center_after_stroke")


# ---- inputs


def _temperature_case(random: torch.Generator) -> Case:
    n, h, w = distinct_sizes(random, 3, low=3)
    p = torch.randn(n, h, w, generator=random, dtype=torch.float64).softmax(0)
    low = torch.rand((), generator=random).item()
    return p, (0.3 + 0.4 * low if torch.rand((), generator=random) < 0.5 else 1.5 + 2 * low)


def _absent_case(random: torch.Generator) -> Case:
    n, h, w = distinct_sizes(random, 3, low=3)
    p = torch.randn(n, h, w, generator=random, dtype=torch.float64).softmax(0)
    label = int(torch.randint(n, (), generator=random))
    p[:, 0, 0] = 0
    p[label, 0, 0] = 1  # this pixel is the class alone
    return p, label


def _little_left(p: Tensor, label: int) -> Case:
    """At one pixel the other classes have 0.00001 together; none is the class alone."""
    p = p.clone()
    p[:, 0, 0] = 1 / len(p)
    others = _gone(p, label)[:, 0, 1]
    p[:, 0, 1] = 1e-5 * others / others.sum()
    p[label, 0, 1] = 1 - 1e-5
    return p, label


def _stroke_case(random: torch.Generator) -> Case:
    k, c = distinct_sizes(random, 2, low=3)
    center = torch.randn(c, generator=random, dtype=torch.float64)
    features = torch.randn(k, c, generator=random, dtype=torch.float64)
    p = 0.6 * torch.rand(k, generator=random, dtype=torch.float64) + 0.1
    return center, float(p.sum()) + 5 * torch.rand((), generator=random).item() + 1, features, p


def _nearly_none(p: Tensor) -> Tensor:
    """The first class of one pixel with the least that a map of lesson 14 has; the others share the rest."""
    p = p.clone()
    p[0, 0, 0] = 4e-11
    return _to_one(p)


def _nearly_alone(p: Tensor, label: int) -> Tensor:
    """One pixel that is the class but for a hundred-millionth."""
    p = p.clone()
    p[:, 0, 0] = 1e-8 * _to_one(_gone(p, label))[:, 0, 0]
    p[label, 0, 0] = 1 - 1e-8
    return p


def _shared(p: Tensor) -> Tensor:
    """Without a pixel that is one class alone: it has what its neighbor has."""
    p = p.clone()
    p[:, 0, 0] = p[:, 0, 1]
    return p


# ---- parts of the mistakes


def _to_one(p: Tensor) -> Tensor:
    total = p.sum(0, keepdim=True)
    return p / total.masked_fill(total == 0, 1.0)


def _gone(p: Tensor, label: int) -> Tensor:
    rest = p.clone()
    rest[label] = 0
    return rest


def _equal_parts(p: Tensor, label: int) -> Tensor:
    rest = _gone(p + p[label] / (len(p) - 1), label)
    return rest


def _to_the_largest(p: Tensor, label: int) -> Tensor:
    rest = _gone(p, label)
    return rest.scatter_add(0, rest.argmax(0, keepdim=True), p[label][None])


def _nothing_to_all(p: Tensor, label: int) -> Tensor:
    rest = _gone(p, label)
    empty = rest.sum(0) == 0
    rest = _to_one(rest)
    rest[:, empty] = 1 / (len(p) - 1)
    rest[label] = 0
    return rest


def _after_stroke(center: Tensor, mass: float, features: Tensor, probabilities: Tensor) -> Tensor:
    new = 1 - probabilities  # (K,), what each painted cell adds
    return (mass * center + new @ features) / (mass + new.sum())
