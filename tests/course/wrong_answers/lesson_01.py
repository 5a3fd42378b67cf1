"""Wrong answers to the exercises of lesson 01, and right ones."""

import torch
import torch.nn.functional as F

from acflib import functional


def safe(sums, mass):
    return torch.where(mass[..., None] > 0, sums / mass[..., None].clamp_min(1e-12), 0.0)


def class_by_class(x, y, n):
    centers = torch.zeros(len(x), n, x.shape[1], dtype=x.dtype)
    for b in range(len(x)):
        for i in y[b].unique():
            if i < n:
                centers[b, i] = x[b, :, y[b] == i].mean(1)
    return centers


def sums(x, weights):
    return torch.einsum("bchw,bnhw->bnc", x, weights)


def one_hot(labels, n):
    return torch.stack([labels == i for i in range(n)], dim=1).double()


def eq1(x, y, n):
    weights = one_hot(y, n)
    return safe(sums(x, weights), weights.sum((2, 3)))


def eq2(x, z):
    p = z.softmax(1)
    return sums(x, p) / p.sum((2, 3))[..., None]


def mixed_up(x, weights):
    """A reshape in place of the transpose, (B, C, H, W) -> (B, HW, C)."""
    return safe(weights.flatten(2) @ x.reshape(len(x), -1, x.shape[1]), weights.sum((2, 3)))


def merged(a, m, b, k):
    return safe(a * m[:, None] + b * k[:, None], m + k)


def channel_softmax(x, z):
    energy = z.softmax(1).flatten(2) @ x.flatten(2).transpose(1, 2)
    return (energy.max(-1, keepdim=True).values - energy).softmax(-1)


def with_nan(x, y, n):
    weights = one_hot(y, n)
    return sums(x, weights) / weights.sum((2, 3))[..., None]


def with_one_hot(x, y, n):
    return sums(x, F.one_hot(y, n).permute(0, 3, 1, 2).double())


def over_the_batch(x, weights):
    return safe(sums(x, weights).sum(0), weights.sum((0, 2, 3))).expand(len(x), -1, -1)


def guarded(guard):
    """Eq. 2 with something done to the mass (B, N)."""

    def answer(x, z):
        p = z.softmax(1)
        return sums(x, p) / guard(p.sum((2, 3)))[..., None]

    return answer


def at_least(least):
    return guarded(lambda mass: mass.clamp(min=least))


def by_hand(shift):
    """A softmax in own lines, of the logits minus something."""

    def answer(x, z):
        p = (z - shift(z)).exp()
        p = p / p.sum(1, keepdim=True)
        return sums(x, p) / p.sum((2, 3))[..., None]

    return answer


def in_place(x, y, n):
    result = eq1(x, y, n)
    y[y == 255] = 0
    return result


def last_class_from_labels(x, y, n):
    return eq1(x, y, int(y[y != 255].max()) + 1)


def empty_is_nan(x, y, n):
    """NaN where a whole picture is ignored."""
    nothing = (y == 255).flatten(1).all(1)[:, None, None]
    return eq1(x, y, n).masked_fill(nothing, torch.nan)


def mean_of_present(a, m, b, k):
    there = (m > 0).double() + (k > 0).double()
    return (a + b) / there.clamp(min=1)[:, None]


def merged_with(guard):
    return lambda a, m, b, k: (a * m[:, None] + b * k[:, None]) / guard(m + k)[:, None]


def absent_by_center(a, m, b, k):
    """A class is taken to be absent where its center is 0."""
    result = torch.zeros_like(a)
    for i in range(len(a)):
        if (a[i] == 0).all():
            result[i] = b[i]
        elif (b[i] == 0).all():
            result[i] = a[i]
        else:
            result[i] = (m[i] * a[i] + k[i] * b[i]) / (m[i] + k[i])
    return result


def zeroed(a, m, b, k):
    result = merged(a, m, b, k)
    m.zero_()
    return result


ANSWERS = {
    "hard_centers": {
        "right": [eq1, class_by_class],
        "mistakes": {
            "sums": (lambda x, y, n: sums(x, one_hot(y, n)), "sums, not means"),
            "over all pixels": (lambda x, y, n: sums(x, one_hot(y, n)) / (y.shape[1] * y.shape[2]), "divide by H*W"),
            "absent class": (with_nan, "NaN"),
            "one_hot of 255": (with_one_hot, "ignore label, used as if it were a class"),
            "255 last": (lambda x, y, n: eq1(x, y.clamp(max=n - 1), n), "averaged into the last class"),
            "255 first": (lambda x, y, n: eq1(x, torch.where(y == 255, 0, y), n), "averaged into class 0"),
            "over the batch": (lambda x, y, n: over_the_batch(x, one_hot(y, n)), "images of a batch are mixed"),
            "reshape": (lambda x, y, n: mixed_up(x, one_hot(y, n)), "transpose is meant"),
            "axes": (lambda x, y, n: eq1(x, y, n).transpose(1, 2), "axes are swapped"),
            "last class from the labels": (last_class_from_labels, "absent from the whole batch"),
            "ignored picture": (empty_is_nan, "All pixels of a picture may be ignored"),
            "one image": (lambda x, y, n: eq1(x, y, n)[0], "must be"),
            "a list": (lambda x, y, n: eq1(x, y, n).tolist(), "not a tensor"),
            "the library": (functional.hard_class_centers, "calls `hard_class_centers` of acflib"),
            "the library within": (
                lambda x, y, n: functional.class_centers(x, one_hot(y, n)) + 0,
                "calls `class_centers` of acflib",
            ),
            "whole numbers": (lambda x, y, n: eq1(x, y, n).round().long(), "means, so floats"),
            "one added": (
                lambda x, y, n: sums(x, one_hot(y, n)) / (one_hot(y, n).sum((2, 3)) + 1)[..., None],
                "You add 1 to the number of pixels",
            ),
            "in place": (in_place, "No line of the rubric is about this alone: it costs the first."),
        },
    },
    "centers_from_logits": {
        "right": [eq2, by_hand(lambda z: z.amax(1, keepdim=True)), guarded(lambda mass: mass + 1e-12)],
        "mistakes": {
            "raw logits": (lambda x, z: sums(x, z) / z.sum((2, 3))[..., None], "softmax is forgotten"),
            "rows": (lambda x, z: functional.class_centers(x, z.softmax(2)), "over the rows"),
            "columns": (lambda x, z: functional.class_centers(x, z.softmax(-1)), "over the columns"),
            "pixels": (lambda x, z: sums(x, z.flatten(2).softmax(-1).view_as(z)), "over all pixels"),
            "pictures": (lambda x, z: functional.class_centers(x, z.softmax(0)), "pictures of the batch (dim 0)"),
            "sigmoid": (lambda x, z: functional.class_centers(x, z.sigmoid()), "sigmoid"),
            "argmax": (lambda x, z: eq1(x, z.argmax(1), z.shape[1]), "argmax"),
            "sums": (lambda x, z: sums(x, z.softmax(1)), "normalizer is missing"),
            "H*W": (lambda x, z: (x[:, None] * z.softmax(1)[:, :, None]).mean((3, 4)), "divide by H*W"),
            "channels": (channel_softmax, "softmax over channels"),
            "reshape": (lambda x, z: mixed_up(x, z.softmax(1)), "transpose is meant"),
            "axes": (lambda x, z: eq2(x, z).transpose(1, 2), "axes are swapped"),
            "something else": (lambda x, z: eq2(x, z) + 1, "is right"),
            "mass at least 1": (at_least(1), "clamp(min=1)"),
            "mass at least 0.1": (at_least(0.1), "clamp(min=0.1)"),
            "mass at least 0.001": (at_least(1e-3), "hardly there"),
            "mass above 0.001": (guarded(lambda mass: mass.masked_fill(mass < 1e-3, torch.inf)), "a threshold such as"),
            "mass plus 0.000001": (guarded(lambda mass: mass + 1e-6), "a number added to the mass"),
            "mass of the batch": (guarded(lambda mass: mass.sum(0, keepdim=True)), "mass is summed over the pictures"),
            "over the batch": (lambda x, z: over_the_batch(x, z.softmax(1)), "pictures of a batch are mixed"),
            "own softmax": (by_hand(lambda z: 0), "far from 0"),
            "the library": (lambda x, z: functional.class_centers(x, z.softmax(1)), "calls `class_centers` of acflib"),
            "detached": (lambda x, z: eq2(x, z).detach(), "no gradient reaches `x`"),
            "half detached": (lambda x, z: eq2(x, z.detach()), "no gradient reaches `z`"),
            "numpy": (lambda x, z: torch.from_numpy(eq2(x, z).numpy()), "no gradient can reach `x`"),
            "half precision": (lambda x, z: eq2(x, z).half(), "too coarse: it is torch.float16"),
        },
    },
    "merge_centers": {
        "right": [merged],
        "mistakes": {
            "plain mean": (lambda a, m, b, k: (a + b) / 2, "plain mean of the two"),
            "mean of present": (mean_of_present, "centers that are there"),
            "swapped": (lambda a, m, b, k: merged(a, k, b, m), "swapped"),
            "sums": (lambda a, m, b, k: a * m[:, None] + b * k[:, None], "normalizer is missing"),
            "added": (lambda a, m, b, k: a + b, "just add"),
            "total mass": (lambda a, m, b, k: (a * m.sum() + b * k.sum()) / (m.sum() + k.sum()), "total mass"),
            "absent class": (lambda a, m, b, k: (a * m[:, None] + b * k[:, None]) / (m + k)[:, None], "NaN"),
            "mass at least 1": (
                merged_with(lambda mass: mass.clamp(min=1)),
                "clamp(min=1)",
            ),
            "mass at least 0.1": (merged_with(lambda mass: mass.clamp(min=0.1)), "clamp(min=0.1)"),
            "mass above 0.001": (merged_with(lambda mass: mass.masked_fill(mass < 1e-3, torch.inf)), "a threshold"),
            "mass plus 0.000001": (merged_with(lambda mass: mass + 1e-6), "a number added"),
            "whole masses": (lambda a, m, b, k: merged(a, m.long(), b, k.long()), "cut the masses to whole numbers"),
            "absent by center": (absent_by_center, "whatever its center"),
            "absent by the other center": (
                lambda a, m, b, k: torch.where((b == 0).all(1, keepdim=True), a, merged(a, m, b, k)),
                "whatever its center",
            ),
            "changes its argument": (zeroed, "changes its argument `m`"),
            "raises": (lambda a, m, b, k: a @ b, "raised RuntimeError"),
        },
    },
}

AGAIN = {"centers_from_logits": [(by_hand(lambda z: z.amax((1, 2, 3), keepdim=True)), "far from 0")]}
