"""Exercises of lesson 10: where it helps."""

import torch
from torch import Tensor

from acflib.course.checks.judge import Answer, Case, Verdict, distinct_sizes, judge, random_cases
from acflib.functional import IGNORE_INDEX


def net_by_class(student: Answer) -> Verdict:
    """Lesson 10, exercise 1: ``student(coarse, fine, truth, num_classes)`` -> fixed - broken of each true class, (N,).

    coarse, fine and truth are class maps int64 (H, W), truth with 255 = ignore. Whole numbers.
    """

    def count(pixels: Tensor, classes: Tensor, n: int) -> Tensor:
        return torch.bincount(classes[pixels & (classes < n)], minlength=n)

    def net(coarse: Tensor, fine: Tensor, truth: Tensor, n: int, *, by: Tensor | None = None) -> Tensor:
        by = truth if by is None else by
        counted = truth != IGNORE_INDEX
        fixed, broken = (coarse != truth) & (fine == truth), (coarse == truth) & (fine != truth)
        return count(fixed & counted, by, n) - count(broken & counted, by, n)

    def ignored_as_last(coarse: Tensor, fine: Tensor, truth: Tensor, n: int) -> Tensor:
        return net(coarse, fine, truth.clamp(max=n - 1), n)

    mistakes = {
        "The sign is wrong: pixels that fine fixes count +1, pixels that it breaks -1.": lambda *c: -net(*c),
        "These are the fixed pixels alone. Fine also breaks pixels that coarse has right: subtract them.": (
            lambda c, f, t, n: count((c != t) & (f == t), t, n)
        ),
        "You add fixed and broken. Subtract: a pixel that is broken is a loss.": (
            lambda c, f, t, n: count((c == t) != (f == t), t, n)
        ),
        "You sort the pixels by the class of the fine result. Sort by the true class.": lambda *c: net(*c, by=c[1]),
        "You sort the pixels by the class of the coarse result. Sort by the true class.": lambda *c: net(*c, by=c[0]),
        "You count all changed pixels. A change from one wrong class to another wins nothing.": (
            lambda c, f, t, n: count((c != f) & (f == t), t, n) - count((c != f) & (f != t), t, n)
        ),
        "The ignored pixels (255) count for the last class. They count for nothing.": ignored_as_last,
        "These are numbers of right fine pixels. Asked is what fine wins over coarse.": (
            lambda c, f, t, n: count(f == t, t, n)
        ),
    }
    coarse, fine, truth = torch.tensor([[[0, 0, 1, 0]], [[1, 1, 1, 3]], [[0, 1, 1, 3]]])
    absent = "Classes 2 and 4 do not occur in the truth here. They stand in the result, too, with 0."
    return judge(
        student,
        random_cases(_map_case),
        net,
        mistakes,
        corners={absent: (coarse, fine, truth, 5)},
        rubric="net_by_class",
    )


def swap_classes(student: Answer) -> Verdict:
    """Lesson 10, exercise 2: ``student(P, a, b)`` -> class maps (B, N, H, W) with the classes a and b swapped.

    P must stay as it is: it is needed again.
    """

    def right(P: Tensor, a: int, b: int) -> Tensor:
        order = list(range(P.shape[1]))
        order[a], order[b] = b, a
        return P[:, order]

    def both(P: Tensor, source: int, target: int) -> Tensor:
        changed = P.clone()
        changed[:, target] = P[:, source]
        return changed

    def of_axis(P: Tensor, a: int, b: int, axis: int) -> Tensor:
        return right(P.transpose(1, axis), a, b).transpose(1, axis)

    def moved(P: Tensor, a: int, b: int) -> Tensor:
        changed = both(P, a, b)
        changed[:, b] += P[:, b]
        changed[:, a] = 0
        return changed

    mistakes = {
        "Both classes now hold the map of b. P[:, a] is a view: it changes while you copy. Clone it first.": (
            lambda P, a, b: both(P, b, a)
        ),
        "Both classes now hold the map of a. P[:, b] is a view: it changes while you copy. Clone it first.": both,
        "Nothing is swapped.": lambda P, a, b: P,
        "The images of the batch are swapped (dim 0). The classes are dim 1.": lambda P, a, b: of_axis(P, a, b, 0),
        "Rows are swapped (dim 2). The classes are dim 1.": lambda P, a, b: of_axis(P, a, b, 2),
        "Columns are swapped (dim 3). The classes are dim 1.": lambda P, a, b: of_axis(P, a, b, 3),
        "Class a went into class b, and is gone. A swap is both ways.": moved,
    }
    cases = random_cases(_probability_case)
    corners = {"a may be larger than b.": (cases[0][0], 2, 0)}
    return judge(student, cases, right, mistakes, corners=corners, rubric="swap_classes")


def good_and_bad(student: Answer) -> Verdict:
    """Lesson 10, exercise 3: ``student(gains, k)`` -> (good, bad), positions of the k largest and k smallest gains.

    gains (M,), good from the largest down, bad from the smallest up, each int64 (k,). Of equal gains the first comes
    first.
    """

    def first(values: Tensor, k: int) -> Tensor:
        return values.argsort(stable=True)[:k]

    def right(gains: Tensor, k: int) -> tuple:
        return first(-gains, k), first(gains, k)

    def last_of_equals(gains: Tensor, k: int) -> tuple:
        turned = right(gains.flip(0), k)
        return len(gains) - 1 - turned[0], len(gains) - 1 - turned[1]

    def by_topk(gains: Tensor, k: int) -> tuple:
        return gains.topk(k).indices, gains.topk(k, largest=False).indices

    def gains_themselves(gains: Tensor, k: int) -> tuple:
        good, bad = right(gains, k)
        return gains[good], gains[bad]

    mistakes = {
        "The good ones are the largest changes of either sign. A large loss is no good case: sort without abs().": (
            lambda g, k: (first(-g.abs(), k), first(g, k))
        ),
        "The bad ones are those in which little happens. Bad cases are those with the largest loss.": (
            lambda g, k: (first(-g, k), first(g.abs(), k))
        ),
        "Good and bad are swapped.": lambda g, k: right(g, k)[::-1],
        "The bad ones come in the wrong order: the worst first.": lambda g, k: (first(-g, k), first(g, k).flip(0)),
        "Of equal gains the first must count first. Use a stable sort.": last_of_equals,
        "argsort promises no order among equal gains, and the first must count first: stable=True.": (
            lambda g, k: (g.argsort(descending=True)[:k], g.argsort()[:k])
        ),
        "topk promises no order among equal gains, and the first must count first. Use a stable sort.": by_topk,
        "The bad ones are the end of the list of the good ones, turned round: of equal gains that takes the last one "
        "first. Sort a second time, from the smallest up.": lambda g, k: (first(-g, k), last_of_equals(g, k)[1]),
        "The good ones are the end of the list of the bad ones, turned round: of equal gains that takes the last one "
        "first. Sort a second time, from the largest down.": lambda g, k: (last_of_equals(g, k)[0], first(g, k)),
        "The second list continues the first. Bad cases are at the other end.": (
            lambda g, k: (first(-g, k), first(-g, 2 * k)[k:])
        ),
        "These are the gains. Asked are their positions.": gains_themselves,
    }
    cases = random_cases(_gains_case)
    gains = cases[0][0]
    corners = {
        "All scenes are asked for here, k of k, in both orders.": (gains + 1e-3 * torch.arange(len(gains)), len(gains)),
        "Of equal gains the first must count first, inside the lists, too. Use a stable sort.": (gains, len(gains)),
    }
    return judge(student, cases, right, mistakes, corners=corners, rubric="good_and_bad")


def mixed_probs(student: Answer) -> Verdict:
    """Lesson 10, exercise 4: ``student(P, mask, cls, share)`` -> class maps (B, N, H, W).

    Where mask (B, H, W) is True, class ``cls`` gets ``share`` and the rest shrinks to 1 - share; elsewhere P stays.
    P must stay as it is.
    """

    def target(P: Tensor, cls: int) -> Tensor:
        pure = torch.zeros_like(P)
        pure[:, cls] = 1
        return pure

    def inside(mask: Tensor, changed: Tensor, P: Tensor) -> Tensor:
        return torch.where(mask[:, None], changed, P)  # (B, H, W) -> (B, 1, H, W)

    def right(P: Tensor, mask: Tensor, cls: int, share: float) -> Tensor:
        return inside(mask, (1 - share) * P + share * target(P, cls), P)

    mistakes = {
        "The probabilities of a painted pixel no longer sum to 1: shrink the old ones by the factor 1 - share.": (
            lambda P, m, i, s: inside(m, P + s * target(P, i), P)
        ),
        "The old probabilities shrink, but class cls gets nothing.": lambda P, m, i, s: inside(m, (1 - s) * P, P),
        "All of the old probabilities shrink. Outside of the mask is nothing to change.": (
            lambda P, m, i, s: (1 - s) * P + s * m[:, None] * target(P, i)
        ),
        "Outside of the mask your result is 0. There P stays.": (
            lambda P, m, i, s: inside(m, right(P, m, i, s), torch.zeros_like(P))
        ),
        "Class cls gets 1 on top, and not share.": lambda P, m, i, s: inside(m, (1 - s) * P + target(P, i), P),
        "Class cls is raised to share where it has less, and the others keep all of theirs. Shrink, then add.": (
            lambda P, m, i, s: inside(m, P.maximum(s * target(P, i)), P)
        ),
        "The other classes get equal parts. Each must keep 1 - share of what it had.": (
            lambda P, m, i, s: inside(m, torch.where(target(P, i) > 0, s, (1 - s) / (P.shape[1] - 1)), P)
        ),
        "The mask is not used: all pixels are painted.": lambda P, m, i, s: right(P, torch.ones_like(m), i, s),
        "The mask is used the wrong way round.": lambda P, m, i, s: right(P, ~m, i, s),
        "The share is not used: the painted pixels belong to cls alone.": lambda P, m, i, s: right(P, m, i, 1.0),
        "The share is used the wrong way round: share = 0 must change nothing.": lambda P, m, i, s: right(
            P, m, i, 1 - s
        ),
        "Class cls is set to share, and the other classes keep all of theirs. They must share 1 - share.": (
            lambda P, m, i, s: inside(m, torch.where(target(P, i) > 0, s, P), P)
        ),
        "Class cls gets share, but must also keep its part of the rest: (1 - share) P + share.": (
            lambda P, m, i, s: inside(m, torch.where(target(P, i) > 0, s, (1 - s) * P), P)
        ),
        "Class cls has exactly share now. Shrink all classes by the same factor 1 - share, cls too; then add share.": (
            lambda P, m, i, s: inside(m, torch.where(target(P, i) > 0, s, (1 - s) * P / (1 - P[:, i : i + 1])), P)
        ),
        "Only class cls shrinks before it gets share. The other classes must shrink by 1 - share, too.": (
            lambda P, m, i, s: inside(m, torch.where(target(P, i) > 0, s + (1 - s) * P, P), P)
        ),
        "You add share and divide by 1 + share. Then cls gets less than share: shrink by 1 - share, then add.": (
            lambda P, m, i, s: inside(m, (P + s * target(P, i)) / (1 + s), P)
        ),
    }
    return judge(student, random_cases(_paint_case), right, mistakes, rubric="mixed_probs")


# ---- random inputs


def _map_case(random: torch.Generator) -> Case:
    h, w, n = distinct_sizes(random, 3, low=4)
    h, w = 3 * h, 3 * w
    truth = torch.randint(0, n, (h, w), generator=random)
    truth[0] = IGNORE_INDEX
    coarse, fine = (_mostly(truth, n, random) for _ in range(2))
    coarse[0, 0], fine[0, :2] = n - 1, n - 2
    coarse[0, 1] = n - 1  # 255 taken for the last class would count two broken pixels
    return coarse, fine, truth, n


def _mostly(truth: Tensor, n: int, random: torch.Generator) -> Tensor:
    """A class map that is right at about half of the pixels, and more so at those of low classes."""
    other = torch.randint(0, n, truth.shape, generator=random)
    keep = torch.rand(truth.shape, generator=random) < 0.8 - 0.5 * truth.clamp(max=n - 1) / n
    return torch.where(keep & (truth != IGNORE_INDEX), truth, other)


def _probability_case(random: torch.Generator) -> Case:
    b, n, h, w = distinct_sizes(random, 4, low=3)
    P = torch.randn(b, n, h, w, generator=random, dtype=torch.float64).softmax(1)
    first = int(torch.randint(0, 2, (1,), generator=random))
    return P, first, 2


def _gains_case(random: torch.Generator) -> Case:
    count, k = distinct_sizes(random, 2, low=2, high=4)
    gains = torch.randn(8 + count, generator=random, dtype=torch.float64)
    gains = torch.cat([gains - 3 * gains.abs().max(), gains.new_zeros(count), gains * 0.1 + 5, gains - gains + 0.25])
    order = torch.randperm(len(gains), generator=random)
    gains[gains.argmax()] = gains.max() - 1
    low, high = gains.min() - 1, gains.max() + 1
    gains[order[:2]], gains[order[2:4]] = high, low  # two largest and two smallest are equal
    return gains, k


def _paint_case(random: torch.Generator) -> Case:
    b, n, h, w = distinct_sizes(random, 4, low=3)
    P = torch.randn(b, n, h, w, generator=random, dtype=torch.float64).softmax(1)
    mask = torch.rand(b, h, w, generator=random) < 0.4
    mask[0, 0], mask[0, 1] = True, False
    return P, mask, n - 2, 0.1 + 0.3 * torch.rand(1, generator=random).item()
