"""Exercises of lesson 03: what a pixel sees through a context module."""

import torch
import torch.nn.functional as F
from torch import Tensor

from acflib import functional
from acflib.course.checks import extremes, tables
from acflib.course.checks.dilated import edges, mixed, places, read, read_moved, square
from acflib.course.checks.judge import Answer, Case, Hints, Verdict, distinct_sizes, judge, random_cases


def aspp_places(student: Answer) -> Verdict:
    """Lesson 03, exercise 1: ``student(row, column, height, width, rates)`` -> bool map (height, width).

    True where an ASPP pixel at (row, column) reads: itself, and the nine places of each rate inside the map.
    """

    mistakes = {
        "Places outside come back in on the other side: a negative index counts from the end. Leave them out.": (
            lambda row, column, height, width, rates: read_moved(
                row, column, height, width, rates, lambda place, side: place % side
            )
        ),
        "Places outside are moved to the border. They read zeros, not the pixels of the border: leave them out.": (
            lambda row, column, height, width, rates: read_moved(
                row, column, height, width, rates, lambda place, side: min(max(place, 0), side - 1)
            )
        ),
        "Row and column are swapped.": lambda row, column, *rest: read(column, row, *rest),
        "You fill the whole square. A dilated 3x3 convolution reads nine places, `rate` apart, and nothing between.": (
            lambda row, column, height, width, rates: places(row, column, height, width, square(max(rates)))
        ),
        "The four corners of each rate are missing. A 3x3 convolution reads the diagonal places, too.": (
            lambda row, column, height, width, rates: places(
                row, column, height, width, [p for r in rates for p in ((0, 0), (-r, 0), (r, 0), (0, -r), (0, r))]
            )
        ),
        "The pixel itself is missing: the 1x1 branch reads it, and so does the middle of each 3x3 branch.": (
            lambda row, column, height, width, rates: (
                read(row, column, height, width, rates) & ~places(row, column, height, width, [(0, 0)])
            )
        ),
        "Only one rate was used. Each rate has a branch of its own.": (
            lambda row, column, height, width, rates: read(row, column, height, width, rates[-1:])
        ),
        "Row 0 and column 0 belong to the map: inside means 0 <= place.": (
            lambda *case: read(*case) & ~edges(*case[2:4])
        ),
        "The rates are forgotten: these are the nearest neighbors, 1 pixel away.": (
            lambda row, column, height, width, rates: read(row, column, height, width, (1,))
        ),
        "A rate of r is read as r // 2. The places lie r to the left and r to the right.": (
            lambda row, column, height, width, rates: read(row, column, height, width, [r // 2 for r in rates])
        ),
        "You go by the first rate down and by the last one across. Each rate has nine places, as far down as across.": (
            lambda row, column, height, width, rates: places(
                row, column, height, width, [(a * rates[0], b * rates[-1]) for a in (-1, 0, 1) for b in (-1, 0, 1)]
            )
        ),
        "The rates are mixed: r down comes with another rate across. A branch has one rate for both axes.": (
            lambda row, column, height, width, rates: places(row, column, height, width, mixed(rates))
        ),
    }
    cases = random_cases(_places_case)

    def right_at_the_other_end(answer: Answer) -> bool:
        row, column, height, width, rates = cases[0]
        try:
            found = answer(height - 1 - row, width - 1 - column, height, width, rates)
        except IndexError:
            return False
        return torch.equal(found, read(*cases[0]).flip(0, 1))

    demands = {
        "Near the upper left corner all is right. But near the lower right corner, places beyond the last row or "
        "column must be left out, too.": right_at_the_other_end
    }
    row, column, height, width, rates = cases[0]
    corners = {
        "There may be three rates. Each has a branch of its own.": (row, column, height, width, (1, *rates)),
        "There may be four rates, or more. Each has a branch of its own.": (row, column, height, width, (1, 2, *rates)),
        "There may be one rate alone.": (row, column, height, width, rates[1:]),
    }
    return judge(student, cases, read, mistakes, corners=corners, demands=demands, rubric="aspp_places")


def region_means(student: Answer) -> Verdict:
    """Lesson 03, exercise 2: ``student(features, n)`` -> (B, C, H, W): each pixel the mean of its region of n*n."""

    def right(x: Tensor, n: int) -> Tensor:
        return _spread(F.adaptive_avg_pool2d(x, n), x)

    mistakes = {
        "These are sums. Divide by the number of pixels of a region.": (
            lambda x, n: right(x, n) * (x[0, 0].numel() // n**2)
        ),
        "Each pixel gets the mean of the whole picture. Take the mean of its own region.": (
            lambda x, n: x.mean((2, 3), keepdim=True).expand_as(x)
        ),
        "The regions are n pixels wide and high. They should be H/n high and W/n wide: n regions a side.": (
            lambda x, n: _spread(F.avg_pool2d(x, n), x)
        ),
        "You give back the largest value of the region (max pooling). The mean is wanted.": (
            lambda x, n: _spread(F.adaptive_max_pool2d(x, n), x)
        ),
        "The borders are soft (bilinear). Here each pixel gets exactly the mean of its own region.": (
            lambda x, n: F.interpolate(F.adaptive_avg_pool2d(x, n), x.shape[-2:], mode="bilinear")
        ),
        "The regions are laid out like tiles: pixel (0, 1) gets the mean of region (0, 1). "
        "All pixels of one region get the same mean: repeat each value, not the whole map.": (
            lambda x, n: F.adaptive_avg_pool2d(x, n).repeat(1, 1, x.shape[2] // n, x.shape[3] // n)
        ),
        "The regions are stripes: the width is not cut. Cut both sides into n.": (
            lambda x, n: _spread(F.adaptive_avg_pool2d(x, (n, 1)), x)
        ),
        "Rows and columns of the regions are swapped: the mean of region (a, b) lands in region (b, a).": (
            lambda x, n: _spread(F.adaptive_avg_pool2d(x, n).transpose(2, 3), x)
        ),
        "One number for a region, all pictures and channels mixed. Take the mean over height and width alone.": (
            lambda x, n: right(x, n).mean((0, 1), keepdim=True).expand_as(x)
        ),
        "The channels are mixed. Each channel has its own means.": (
            lambda x, n: right(x, n).mean(1, keepdim=True).expand_as(x)
        ),
        "You average the pixels that stand at the same place in all regions, axes 2 and 4 of (B, C, n, H/n, n, W/n). "
        "The pixels of one region lie along axes 3 and 5.": _across_regions,
    }
    cases, hints = random_cases(_region_case), Hints(whole="means are floats.")
    corners = {
        "With n = 1 the picture is one region.": (cases[0][0], 1),
        "Where n is the number of pixels a side, each pixel is a region of its own.": (cases[0][0][:, :, :5, :5], 5),
    }
    return judge(student, cases, right, mistakes, corners=corners, hints=hints, gradients=(0,), rubric="region_means")


def affinity(student: Answer) -> Verdict:
    """Lesson 03, exercise 3: ``student(center_probs, attention_probs)`` -> A, (B, HW, HW), with F_a = A F'.

    Both are class maps (B, N, H, W): the first makes the centers (Eq. 2), the second hands them out (Eq. 3).
    """

    right = tables.who_sees_whom
    mistakes = {
        "The two maps are swapped: the first makes the centers, the second hands them out.": lambda c, a: right(a, c),
        "The table is transposed: row j must say what pixel j sees, and sum to 1.": lambda c, a: right(c, a).mT,
        "The denominator of Eq. 2 is missing: divide the first map by its sum over the pixels.": (
            lambda c, a: tables.product(c.flatten(2), a.flatten(2))
        ),
        "You divide by the number of pixels. Eq. 2 divides by the sum of P over the pixels, class by class.": (
            lambda c, a: tables.product(c.flatten(2) / c[0, 0].numel(), a.flatten(2))
        ),
        "You scale the rows of the table. Eq. 2 divides class by class, by the sum over the pixels; then each row sums "
        "to 1 by itself.": (lambda c, a: F.normalize(tables.product(c.flatten(2), a.flatten(2)), p=1, dim=2)),
        "A softmax over the pixels is what OCR does. Eq. 2 divides P by its sum over the pixels.": (
            lambda c, a: tables.product(c.flatten(2).softmax(2), a.flatten(2))
        ),
        "Both maps are divided by their sum over the pixels. That belongs to Eq. 2, so to the first one alone.": (
            lambda c, a: tables.product(tables.over_pixels(c.flatten(2)), tables.over_pixels(a.flatten(2)))
        ),
        "The second map is divided by its sum over the pixels, but the first one needs it (Eq. 2).": (
            lambda c, a: tables.product(c.flatten(2), tables.over_pixels(a.flatten(2)))
        ),
        tables.HARDLY_THERE: lambda c, a: tables.product(
            c.flatten(2) / c.flatten(2).sum(2, keepdim=True).clamp(min=1), a.flatten(2)
        ),
        "clamp(min=0.1) makes a class too weak whose sum over the pixels lies below 0.1: protect the sum 0 alone.": (
            lambda c, a: tables.product(c.flatten(2) / c.flatten(2).sum(2, keepdim=True).clamp(min=0.1), a.flatten(2))
        ),
        "All pictures get the table of the first one: the maps of the first picture are used for all.": (
            lambda c, a: right(c[:1], a[:1]).expand(len(c), -1, -1)
        ),
        **tables.without_a_class(),
        "Only the first map is used, in both places. The second one hands out.": lambda c, a: right(c, c),
        "Only the second map is used, in both places. The first one makes the centers.": lambda c, a: right(a, a),
    }
    hints = Hints(nan="Every class has some probability here, so every sum over the pixels is positive.")
    cases = random_cases(_maps_case)
    absent, rare = ((cases[0][0] * tables.class_0(cases[0][0], share), cases[0][1]) for share in (0, 1e-5))
    corners = {
        "A class may be absent from the first map: its sum over the pixels is 0. It makes no center, so it hands out "
        "0, where 0 / 0 would be NaN.": absent,
        tables.HARDLY_THERE: rare,
    }
    return judge(student, cases, right, mistakes, corners=corners, hints=hints, rubric="affinity", rtol=1e-4)


def region_attention(student: Answer) -> Verdict:
    """Lesson 03, exercise 4: ``student(features, centers)`` -> (B, C, H, W).

    Weights are a softmax over the classes of (pixel . center) / sqrt(C); then the weighted sum of the centers.
    """

    def weighted(weigh):
        """The answer whose weights a function makes of (dot products (B, N, H, W), C)."""
        return lambda x, f: functional.attend_sum(f, weigh(torch.einsum("bchw,bnc->bnhw", x, f), x.shape[1]))

    right = weighted(lambda s, c: (s / c**0.5).softmax(1))
    mistakes = {
        "The scale is missing: divide the dot products by the square root of C before the softmax.": (
            weighted(lambda s, c: s.softmax(1))
        ),
        "You divide by the square root of N, the number of classes. The scale is the square root of C.": (
            lambda x, f: weighted(lambda s, c: (s / f.shape[1] ** 0.5).softmax(1))(x, f)
        ),
        "The pixels stand in rows, (B, HW, C), and are reshaped to (B, C, H, W). That mixes channels and pixels: "
        "transpose to (B, C, HW) first.": lambda x, f: right(x, f).movedim(1, 3).reshape(x.shape),
        "You divide by C. The scale is the square root of C.": weighted(lambda s, c: (s / c).softmax(1)),
        "You multiply with the square root of C. Divide by it.": weighted(lambda s, c: (s * c**0.5).softmax(1)),
        "The softmax runs over the pixels. Each pixel shares its 1 among the classes.": (
            weighted(lambda s, c: (s / c**0.5).flatten(2).softmax(2).view_as(s))
        ),
        "The softmax runs over the rows (dim 2). The classes are dim 1.": weighted(
            lambda s, c: (s / c**0.5).softmax(2)
        ),
        "The softmax runs over the columns (dim 3). The classes are dim 1.": (
            weighted(lambda s, c: (s / c**0.5).softmax(3))
        ),
        "The softmax is missing: these are raw similarities, which can be negative.": (
            weighted(lambda s, c: s / c**0.5)
        ),
        "A sigmoid treats each class alone. The weights of a pixel must sum to 1: softmax over the classes.": (
            weighted(lambda s, c: (s / c**0.5).sigmoid())
        ),
        "The scale comes before the softmax. Your weights are divided by it afterwards, and no longer sum to 1.": (
            weighted(lambda s, c: s.softmax(1) / c**0.5)
        ),
        "The softmax runs over the pictures of the batch (dim 0). The classes are dim 1.": (
            weighted(lambda s, c: (s / c**0.5).softmax(0))
        ),
        "All pixels see the centers of the first picture. Each picture has its own.": (
            lambda x, f: right(x, f[:1].expand_as(f))
        ),
        "You take the most similar center alone. All of them count, with the weights of the softmax.": (
            weighted(lambda s, c: F.one_hot(s.argmax(1), s.shape[1]).permute(0, 3, 1, 2).to(s.dtype))
        ),
        "You compare by the angle (cosine). Here the similarity is the dot product divided by sqrt(C).": (
            lambda x, f: functional.attend_sum(
                f, torch.einsum("bchw,bnc->bnhw", F.normalize(x, dim=1), F.normalize(f, dim=2)).softmax(1)
            )
        ),
    }
    cases, hints = random_cases(_attention_case), Hints(whole="weighted sums are floats.")
    features, centers = cases[0]
    absent = features, torch.where(torch.arange(centers.shape[1])[:, None] == 0, 0.0, centers)
    corners = {
        "The center of an absent class is the zero vector. Its dot product is 0, and it takes part in the softmax as "
        "the others do; nothing is divided by its length.": absent,
        extremes.SOFTMAX: (1000 * features, centers),
    }
    return judge(
        student, cases, right, mistakes, corners=corners, hints=hints, gradients=(0, 1), rubric="region_attention"
    )


# ---- random inputs, such that every mistake shows


def _places_case(random: torch.Generator) -> Case:
    """Near the upper left corner of a map that is wider than high: some places lie outside, others far inside."""
    rates = (4, int(torch.randint(7, 10, (1,), generator=random)))
    height = int(torch.randint(22, 26, (1,), generator=random))
    width = int(torch.randint(28, 32, (1,), generator=random))
    column = int(torch.randint(9, 11, (1,), generator=random))
    return rates[0], column, height, width, rates  # the row lies one rate below the border, so row 0 is read


def _region_case(random: torch.Generator) -> Case:
    """Regions are larger than n, and higher than wide or wider than high."""
    b, c = distinct_sizes(random, 2, low=2, high=4)
    n = int(torch.randint(2, 5, (1,), generator=random))
    tall, wide = distinct_sizes(random, 2, low=5, high=8)
    return torch.randn(b, c, n * tall, n * wide, generator=random, dtype=torch.float64) + 1, n


def _maps_case(random: torch.Generator) -> Case:
    b, n, h, w = distinct_sizes(random, 4, high=6)
    maps = 2 * torch.randn(2, b, n, h, w, generator=random, dtype=torch.float64)
    return maps[0].softmax(1), maps[1].softmax(1)


def _attention_case(random: torch.Generator) -> Case:
    b, n, c, h, w = distinct_sizes(random, 5)
    features = torch.randn(b, c, h, w, generator=random, dtype=torch.float64)
    return features, torch.randn(b, n, c, generator=random, dtype=torch.float64)


# ---- parts of the mistakes


def _spread(pooled: Tensor, x: Tensor) -> Tensor:
    return F.interpolate(pooled, x.shape[-2:], mode="nearest")


def _across_regions(x: Tensor, n: int) -> Tensor:
    regions = x.unflatten(3, (n, -1)).unflatten(2, (n, -1))  # (B, C, H, W) -> (B, C, n, H/n, n, W/n)
    return regions.mean((2, 4), keepdim=True).expand_as(regions).reshape(x.shape)
