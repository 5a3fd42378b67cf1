"""Exercises of lesson 09: similarity."""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from acflib.course.checks.demands import fewer_operations
from acflib.course.checks.judge import Answer, Case, Hints, Verdict, distinct_sizes, judge, random_cases
from acflib.functional import IGNORE_INDEX
from acflib.similarity import unit_features

SIMILARITY = Hints(nan="A feature of length 0 divides 0 by 0; its similarity to everything is 0.")
PAIRS = Hints(nan="Where do you take a mean over no pair, or divide by a length of 0?")
SHORT = "A length may be shorter than 1. Divide by it whatever it is; clamp(min=1) and the like change the cosine."


def similarity_matrix(student: Answer) -> Verdict:
    """Lesson 09, exercise 1: ``student(features)`` -> the cosine of every pixel with every pixel, (h*w, h*w).

    features (C, h, w); pixels row by row. A pixel whose feature is zero has the similarity 0 to all.
    """

    def pixels(x: Tensor) -> Tensor:
        return x.flatten(1).T  # (C, h, w) -> (C, hw) -> (hw, C)

    def lengths(x: Tensor) -> Tensor:
        length = pixels(x).norm(dim=1, keepdim=True)  # (hw, 1)
        return length.masked_fill(length == 0, torch.inf)

    def products(x: Tensor) -> Tensor:
        return pixels(x) @ pixels(x).T  # (hw, C) @ (C, hw) -> (hw, hw)

    def right(x: Tensor) -> Tensor:
        return products(x) / (lengths(x) * lengths(x).T)

    mistakes = {
        "These are scalar products. Divide by the lengths of both features: a long feature must not win.": (products),
        "You divide by the length of the first pixel alone (the row). The second pixel has a length too.": (
            lambda x: products(x) / lengths(x)
        ),
        "You divide by the length of the second pixel alone (the column). The first pixel has a length too.": (
            lambda x: products(x) / lengths(x).T
        ),
        "You divide by the squared lengths. The square root is missing.": (
            lambda x: products(x) / (lengths(x) * lengths(x).T).square()
        ),
        SHORT: lambda x: products(x) / (lengths(x).clamp(min=1) * lengths(x).T.clamp(min=1)),
        "You scale each channel over the picture. Each pixel must be scaled over its channels (dim 0).": (
            lambda x: products(x / x.flatten(1).norm(dim=1)[:, None, None])
        ),
        "The pixels come column by column. flatten(1) of (C, h, w) gives them row by row.": (
            lambda x: right(x.transpose(1, 2))
        ),
        "reshape(-1, C) cuts a channel into pieces and calls them pixels. Flatten h and w first, then transpose.": (
            lambda x: right(x.reshape(-1, x.shape[0]).T[..., None])
        ),
        "This is a correlation: you subtract the mean over the channels first. The cosine does not.": (
            lambda x: right(x - x.mean(0))
        ),
        "These are distances: 0 between a pixel and itself. A similarity is largest there.": (
            lambda x: (pixels(x)[:, None] - pixels(x)).norm(dim=2)
        ),
    }
    cases = random_cases(_feature_case)
    message = "The values are right, but you go from pixel to pixel. One matrix product gives all pairs at once."
    demands = {message: lambda f: fewer_operations(f, cases[0], 40)}
    return judge(student, cases, right, mistakes, hints=SIMILARITY, demands=demands, rubric="similarity_matrix")


def within_between(student: Answer) -> Verdict:
    """Lesson 09, exercise 2: ``student(features, labels)`` -> (within, between), two numbers.

    Mean cosine over all pairs of different pixels with the same label, and over all pairs with different labels.
    features (C, h, w), labels int64 (h, w) with 255 = ignore.
    """

    def means(x: Tensor, y: Tensor, ignore: bool = True, itself: bool = False, unit: bool = True) -> tuple:
        values = (unit_features(x) if unit else x).flatten(1)  # (C, h, w) -> (C, hw)
        similarity, y = values.T @ values, y.flatten()
        counted = (y != IGNORE_INDEX) | (not ignore)
        pairs = counted[:, None] & counted & (~torch.eye(len(y), dtype=torch.bool) | itself)
        same = y[:, None] == y
        return similarity[pairs & same].mean().item(), similarity[pairs & ~same].mean().item()

    def by_value(x: Tensor, y: Tensor) -> tuple:
        units, y = unit_features(x).flatten(1)[:, y.flatten() != IGNORE_INDEX], y[y != IGNORE_INDEX]
        similarity, same = units.T @ units, y[:, None] == y
        return similarity[same & (similarity < 1 - 1e-6)].mean().item(), similarity[~same].mean().item()

    def low_classes(x: Tensor, y: Tensor) -> tuple:
        return means(x, y.masked_fill(y > 2, IGNORE_INDEX))[0], means(x, y)[1]

    def class_by_class(x: Tensor, y: Tensor) -> tuple:
        found = [means(x, y.masked_fill(y != i, IGNORE_INDEX))[0] for i in y.unique() if i != IGNORE_INDEX]
        return sum(found) / len(found), means(x, y)[1]

    def between_by_class(x: Tensor, y: Tensor) -> float:
        merged = [torch.where(y == IGNORE_INDEX, y, (y == i).long()) for i in y.unique() if i != IGNORE_INDEX]
        return sum(means(x, one_against_rest)[1] for one_against_rest in merged) / len(merged)

    def all_pairs(x: Tensor, y: Tensor) -> tuple:
        return means(x, y)[0], means(x, torch.where(y == IGNORE_INDEX, y, 0))[0]

    mistakes = {
        "The first number is too high: each pixel is compared with itself, which always gives 1. Leave i = j out.": (
            lambda x, y: means(x, y, itself=True)
        ),
        "The ignored pixels (255) take part as if they were a class. Leave them out of both means.": (
            lambda x, y: means(x, y, ignore=False)
        ),
        "Both mistakes at once: ignored pixels (255) take part, and each pixel is compared with itself.": (
            lambda x, y: means(x, y, ignore=False, itself=True)
        ),
        "These are means of scalar products. Scale features to length 1.": lambda x, y: means(x, y, unit=False),
        SHORT: lambda x, y: means(x / x.norm(dim=0).clamp(min=1), y, unit=False),
        "Two different pixels may have the same feature. Leave out pairs by place, i = j, not by the similarity 1.": (
            by_value
        ),
        "You ask for the classes 0, 1 and 2. A class may have any number: take those that occur, without 255.": (
            low_classes
        ),
        "The two numbers are swapped: first within a class, then between classes.": (lambda x, y: means(x, y)[::-1]),
        "You average the classes. Asked is the mean over all pairs, so a large class counts more.": class_by_class,
        "Both numbers are averages of classes. Asked are means over all pairs, so a large class counts more.": (
            lambda x, y: (class_by_class(x, y)[0], between_by_class(x, y))
        ),
        "The second number is the mean over all pairs. Leave out the pairs of one class.": all_pairs,
    }
    pixels = torch.tensor([[[1.0, 0.6, 0.0]], [[0.0, 0.8, 1.0]]], dtype=torch.float64)  # (2, 1, 3)
    alone = "A class with one pixel has no pair within it, and must not spoil the mean of the others."
    zero = torch.cat([pixels, torch.zeros_like(pixels[..., :1])], dim=2)  # (2, 1, 4)
    nothing = "A feature of zeros is similar to nothing, itself too: its similarity is 0, not 0 / 0, and not 1."
    corners = {alone: (pixels, torch.tensor([[0, 0, 1]])), nothing: (zero, torch.tensor([[0, 1, 1, 0]]))}
    cases = random_cases(_labeled_case)
    return judge(student, cases, means, mistakes, corners=corners, hints=PAIRS, rubric="within_between")


def nearest_center_map(student: Answer) -> Verdict:
    """Lesson 09, exercise 3: ``student(features, centers)`` -> the class with the most similar center, int64 (h, w).

    features (C, h, w), centers (N, C). An absent class has the center 0 and must never be chosen.
    """

    def scores(x: Tensor, centers: Tensor) -> Tensor:
        return torch.einsum("nc,chw->nhw", F.normalize(centers, dim=1), unit_features(x))

    def absent(centers: Tensor) -> Tensor:
        return (centers == 0).all(1)[:, None, None]

    def right(x: Tensor, centers: Tensor) -> Tensor:
        return scores(x, centers).masked_fill(absent(centers), -torch.inf).argmax(0)

    def distances(x: Tensor, centers: Tensor) -> Tensor:
        return (centers[:, :, None, None] - x).norm(dim=1)  # (N, C, 1, 1) - (C, h, w) -> (N, h, w)

    mistakes = {
        "An absent class is chosen: its similarity is 0, and that beats a negative one. Leave it out.": (
            lambda x, centers: scores(x, centers).argmax(0)
        ),
        "The numbers are those of a list without the absent class. Give the class numbers of the full list.": (
            lambda x, centers: scores(x, centers[~absent(centers).flatten()]).argmax(0)
        ),
        "These are the nearest centers by distance. Asked is the largest cosine; length must not count.": (
            lambda x, centers: distances(x, centers).masked_fill(absent(centers), torch.inf).argmin(0)
        ),
        "These are the nearest centers by distance, the absent class among them. Asked is the largest cosine.": (
            lambda x, centers: distances(x, centers).argmin(0)
        ),
        "You take the largest scalar product. A long center wins too often: scale the centers to length 1.": (
            lambda x, centers: (
                torch.einsum("nc,chw->nhw", centers, x).masked_fill(absent(centers), -torch.inf).argmax(0)
            )
        ),
        "You take the largest scalar product, the absent class among them. Scale to length 1, and leave it out.": (
            lambda x, centers: torch.einsum("nc,chw->nhw", centers, x).argmax(0)
        ),
        "Every pixel gets the absent class: its center is 0, 0 / 0 is NaN, and argmax takes NaN for the largest.": (
            lambda x, centers: absent(centers).long().argmax(0).expand(x.shape[1:])
        ),
        "You take the least similar center: argmin of similarities. Use argmax.": (
            lambda x, centers: scores(x, centers).masked_fill(absent(centers), torch.inf).argmin(0)
        ),
    }
    corners = {
        "Absent is a class of which ALL entries are 0, not one of them.": _pixel((1, 1), [(2, 0), (0, 0), (1, -1)]),
        "Absent is a class of which ALL entries are 0, not the first alone.": _pixel(
            (0, 1), [(0, 2), (0, 0), (1, 0.1)]
        ),
        "The entries of a center may add up to 0. Absent is a class of which all entries are 0.": (
            _pixel((0.1, -1), [(2, 0), (0, 0), (1, -1)])
        ),
        "An absent class must lose even to -1, the lowest cosine.": _pixel((-3, 0), [(0, 0), (1, 0)]),
        "A right angle has the similarity 0, too. Know an absent class by its center, not by the similarity.": (
            _pixel((0, 1), [(1, 0), (-1, -5)])
        ),
        SHORT: _pixel((1, 0.3), [(0.1, 0.01), (0.9, 0.9)]),
    }
    cases, name = random_cases(_center_case), "nearest_center_map"
    return judge(student, cases, right, mistakes, corners=corners, hints=SIMILARITY, rubric=name)


def order_share(student: Answer) -> Verdict:
    """Lesson 09, exercise 4: ``student(similarity, labels, row, column)`` -> a number from 0 to 1.

    Of all pairs (a pixel of the asked pixel's class, a pixel of another class), the share in which the first is more
    similar to the asked pixel; a tie counts one half. The asked pixel and ignored pixels are in no pair.
    """

    def share(s: Tensor, y: Tensor, row: int, column: int, tie=0.5, itself=False, ignore=True, by_value=False) -> float:
        counted = (y != IGNORE_INDEX) | (not ignore)
        same = y == y[row, column]
        first = same.clone()
        first[row, column] = itself
        first &= (s != s[row, column]) | (not by_value)
        a, b = s[first & counted][:, None], s[~same & counted]
        return ((a > b).double() + tie * (a == b)).mean().item()

    def over(**changed: Any) -> Callable:
        return lambda *case: share(*case, **changed)

    mistakes = {
        "A tie counts one half. You count it as lost.": over(tie=0),
        "A tie counts one half. You count it as won.": over(tie=1),
        "The asked pixel is compared too. It is always most similar to itself: leave it out.": over(itself=True),
        "Another pixel may be as similar as the asked pixel itself. Leave that one out by its place.": over(
            by_value=True
        ),
        "The ignored pixels (255) count as another class. Leave them out.": over(ignore=False),
        "Three mistakes at once: the asked pixel itself, ignored pixels (255), and ties, which count one half.": (
            over(tie=0, itself=True, ignore=False)
        ),
        "These are percent. Asked is a share from 0 to 1.": lambda *case: 100 * share(*case),
        "Turn it around: this is the share in which the OTHER class is more similar.": lambda *case: 1 - share(*case),
        "This is the difference of two mean similarities. Asked is a share of pairs.": (
            lambda s, y, r, c: (s[_others(y, r, c)].mean() - s[(y != y[r, c]) & (y != IGNORE_INDEX)].mean()).item()
        ),
    }
    return judge(student, random_cases(_order_case), share, mistakes, hints=PAIRS, rubric="order_share")


# ---- inputs


def _pixel(feature: tuple, centers: list) -> Case:
    return torch.tensor(feature, dtype=torch.float64).view(-1, 1, 1), torch.tensor(centers, dtype=torch.float64)


def _feature_case(random: torch.Generator) -> Case:
    c, h, w = distinct_sizes(random, 3, low=3)
    features = torch.randn(c, h, w, generator=random, dtype=torch.float64) + 0.5
    features[:, -1, -1] = 0
    features[:, 0, 0] *= 0.3 / features[:, 0, 0].norm()  # shorter than 1
    return (features,)


def _labeled_case(random: torch.Generator) -> Case:
    c, h, w = distinct_sizes(random, 3, low=4)
    labels = torch.full((h * w,), 11)
    labels[:2], labels[2:5], labels[5:8] = IGNORE_INDEX, 0, 2  # classes of different size
    labels = labels[torch.randperm(h * w, generator=random)].view(h, w)
    features = torch.randn(c, h, w, generator=random, dtype=torch.float64) + 0.1 * labels.clamp(max=11)
    features[:, labels == 2] *= 0.3 / features[:, labels == 2].norm(dim=0)  # shorter than 1
    (row, column), (other_row, other_column) = (labels == 11).nonzero()[:2].tolist()
    features[:, other_row, other_column] = features[:, row, column]  # two pixels that are exactly alike
    return features, labels


def _center_case(random: torch.Generator) -> Case:
    c, h, w, n = distinct_sizes(random, 4, low=4, high=9)
    centers = torch.rand(n, c, generator=random, dtype=torch.float64) + 0.2
    centers *= 1 + torch.arange(n)[:, None]  # of different length
    centers[n // 2] = 0  # an absent class in the middle of the list
    features = 3 * torch.randn(c, h, w, generator=random, dtype=torch.float64)
    features[:, 0, 0] = -1  # not similar to any center
    return features, centers


def _order_case(random: torch.Generator) -> Case:
    h, w, row, column = *distinct_sizes(random, 2, low=5), *distinct_sizes(random, 2, low=0, high=4)
    labels = torch.randint(0, 3, (h, w), generator=random)
    labels[0], labels[-1, :2] = torch.arange(w) % 3, IGNORE_INDEX
    labels[row, column] = 0
    similarity = torch.randint(-2, 4, (h, w), generator=random).double() / 4  # steps of 1/4: many ties
    similarity[-1, :2] = 1
    similarity[row, column] = 1
    twin = _others(labels, row, column).nonzero()[0].tolist()
    similarity[twin[0], twin[1]] = 1  # as similar as the asked pixel to itself
    return similarity, labels, row, column


# ---- parts of the mistakes


def _others(labels: Tensor, row: int, column: int) -> Tensor:
    same = labels == labels[row, column]
    same[row, column] = False
    return same
