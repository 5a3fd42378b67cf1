"""Exercises of lesson 01: class centers."""

from collections.abc import Callable

import torch
from torch import Tensor

from acflib import functional
from acflib.course.checks import extremes
from acflib.course.checks.judge import Answer, Case, Hints, Verdict, distinct_sizes, judge, random_cases
from acflib.functional import IGNORE_INDEX

CENTERS = Hints(
    nan="A class without pixels divides 0 by 0; its center is 0.",
    swapped="The axes are swapped: first the classes, then the channels.",
    whole="centers are means, so floats.",
)
HARDLY_THERE = (
    "A class may be hardly there: its mass is a sum of probabilities, so it can lie far below 1. clamp(min=1) or "
    "clamp(min=0.1), a number added to the mass, or a threshold such as mass > 0.001, makes the center of such a class "
    "too small, or 0. Protect the mass 0 alone."
)
RESHAPED = (
    "A reshape stands where a transpose is meant: it mixes pixels and channels. First flatten(2), (B, C, HW), and then "
    "transpose(1, 2), (B, HW, C)."
)


def hard_centers(student: Answer) -> Verdict:
    """Lesson 01, exercise 1. Eq. 1: ``student(features, labels, num_classes)`` -> centers (B, N, C).

    features (B, C, H, W), labels int64 (B, H, W) with 255 = ignore. Absent classes must have the center 0.
    """
    mistakes = {
        "These are sums, not means. Divide by the number of pixels of each class (the denominator of Eq. 1).": (
            lambda x, y, n: _sums(x, _one_hot(y, n))
        ),
        "You divide by H*W, the number of all pixels. Eq. 1 divides by the number of pixels of that class.": (
            lambda x, y, n: _sums(x, _one_hot(y, n)) / y[0].numel()
        ),
        "The ignored pixels (255) are averaged into the last class. They belong to no class: leave them out.": (
            lambda x, y, n: functional.hard_class_centers(x, y.clamp(max=n - 1), n)
        ),
        "The ignored pixels (255) are averaged into class 0. They belong to no class: leave them out.": (
            lambda x, y, n: functional.hard_class_centers(x, y.masked_fill(y == IGNORE_INDEX, 0), n)
        ),
        "The images of a batch are mixed. Each image has its own centers: sum over H and W, not over B.": (
            lambda x, y, n: _pooled_over_batch(x, _one_hot(y, n))
        ),
        RESHAPED: lambda x, y, n: functional.hard_class_centers(_reshaped(x), y, n),
        "You add 1 to the number of pixels of each class. That moves every center: protect the number 0 alone.": (
            lambda x, y, n: _sums(x, _one_hot(y, n)) / (_one_hot(y, n).sum((2, 3)) + 1)[..., None]
        ),
    }
    cases = random_cases(_label_case)
    features, labels, n = cases[0]
    ignored = labels.clone()
    ignored[1] = IGNORE_INDEX
    corners = {
        "The last class may be absent from the whole batch. There are num_classes centers, whatever labels occur.": (
            features,
            labels.masked_fill((labels == n - 1) | (labels == IGNORE_INDEX), 0),
            n,
        ),
        "All pixels of a picture may be ignored. Then each of its centers is the zero vector.": (features, ignored, n),
    }
    right = functional.hard_class_centers
    return judge(student, cases, right, mistakes, corners=corners, hints=CENTERS, own_lines=True, rubric="hard_centers")


def centers_from_logits(student: Answer) -> Verdict:
    """Lesson 01, exercise 2. Eq. 2: ``student(features, logits)`` -> centers (B, N, C).

    features (B, C, H, W), logits (B, N, H, W): the coarse result before the softmax.
    """
    mistakes = {
        "The softmax is forgotten: you weight the pixels with raw logits, which can be negative.": (
            lambda x, z: _sums(x, z) / z.sum((2, 3))[..., None]
        ),
        "Softmax over the wrong axis: over the rows (dim 2). The classes are dim 1.": _after(_softmax(2)),
        "Softmax over the wrong axis: over the columns (dim 3). The classes are dim 1.": _after(_softmax(3)),
        "Softmax over the wrong axis: over the pictures of the batch (dim 0). The classes are dim 1.": (
            _after(_softmax(0))
        ),
        "Softmax over the wrong axis: over all pixels. Each pixel must share its 1 among the classes: dim 1.": (
            _after(lambda z: z.flatten(2).softmax(2).view_as(z))
        ),
        "A sigmoid treats each class alone. P_coarse is a softmax over the classes (dim 1).": _after(torch.sigmoid),
        "You take the most likely class only (argmax). Eq. 2 weights each pixel with its probability.": (
            lambda x, z: functional.hard_class_centers(x, z.argmax(1), z.shape[1])
        ),
        "The normalizer is missing: these are weighted sums. Divide by the sum of P over the pixels.": (
            lambda x, z: _sums(x, z.softmax(1))
        ),
        "You divide by H*W. Eq. 2 divides by the sum of P of that class over the pixels.": (
            lambda x, z: _sums(x, z.softmax(1)) / z[0, 0].numel()
        ),
        "The mass is summed over the pictures of the batch. Each picture has its own: sum over H and W, not over B.": (
            lambda x, z: _sums(x, z.softmax(1)) / z.softmax(1).sum((0, 2, 3))[:, None]
        ),
        "The pictures of a batch are mixed. Each has its own centers: sum over H and W, not over B.": (
            lambda x, z: _pooled_over_batch(x, z.softmax(1))
        ),
        HARDLY_THERE: lambda x, z: _sums(x, z.softmax(1)) / z.softmax(1).sum((2, 3)).clamp(min=1)[..., None],
        "This is a softmax over channels of (max - energy). It is no mean of features: "
        "the largest channels get the smallest value. Divide P F' by the sum of P instead.": _channel_softmax,
        RESHAPED: lambda x, z: functional.class_centers(_reshaped(x), z.softmax(1)),
    }
    features, logits = random_cases(_logit_case, 1)[0]
    corners = {
        HARDLY_THERE: (features, extremes.rare_class(logits, 1e-5)),
        extremes.SOFTMAX: (features, extremes.far_from_0(logits)),
    }

    def right(x: Tensor, z: Tensor) -> Tensor:
        return functional.class_centers(x, z.softmax(1))

    cases = random_cases(_logit_case)
    return judge(
        student,
        cases,
        right,
        mistakes,
        corners=corners,
        hints=CENTERS,
        gradients=(0, 1),
        own_lines=True,
        rubric="centers_from_logits",
        rtol=1e-4,  # 0.000001 in a divisor is told by the corner
    )


def merge_centers(student: Answer) -> Verdict:
    """Lesson 01, exercise 3: ``student(centers_a, mass_a, centers_b, mass_b)`` -> the centers of both images together.

    centers (N, C), mass (N,): the sum of P, or the number of pixels, behind each center; 0 for an absent class.
    """

    def over(numerator: Tensor, mass: Tensor) -> Tensor:
        return numerator / mass.masked_fill(mass == 0, torch.inf)[:, None]

    def right(a: Tensor, m: Tensor, b: Tensor, k: Tensor) -> Tensor:
        return over(a * m[:, None] + b * k[:, None], m + k)

    mistakes = {
        "This is the plain mean of the two centers. A class with 3 pixels here and 300 there is not half and half: "
        "weight each center with its mass.": lambda a, m, b, k: (a + b) / 2,
        "This is the plain mean of the centers that are there. A class may have 3 pixels here and 300 there: weight "
        "each center with its mass.": _mean_of_present,
        "The two masses are swapped: each center belongs to its own mass.": lambda a, m, b, k: right(a, k, b, m),
        "The normalizer is missing: divide by the sum of both masses.": (
            lambda a, m, b, k: a * m[:, None] + b * k[:, None]
        ),
        "You just add the two centers. Weight each with its mass, and divide by the sum of both masses.": (
            lambda a, m, b, k: a + b
        ),
        "The masses must count per class. You weight all classes with the total mass of each image.": (
            lambda a, m, b, k: (a * m.sum() + b * k.sum()) / (m.sum() + k.sum())
        ),
        "You cut the masses to whole numbers. A sum of probabilities is none: weight with the masses as they are.": (
            lambda a, m, b, k: right(a, m.floor(), b, k.floor())
        ),
    }
    corners = {
        "A class is there if its mass is above 0, whatever its center: that of a class that is there may be the zero "
        "vector, too (behind a ReLU). It counts with its mass.": random_cases(_zero_center_case, 1)[0],
        HARDLY_THERE: random_cases(_small_mass_case, 1)[0],
    }
    return judge(
        student, random_cases(_merge_case), right, mistakes, corners=corners, hints=CENTERS, rubric="merge_centers"
    )


# ---- random inputs. Sides, channels and classes all differ, so that no two axes can be mistaken for each other.


def _label_case(random: torch.Generator) -> Case:
    b, c, h, w, n = distinct_sizes(random, 5, low=3)
    features = torch.randn(b, c, h, w, generator=random, dtype=torch.float64) + 1
    labels = torch.randint(0, n - 1, (b, h, w), generator=random)  # class n-1 is absent from all images ...
    labels[0, -1, -1] = n - 1  # ... but the first
    labels[:, 0, 0] = 0
    labels[:, 0, 1] = IGNORE_INDEX
    return features, labels, n


def _logit_case(random: torch.Generator) -> Case:
    b, c, h, w, n = distinct_sizes(random, 5)
    features = torch.randn(b, c, h, w, generator=random, dtype=torch.float64) + 1
    return features, 2 * torch.randn(b, n, h, w, generator=random, dtype=torch.float64)


def _small_mass_case(random: torch.Generator) -> Case:
    """Every class is in both images, the first with masses above 1, the others with 0.00001 to 0.00002."""
    a, mass_a, b, mass_b = _merge_case(random)
    small_a, small_b = (1e-5 * (1 + mass / 50) for mass in (mass_a, mass_b))
    small_a[0], small_b[0] = 1.5, 2.7
    return a + 1, small_a, b + 1, small_b


def _zero_center_case(random: torch.Generator) -> Case:
    """Every class is in both images, but the center of class 0 is 0 in the first, that of class 1 in the second."""
    a, mass_a, b, mass_b = _merge_case(random)
    a, b = a + 1, b + 1
    a[0], b[1] = 0, 0
    return a, mass_a + 1, b, mass_b + 2


def _merge_case(random: torch.Generator) -> Case:
    n, c = distinct_sizes(random, 2, low=3)
    masses = torch.randint(1, 50, (2, n), generator=random).double()
    masses[0, 0] = 0  # class 0 is absent from the first image,
    masses[:, 1] = 0  # class 1 from both
    centers = torch.randn(2, n, c, generator=random, dtype=torch.float64) * (masses > 0)[..., None]
    return centers[0], masses[0], centers[1], masses[1]


# ---- parts of the mistakes


def _one_hot(labels: Tensor, num_classes: int) -> Tensor:
    return functional.label_fractions(labels, num_classes, dtype=torch.float64)


def _sums(features: Tensor, weights: Tensor) -> Tensor:
    return torch.einsum("bchw,bnhw->bnc", features, weights)


def _reshaped(features: Tensor) -> Tensor:
    """The features that a product sees where (B, C, H, W) was reshaped to (B, HW, C) instead of transposed."""
    b, c, h, w = features.shape
    return features.reshape(b, h * w, c).transpose(1, 2).reshape(b, c, h, w)  # (B, HW, C) -> (B, C, HW) -> (B, C, H, W)


def _softmax(axis: int) -> Callable[[Tensor], Tensor]:
    return lambda logits: logits.softmax(axis)


def _after(activation: Callable[[Tensor], Tensor]) -> Answer:
    """Centers as in Eq. 2, with something else in place of the softmax over classes."""
    return lambda features, logits: functional.class_centers(features, activation(logits))


def _pooled_over_batch(features: Tensor, weights: Tensor) -> Tensor:
    mass = weights.sum((0, 2, 3))
    sums = _sums(features, weights).sum(0)
    return (sums / mass.masked_fill(mass == 0, torch.inf)[:, None]).expand(len(features), -1, -1)


def _mean_of_present(a: Tensor, mass_a: Tensor, b: Tensor, mass_b: Tensor) -> Tensor:
    there_a, there_b = ((mass > 0).to(a.dtype)[:, None] for mass in (mass_a, mass_b))
    return (a * there_a + b * there_b) / (there_a + there_b).clamp(min=1)


def _channel_softmax(features: Tensor, logits: Tensor) -> Tensor:
    energy = _sums(features, logits.softmax(1))
    return (energy.amax(2, keepdim=True) - energy).softmax(2)
