"""Exercises of lesson 13: the similarity explorer."""

import math

import torch
from torch import Tensor

from acflib import similarity
from acflib.course.checks.judge import Answer, Case, Hints, Verdict, distinct_sizes, judge, random_cases
from acflib.functional import IGNORE_INDEX

SIMILAR = Hints(
    nan="A feature that is zero everywhere is similar to nothing: its similarity is 0, not 0 / 0.",
    swapped="Height and width are swapped.",
    whole="similarities are floats.",
)
NOTHING = (
    "The asked pixel may have the feature 0, and the similarity 0 to itself: leave it out by its place, do not take 1."
)
ALIKE = "Another pixel may have exactly the similarity 1. Leave the asked pixel out by its place, not by its value."


def pixel_similarity(student: Answer) -> Verdict:
    """Lesson 13, exercise 1: ``student(features, row, column)`` -> cosine similarity of all pixels to one, (h, w).

    features (C, h, w); one pixel, not the one that is asked about, has the feature 0, and the similarity 0.
    """
    mistakes = {
        "This is the dot product. Long features win, whatever their direction: divide by both lengths.": _dot,
        "You divide by the length of the chosen pixel's feature alone. Divide by that of each pixel, too.": (
            lambda x, r, c: _over(_dot(x, r, c), x[:, r, c].norm())
        ),
        "You divide by the length of each pixel's feature, but not by that of the chosen one.": (
            lambda x, r, c: _over(_dot(x, r, c), x.norm(dim=0))
        ),
        "A length may be shorter than 1. Divide by it whatever it is; clamp(min=1) and the like change the cosine.": (
            lambda x, r, c: _dot(x / x.norm(dim=0).clamp(min=1), r, c)
        ),
        "You divide by the squared lengths. The cosine has the lengths themselves below the line.": (
            lambda x, r, c: _over(_dot(x, r, c), x.norm(dim=0).square() * x[:, r, c].norm().square())
        ),
        "These are distances: 0 at the pixel itself. The cosine is 1 there.": (
            lambda x, r, c: (x - x[:, r, c, None, None]).norm(dim=0)
        ),
        "The mean of each feature is taken off first. That is the correlation over the channels, not the cosine.": (
            lambda x, r, c: similarity.cosine_similarity_map(x - x.mean(dim=0), r, c)
        ),
        "Each channel is divided by its length over the picture. The length of a pixel runs over its channels.": (
            lambda x, r, c: _dot(x / x.flatten(1).norm(dim=1)[:, None, None], r, c)
        ),
        "Row and column are swapped: the second axis of features (C, h, w) is the row.": (
            lambda x, r, c: similarity.cosine_similarity_map(x, c, r)
        ),
    }
    cases, right = random_cases(_feature_case), similarity.cosine_similarity_map
    features, row, column = cases[0]
    asked = features.clone()
    asked[:, row, column] = 0
    corners = {"The asked pixel itself may have the feature 0: then all similarities are 0.": (asked, row, column)}
    return judge(
        student, cases, right, mistakes, corners=corners, hints=SIMILAR, own_lines=True, rubric="pixel_similarity"
    )


def cell_under_pixel(student: Answer) -> Verdict:
    """Lesson 13, exercise 2: ``student(row, column, picture, cells)`` -> (row, column) of the feature map's cell.

    picture (H, W) and cells (h, w); each cell covers an equal part of the picture.
    """
    mistakes = {
        "You round. The second half of a cell then falls to its neighbor, and the last pixels fall outside: cut off, "
        "with //.": lambda r, c, p, n: (round(r * n[0] / p[0]), round(c * n[1] / p[1])),
        "You round up. The first pixel belongs to cell 0: cut off, with //.": (
            lambda r, c, p, n: (math.ceil(r * n[0] / p[0]), math.ceil(c * n[1] / p[1]))
        ),
        "The two axes are swapped: a row is divided by the height of the picture, a column by its width.": (
            lambda r, c, p, n: (r * n[1] // p[1], c * n[0] // p[0])
        ),
        "The answer is (column, row). It must be (row, column).": (
            lambda r, c, p, n: (c * n[1] // p[1], r * n[0] // p[0])
        ),
        "You put the corner cells onto the corner pixels (the rule of align_corners=True). Here each cell covers an "
        "equal part.": lambda r, c, p, n: similarity.cell_of_pixel(r, c, p, n, align_corners=True),
        "These are not whole numbers. A cell has a whole number: cut off, with //.": (
            lambda r, c, p, n: (r * n[0] / p[0], c * n[1] / p[1])
        ),
        "You divide by a whole number of pixels a cell (picture // cells). The sizes need not divide: multiply first, "
        "then divide, row * h // H.": lambda r, c, p, n: (r // (p[0] // n[0]), c // (p[1] // n[1])),
        "You divide by 8 everywhere. How many pixels a cell covers follows from the two sizes, row by row, column by "
        "column.": lambda r, c, p, n: (r // 8, c // 8),
    }
    demands = {
        "Row 30 of 52 lies in row 15 of 26, but 30 / 52 * 26 is 14.99... as a float, which int() cuts to 14. Multiply "
        "first, then divide with //.": lambda f: tuple(f(30, 0, (52, 26), (26, 13))) == (15, 0),
        "Row 9 of 18 lies in row 7 of 14, but 9 / (18 / 14) is 6.99... as a float. Multiply first, then take //.": (
            lambda f: tuple(f(9, 22, (18, 44), (14, 30))) == (7, 15)
        ),
    }
    corners = {"The map is as large as the picture here: each pixel is a cell.": (4, 2, (7, 5), (7, 5))}
    cases, right = random_cases(_cell_case, count=12), similarity.cell_of_pixel
    return judge(student, cases, right, mistakes, corners=corners, demands=demands, rubric="cell_under_pixel")


def class_contrast(student: Answer) -> Verdict:
    """Lesson 13, exercise 3: ``student(values, labels, row, column)`` -> mean similarity to the own class minus others.

    values (h, w), the similarity map of the pixel; labels (h, w) with 255 = ignore. The pixel itself does not count.
    """
    mistakes = {
        "The pixel itself counts. It is similar to itself by definition: leave it out.": (
            lambda v, y, r, c: _contrast(v, y, r, c, with_itself=True)
        ),
        "Two things at once: the pixel itself counts, and so do ignored pixels (255). Leave both out.": (
            lambda v, y, r, c: _contrast(v, y.masked_fill(y == IGNORE_INDEX, 200), r, c, with_itself=True)
        ),
        "The pixel itself is taken out of the sum, but still counted below the line.": _counted_below,
        "Ignored pixels (255) count as another class. Nobody knows what they are: leave them out.": (
            lambda v, y, r, c: _contrast(v, y.masked_fill(y == IGNORE_INDEX, 200), r, c)
        ),
        "The sign is turned: own class minus the others.": lambda v, y, r, c: -_contrast(v, y, r, c),
        "These are sums. A class with many pixels must not win by their number: take means.": (
            lambda v, y, r, c: _contrast(v, y, r, c, reduce=torch.sum)
        ),
        "You compare with all pixels. Compare with the pixels of the other classes alone.": _against_all,
        "This is the mean over the own class alone. Take the mean over the other classes off.": (
            lambda v, y, r, c: _parts(v, y, r, c)[0].mean()
        ),
        "You divide the two means. The task asks for their difference.": (
            lambda v, y, r, c: _parts(v, y, r, c)[0].mean() / _parts(v, y, r, c)[1].mean()
        ),
    }
    values = torch.tensor([[1.0, 1.0, 0.6, 0.2]], dtype=torch.float64)
    labels = torch.tensor([[0, 0, 0, 1]])
    corners = {ALIKE: (values, labels, 0, 0), NOTHING: (torch.zeros_like(values), labels, 0, 0)}
    return judge(student, random_cases(_contrast_case), _contrast, mistakes, corners=corners, rubric="class_contrast")


# ---- inputs


def _feature_case(random: torch.Generator) -> Case:
    c, h, w = distinct_sizes(random, 3, low=3)
    features = torch.randn(c, h, w, generator=random, dtype=torch.float64) + 0.7
    side = min(h, w)  # row and column may then be swapped without an error
    row, column = torch.randperm(side, generator=random)[:2].tolist()
    features[:, (row + 1) % h, (column + 1) % w] = 0
    features[:, row, column] *= 0.3 / features[:, row, column].norm()  # shorter than 1
    return features, row, column


def _cell_case(random: torch.Generator) -> Case:
    h, w, tall, wide = distinct_sizes(random, 4, low=3, high=12)
    picture = h * tall + 1, w * wide + 2  # no whole number of pixels a cell
    row, column = (int(torch.randint(side, (), generator=random)) for side in picture)
    return row, column, picture, (h, w)


def _contrast_case(random: torch.Generator) -> Case:
    h, w = distinct_sizes(random, 2, low=5, high=9)
    values = torch.rand(h, w, generator=random, dtype=torch.float64) * 0.8 + 0.1
    labels = torch.randint(3, (h, w), generator=random)
    row, column = int(torch.randint(1, h, (), generator=random)), int(torch.randint(1, w, (), generator=random))
    labels[0] = IGNORE_INDEX
    values[row, column] = 1.0
    labels[row, column - 1], labels[row - 1 or h - 1, 0] = labels[row, column], (labels[row, column] + 1) % 3
    return values, labels, row, column


# ---- parts of the mistakes


def _dot(x: Tensor, row: int, column: int) -> Tensor:
    return torch.einsum("chw,c->hw", x, x[:, row, column])


def _over(values: Tensor, lengths: Tensor) -> Tensor:
    return values / lengths.masked_fill(lengths == 0, 1.0)


def _parts(values: Tensor, labels: Tensor, row: int, column: int, with_itself: bool = False) -> tuple[Tensor, Tensor]:
    """The values of the own class, and those of the others."""
    own = labels == labels[row, column]
    other = ~own & (labels != IGNORE_INDEX)
    own[row, column] = with_itself
    return values[own], values[other]


def _contrast(
    values: Tensor, labels: Tensor, row: int, column: int, with_itself: bool = False, reduce=torch.mean
) -> Tensor:
    own, other = _parts(values, labels, row, column, with_itself)
    return reduce(own) - reduce(other)


def _against_all(values: Tensor, labels: Tensor, row: int, column: int) -> Tensor:
    everything = labels != IGNORE_INDEX
    everything[row, column] = False
    return _parts(values, labels, row, column)[0].mean() - values[everything].mean()


def _counted_below(values: Tensor, labels: Tensor, row: int, column: int) -> Tensor:
    own, other = _parts(values, labels, row, column)
    return own.sum() / (len(own) + 1) - other.mean()
