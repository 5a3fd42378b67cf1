"""Checks of lesson 08: ASPP, online bootstrapping, multi-scale and flip (paper, sections 4.1 and 4.4)."""

import torch
import torch.nn.functional as F
from torch import Tensor

from acflib.course.checks import extremes
from acflib.course.checks.judge import Answer, Case, Hints, Verdict, distinct_sizes, judge, random_cases
from acflib.functional import IGNORE_INDEX

MEANS = Hints(swapped="The map is transposed: (B, N, H, W) goes in, (B, N, H, W) comes out.")
SHARES = Hints(nan="A class without pixels divides 0 by 0; its share is 0.")
SMALL_MAP = "You count one tap fewer near a border. Where the rate leaps over the whole side, two taps lie outside."


def taps_inside(student: Answer) -> Verdict:
    """Lesson 08, exercise 1. ``student(height, width, rate)`` -> int64 (height, width).

    How many of the nine taps of a 3x3 convolution with dilation ``rate``, centered on each pixel, lie on the map.
    """

    def counted(rows: Tensor, columns: Tensor) -> Tensor:
        return rows[:, None] * columns[None]

    def line(length: int, rate: int, first: int = 0, beyond: int = 0) -> Tensor:
        taps = torch.arange(length)[:, None] + rate * torch.tensor([-1, 0, 1])  # (length, 3)
        return ((taps >= first) & (taps < length + beyond)).sum(1)

    mistakes = {
        "You count the padding too: every pixel has nine taps for you. Those outside the map read zeros.": (
            lambda h, w, r: torch.full((h, w), 9)
        ),
        "The rate is forgotten: these are the taps of a plain 3x3 convolution.": (
            lambda h, w, r: counted(line(h, 1), line(w, 1))
        ),
        "You count the taps outside. Those inside were asked for.": (
            lambda h, w, r: 9 - counted(line(h, r), line(w, r))
        ),
        "The taps on the diagonals are missing: a 3x3 convolution has nine taps, not five.": (
            lambda h, w, r: line(h, r)[:, None] + line(w, r)[None] - 1
        ),
        "The center is missing: the middle tap always lies on the map.": (
            lambda h, w, r: counted(line(h, r), line(w, r)) - 1
        ),
        "The distance is one too large: the rate is the distance of neighboring taps, not the gap between them.": (
            lambda h, w, r: counted(line(h, r + 1), line(w, r + 1))
        ),
        "You add the good rows and the good columns. A tap needs both: multiply.": (
            lambda h, w, r: line(h, r)[:, None] + line(w, r)[None]
        ),
        "Row 0 and column 0 belong to the map: inside means 0 <= place < length.": (
            lambda h, w, r: counted(line(h, r, first=1), line(w, r, first=1))
        ),
        "Place `length` lies outside, the last one is length - 1: inside means 0 <= place < length.": (
            lambda h, w, r: counted(line(h, r, beyond=1), line(w, r, beyond=1))
        ),
        SMALL_MAP: lambda h, w, r: counted(line(h, r).clamp(min=2), line(w, r).clamp(min=2)),
        "The distance is half of the rate. From the middle tap to each other one it is the whole rate.": (
            lambda h, w, r: counted(line(h, r // 2), line(w, r // 2))
        ),
    }
    swapped = Hints(swapped="Rows first, then columns.")
    right = lambda h, w, r: counted(line(h, r), line(w, r))  # noqa: E731
    corners = {
        SMALL_MAP: (3, 5, 4),
        "The rate is larger than the map here: the middle tap is left alone, 1 everywhere.": (3, 4, 5),
    }
    return judge(
        student, random_cases(_map_case), right, mistakes, corners=corners, hints=swapped, rubric="taps_inside"
    )


def hard_shares(student: Answer) -> Verdict:
    """Lesson 08, exercise 2. ``student(probability, labels, threshold, num_classes)`` -> (num_classes,).

    probability (B, H, W) of the true class, labels int64 (B, H, W) with 255 = ignore. The share of the pixels of each
    class whose probability is below the threshold; 0 for a class without pixels.
    """

    def shares(hard, of) -> Answer:
        def found(p: Tensor, y: Tensor, t: float, n: int) -> Tensor:
            one_hot = torch.stack([y == i for i in range(n)]).flatten(1).double()  # (N, B*H*W)
            chosen = one_hot * hard(p, t).flatten().double()
            return chosen.sum(1) / of(one_hot, chosen, y).clamp(min=1e-9)

        return found

    def below(p: Tensor, t: float) -> Tensor:
        return p < t

    def of_class(one_hot: Tensor, chosen: Tensor, y: Tensor) -> Tensor:
        return one_hot.sum(1)

    right = shares(below, of_class)
    mistakes = {
        "These are the easy pixels. Hard ones lie below the threshold.": shares(lambda p, t: p >= t, of_class),
        "You divide by the number of hard pixels: how they share out among the classes. Asked is which share of each "
        "class is hard.": shares(below, lambda one_hot, chosen, y: chosen.sum()),
        "You divide by the number of all pixels. Divide by those of the class.": (
            shares(below, lambda one_hot, chosen, y: torch.tensor(float(y.numel())))
        ),
        "You divide by the number of labeled pixels. Divide by those of the class.": (
            shares(below, lambda one_hot, chosen, y: (y != IGNORE_INDEX).sum().double())
        ),
        "These are counts. Divide by the number of pixels of the class.": (
            shares(below, lambda one_hot, chosen, y: torch.ones(()))
        ),
        "The ignored pixels (255) count as class 0.": (
            lambda p, y, t, n: right(p, y.masked_fill(y == IGNORE_INDEX, 0), t, n)
        ),
        "The ignored pixels (255) count as the last class.": lambda p, y, t, n: right(p, y.clamp(max=n - 1), t, n),
    }
    at_it = torch.full((1, 1, 1), 0.5, dtype=torch.float64), torch.zeros(1, 1, 1, dtype=torch.int64), 0.5, 1
    demands = {
        "A pixel whose probability is exactly the threshold is not below it: use <.": lambda f: float(f(*at_it)[0]) == 0
    }
    probability, labels = torch.full((1, 1, 2), 0.3, dtype=torch.float64), torch.tensor([[[0, 1]]])
    corners = {
        "The last class has no pixel here. It stands in the result, too, with 0.": (probability, labels, 0.5, 3),
        "All pixels are ignored here: every share is 0.": (probability, 0 * labels + IGNORE_INDEX, 0.5, 3),
    }
    cases = random_cases(_hard_case)
    return judge(student, cases, right, mistakes, corners=corners, hints=SHARES, demands=demands, rubric="hard_shares")


def mirrored_mean(student: Answer) -> Verdict:
    """Lesson 08, exercise 3. ``student(logits, mirrored_logits)`` -> probabilities (B, N, H, W).

    logits (B, N, H, W) of an image, and those of the same image mirrored left to right, as the network gave them.
    """

    def mean(of, dim: int = 1, back=(3,)) -> Answer:
        return lambda z, m: of(z.softmax(dim), m.flip(back).softmax(dim))

    def halved(a: Tensor, b: Tensor) -> Tensor:
        return (a + b) / 2

    mistakes = {
        "The mirrored result is not mirrored back: left and right are mixed.": mean(halved, back=()),
        "You mirror top to bottom (dim 2). The image was mirrored left to right: dim 3. This bug is found in public "
        "code.": mean(halved, back=(2,)),
        "You mirror along the classes (dim 1).": mean(halved, back=(1,)),
        "You mirror the images of the batch (dim 0).": mean(halved, back=(0,)),
        "You mirror both ways.": mean(halved, back=(2, 3)),
        "You mirror the first result. The second one comes from the mirrored image: that one must be mirrored back.": (
            lambda z, m: halved(z.flip(3).softmax(1), m.softmax(1))
        ),
        "This is the result of one pass. The mean of both was asked for.": lambda z, m: z.softmax(1),
        "Softmax a second time. The mean of probabilities is a probability already.": (
            lambda z, m: mean(halved)(z, m).softmax(1)
        ),
        "You average the logits. Softmax first, then the mean: a pass that is very sure must not shout.": (
            lambda z, m: halved(z, m.flip(3)).softmax(1)
        ),
        "These are logits: the softmax is missing.": lambda z, m: halved(z, m.flip(3)),
        "This is the sum. Two passes: divide by 2.": mean(lambda a, b: a + b),
        "Softmax over the columns (dim 3). The classes are dim 1.": mean(halved, dim=3),
        "Softmax over the rows (dim 2). The classes are dim 1.": mean(halved, dim=2),
        "You mirror the mean. Mirror the second result alone.": lambda z, m: halved(z.softmax(1), m.softmax(1)).flip(3),
        "You take the larger of both. They are averaged.": mean(torch.maximum),
    }
    cases = random_cases(_mirror_case)
    corners = {extremes.SOFTMAX: tuple(map(extremes.far_from_0, cases[0]))}
    return judge(student, cases, mean(halved), mistakes, corners=corners, hints=MEANS, rubric="mirrored_mean")


def scales_mean(student: Answer) -> Verdict:
    """Lesson 08, exercise 4. ``student(logits, size)`` -> probabilities (B, N, H, W).

    logits: a list, one (B, N, h, w) a scale; size: (H, W) of the image. Bilinear, align_corners=False.
    """

    def resized(p: Tensor, size: tuple, **how) -> Tensor:
        how = how or {"mode": "bilinear", "align_corners": False}
        return F.interpolate(p, size, **how)

    def mean(parts: list[Tensor]) -> Tensor:
        return torch.stack(parts).mean(0)

    def weighted(z: list[Tensor], size: tuple) -> Tensor:
        pixels = [part[0, 0].numel() for part in z]
        shares = [n * resized(part.softmax(1), size) for n, part in zip(pixels, z, strict=True)]
        return torch.stack(shares).sum(0) / sum(pixels)

    mistakes = {
        "You resize the logits and take the softmax then. Make probabilities first: they are what is averaged.": (
            lambda z, s: mean([resized(part, s).softmax(1) for part in z])
        ),
        "You average the logits. Average probabilities.": lambda z, s: mean([resized(p, s) for p in z]).softmax(1),
        "The softmax is missing.": lambda z, s: mean([resized(part, s) for part in z]),
        "This is the sum. Divide by the number of scales.": lambda z, s: sum(resized(p.softmax(1), s) for p in z),
        "You divide by 3, however many scales there are.": lambda z, s: sum(resized(p.softmax(1), s) for p in z) / 3,
        "You use align_corners=True. Here the corners are not aligned.": (
            lambda z, s: mean([resized(p.softmax(1), s, mode="bilinear", align_corners=True) for p in z])
        ),
        "You resize with the nearest pixel. Interpolate bilinearly.": (
            lambda z, s: mean([resized(p.softmax(1), s, mode="nearest") for p in z])
        ),
        "Larger scales weigh more in your mean. All scales count the same.": weighted,
        "Softmax over the columns (dim 3). The classes are dim 1.": (
            lambda z, s: mean([resized(part.softmax(3), s) for part in z])
        ),
        "You use the first scale alone.": lambda z, s: resized(z[0].softmax(1), s),
        "You use the last scale alone.": lambda z, s: resized(z[-1].softmax(1), s),
    }

    def right(z: list[Tensor], s: tuple) -> Tensor:
        return mean([resized(part.softmax(1), s) for part in z])

    cases = [case for drawn in random_cases(_scales_cases, count=1) for case in drawn]
    logits, size = cases[0]
    corners = {extremes.SOFTMAX: (list(map(extremes.far_from_0, logits)), size)}
    return judge(student, cases, right, mistakes, corners=corners, hints=MEANS, rubric="scales_mean")


# ---- random inputs


def _map_case(random: torch.Generator) -> Case:
    """A map that is large enough for some taps and too small for others."""
    height, width = distinct_sizes(random, 2, low=8, high=16)
    return height, width, int(torch.randint(4, 7, (), generator=random))


def _hard_case(random: torch.Generator) -> Case:
    b, h, w, n = distinct_sizes(random, 4, low=4)
    labels = torch.randint(0, n, (b, h, w), generator=random)
    labels[labels == 1] = 2  # class 1 is absent
    probability = torch.rand(b, h, w, generator=random, dtype=torch.float64)
    labels[:, 0, :2], probability[:, 0, :2] = IGNORE_INDEX, 0.1
    labels[:, 1, :3] = torch.tensor([0, 2, n - 1])
    probability[:, 1, :3], probability[:, 2, :3] = 0.1, 0.95
    labels[:, 2, :3] = torch.tensor([0, 2, n - 1])
    return probability, labels, 0.6 + 0.2 * torch.rand((), generator=random).item(), n


def _mirror_case(random: torch.Generator) -> Case:
    b, n, h, w = distinct_sizes(random, 4, low=3)
    return tuple(2 * torch.randn(b, n, h, w, generator=random, dtype=torch.float64) for _ in range(2))


def _scales_cases(random: torch.Generator) -> list[Case]:
    """Two, three and four scales, of which one may have the size of the image already."""
    cases = []
    for steps in ((1, 6), (1, 3, 6), (1, 3, 4, 6)):
        b, n, h, w = distinct_sizes(random, 4, low=3)
        sizes = [(h + k, w + 2 * k) for k in steps]
        logits = [2 * torch.randn(b, n, *size, generator=random, dtype=torch.float64) for size in sizes]
        cases.append((logits, sizes[1] if len(steps) == 4 else (h + 2, w + 3)))
    return cases
