"""Checks of lesson 05: losses and schedule (Eq. 4, class balance, bootstrapping, the poly rule)."""

from collections.abc import Callable

import torch
from torch import Tensor

from acflib import losses
from acflib.course.checks import bootstrapping as pixels
from acflib.course.checks import extremes
from acflib.course.checks.compare import copied
from acflib.course.checks.judge import Answer, Case, Hints, Verdict, distinct_sizes, judge, random_cases
from acflib.functional import IGNORE_INDEX

Part = tuple[Tensor, Tensor]

BELOW_1 = (
    "The sum of the weights may lie below 1, as with one labeled pixel of weight 0.5. clamp(min=1) then divides by 1: "
    "protect the sum 0 alone."
)
LOSS = Hints(nan="Where every pixel is ignored the denominator is 0; the loss must be 0 there.")


def poly_rates(student: Answer) -> Verdict:
    """Lesson 05, exercise 1. ``student(initial, iterations, power)`` -> the rate of every step, (iterations,)."""

    def rates(factor: Callable[[Tensor, int, float], Tensor]) -> Answer:
        return lambda a, n, p: a * factor(torch.arange(n, dtype=torch.float64), n, p)

    mistakes = {
        "The first step already has a smaller rate: iterations count from 0, so the first factor is 1.": (
            rates(lambda k, n, p: (1 - (k + 1) / n) ** p)
        ),
        "Your last rate is 0, a step that does nothing. Divide by the number of iterations, not by one less.": (
            rates(lambda k, n, p: (1 - k / (n - 1)) ** p)
        ),
        "The power is missing: this is a straight line.": rates(lambda k, n, p: 1 - k / n),
        "You always take 0.9, the power of the paper. Here it is an argument: `power`.": (
            rates(lambda k, n, p: (1 - k / n) ** 0.9)
        ),
        "The power stands at the wrong place: (1 - iteration / iterations) ** power.": (
            rates(lambda k, n, p: 1 - (k / n) ** p)
        ),
        "This decays exponentially: power ** iteration. In the poly rule the power is the exponent.": (
            rates(lambda k, n, p: p**k)
        ),
        "You multiply the rate of the step before. The factor always multiplies the initial rate.": (
            rates(lambda k, n, p: ((1 - k / n) ** p).cumprod(0))
        ),
        "These are the factors alone: multiply with the initial learning rate.": (
            lambda a, n, p: rates(lambda k, n, p: (1 - k / n) ** p)(1.0, n, p)
        ),
    }

    def right(initial: float, iterations: int, power: float) -> Tensor:
        found = [losses.poly_learning_rate(initial, k, iterations, power) for k in range(iterations)]
        return torch.tensor(found, dtype=torch.float64)

    corners = {"A run of one step has one rate, the initial one.": (0.02, 1, 0.7)}
    return judge(
        student, random_cases(_schedule_case), right, mistakes, corners=corners, own_lines=True, rubric="poly_rates"
    )


def balanced_cross_entropy(student: Answer) -> Verdict:
    """Lesson 05, exercise 2. ``student(logits, labels, class_weights)`` -> the class-balanced cross entropy, a scalar.

    logits (B, N, H, W), labels int64 (B, H, W) with 255 = ignore, class_weights (N,). 0 where all is ignored.
    """

    def weighted(z: Tensor, y: Tensor, w: Tensor) -> Tensor:
        return (losses.pixel_weights(y, w) * losses.pixel_cross_entropy(z, y)).sum()

    def mean_of_means(z: Tensor, y: Tensor, w: Tensor) -> Tensor:
        return torch.stack(
            [losses.class_balanced_cross_entropy(a[None], b[None], w) for a, b in zip(z, y, strict=True)]
        ).mean()

    right = losses.class_balanced_cross_entropy
    mistakes = {
        "The ignored pixels are averaged in: you divide by all pixels. They must not enter the denominator either.": (
            lambda z, y, w: weighted(z, y, w) / y.numel()
        ),
        "You divide by the number of labeled pixels. Divide by the sum of their weights: then doubling all weights "
        "changes nothing.": lambda z, y, w: weighted(z, y, w) / (y != IGNORE_INDEX).sum().clamp(min=1),
        "The class weights are forgotten: this is the plain mean over the labeled pixels.": (
            lambda z, y, w: right(z, y)
        ),
        "The ignored pixels (255) count as class 0. Mask them: their weight is 0.": (
            lambda z, y, w: right(z, y.masked_fill(y == IGNORE_INDEX, 0), w)
        ),
        "The ignored pixels (255) count as the last class. Mask them: their weight is 0.": (
            lambda z, y, w: right(z, y.clamp(max=len(w) - 1), w)
        ),
        "This is a sum. Divide by the sum of the weights.": weighted,
        "You take a mean per image, and then the mean of these. A picture with few labels would weigh as much as a "
        "full one: one numerator and one denominator for the whole batch.": mean_of_means,
        "The weights are multiplied in twice: cross_entropy(..., weight=...) has done it once already.": (
            lambda z, y, w: right(z, y, w * w, denominator=losses.pixel_weights(y, w).sum())
        ),
        "The sign is wrong: the loss is minus the logarithm.": lambda z, y, w: -right(z, y, w),
        "You count in halvings (log2). The loss takes the natural logarithm.": (
            lambda z, y, w: right(z, y, w) / torch.log(torch.tensor(2.0, dtype=torch.float64))
        ),
        "The softmax runs twice: F.cross_entropy makes one itself, so give it the logits.": (
            lambda z, y, w: right(z.softmax(1), y, w)
        ),
    }
    cases = random_cases(_loss_case) + random_cases(_ignored_case, count=1)
    logits, *rest = cases[0]
    corners = {BELOW_1: random_cases(_one_pixel_case, 1)[0], extremes.LOGARITHM: (extremes.far_apart(logits), *rest)}

    return judge(
        student,
        cases,
        right,
        mistakes,
        corners=corners,
        hints=LOSS,
        gradients=(0,),
        own_lines=True,
        rubric="balanced_cross_entropy",
    )


def hard_pixel_mask(student: Answer) -> Verdict:
    """Lesson 05, exercise 3. ``student(logits, labels, threshold, keep)`` -> which pixels count, bool (B, H, W).

    Inputs of two kinds: more hard pixels than ``keep``, and fewer. Fewer labeled pixels than ``keep`` are a corner.
    """

    def at_most(z: Tensor, y: Tensor, t: float, k: int) -> Tensor:
        return losses.hard_pixels(z, y, t, 0) & losses.hard_pixels(z, y, 0.0, k)

    def per_image(z: Tensor, y: Tensor, t: float, k: int) -> Tensor:
        return torch.cat([losses.hard_pixels(a[None], b[None], t, k) for a, b in zip(z, y, strict=True)])

    def by_best_class(z: Tensor, y: Tensor, t: float, k: int) -> Tensor:
        return losses.hard_pixels(z, torch.where(y == IGNORE_INDEX, y, z.argmax(1)), t, k)

    def easy(z: Tensor, y: Tensor, t: float, k: int) -> Tensor:
        valid = y != IGNORE_INDEX
        return ~losses.hard_pixels(z, y, t, 0) & valid

    right = losses.hard_pixels
    mistakes = {
        "You keep only the pixels below the threshold. Where they are fewer than K, the K lowest must count.": (
            lambda z, y, t, k: right(z, y, t, 0)
        ),
        "You keep K pixels, always. Where more lie below the threshold, all of those count.": (
            lambda z, y, t, k: right(z, y, 0.0, k)
        ),
        "You keep at most K pixels. K is the least number, not the greatest.": at_most,
        "You keep K pixels of each image. K counts for the whole batch.": per_image,
        "K is multiplied by the batch size. K counts for the whole batch.": (
            lambda z, y, t, k: right(z, y, t, k * len(z))
        ),
        "Ignored pixels (255) are kept. They have no true class, so they can be neither hard nor easy.": (
            lambda z, y, t, k: right(z, y.masked_fill(y == IGNORE_INDEX, 0), t, k)
        ),
        "You look at the probability of the most likely class. A wrong and certain pixel would pass as easy; take the "
        "probability of the true class.": by_best_class,
        "These are the easy pixels. The hard ones lie below the threshold.": easy,
    }
    cases = random_cases(pixels.many_hard_pixels, 2) + random_cases(pixels.few_hard_pixels, 3)
    all_labeled = random_cases(pixels.as_many_labels_as_kept, 1)[0]
    corners = {
        "Here fewer pixels are labeled than `keep`: then all of them count. `topk`, or an index of keep - 1, raises "
        "there: take at most as many as are labeled.": random_cases(pixels.fewer_labels_than_kept, 1)[0],
        "A probability that is exactly the threshold does not lie below it.": pixels.at_the_threshold(),
        "`keep` may be exactly the number of labeled pixels: then all of them count.": all_labeled,
        "Labeled pixels count before ignored ones, also where their probability is 1.": pixels.certain(),
        extremes.SOFTMAX: (extremes.far_from_0(cases[0][0]), *cases[0][1:]),
    }
    tied = pixels.equal_probabilities()

    def kept(answer: Answer) -> Tensor:
        return answer(*copied(tied))[0]

    equal = "Where the last places fall to pixels of equal probability, fill up to `keep` and no further; which of them"
    demands = {
        f"{equal} count is free. You keep more.": lambda f: int(kept(f).sum()) <= tied[3],
        f"{equal} count is free. You keep fewer.": lambda f: int(kept(f).sum()) == tied[3],
        "A pixel of lower probability counts before those of equal probability.": lambda f: bool(kept(f)[0, 0]),
    }
    return judge(student, cases, right, mistakes, corners=corners, demands=demands, rubric="hard_pixel_mask")


def losses_of_parts(student: Answer) -> Verdict:
    """Lesson 05, exercise 4. ``student(parts, class_weights)`` -> a list, one loss a part, that sums to the batch's.

    parts: a list of (logits (B, N, H, W), labels (B, H, W)), the micro-batches of one batch.
    """

    def divided(weights: Callable[[list[Part], Tensor], Tensor]) -> Answer:
        return lambda parts, w: [
            losses.class_balanced_cross_entropy(z, y, w, denominator=weights(parts, w)) for z, y in parts
        ]

    def own(parts: list[Part], w: Tensor) -> list[Tensor]:
        return [losses.class_balanced_cross_entropy(z, y, w) for z, y in parts]

    def total_weight(parts: list[Part], w: Tensor | None) -> Tensor:
        return torch.stack([losses.pixel_weights(y, w).double().sum() for _, y in parts]).sum()

    def by_images(parts: list[Part], w: Tensor) -> list[Tensor]:
        images = sum(len(y) for _, y in parts)
        return [loss * len(y) / images for loss, (_, y) in zip(own(parts, w), parts, strict=True)]

    def unweighted(parts: list[Part], w: Tensor) -> list[Tensor]:
        return [
            losses.class_balanced_cross_entropy(z, y, None, denominator=total_weight(parts, None)) for z, y in parts
        ]

    mistakes = {
        "Each part is divided by its own sum of weights. So the parts add up to several times the loss of the batch.": (
            own
        ),
        "Each part is divided by its own sum of weights, and then by the number of parts: a mean of means. A part with "
        "few labeled pixels weighs too much.": lambda parts, w: [loss / len(parts) for loss in own(parts, w)],
        "Each part gets the share of its images in the batch. Its share is that of its weights.": by_images,
        "The common denominator counts the labeled pixels. It must add up their weights.": (
            divided(lambda parts, w: total_weight(parts, None))
        ),
        "The common denominator counts the ignored pixels too.": (
            divided(lambda parts, w: torch.tensor(float(sum(y.numel() for _, y in parts)), dtype=torch.float64))
        ),
        "The class weights are forgotten.": unweighted,
        "These are sums. Divide each by the sum of the weights of all parts together.": (
            divided(lambda parts, w: torch.ones((), dtype=torch.float64))
        ),
    }
    cases = random_cases(_parts_case)
    (parts, weights), small = cases[0], _one_pixel_case(torch.Generator().manual_seed(0))
    unlabeled = parts[0][0], torch.full_like(parts[0][1], IGNORE_INDEX)
    corners = {
        "A part may be without any label. Its loss is 0: do not divide by its own weights, which sum to 0.": (
            [unlabeled, *parts],
            weights,
        ),
        BELOW_1: ([small[:2]], small[2]),
        extremes.LOGARITHM: ([(extremes.far_apart(logits), labels) for logits, labels in parts], weights),
        "A whole batch may be without any label. Then each loss is 0, not 0 / 0.": ([unlabeled], weights),
    }
    return judge(
        student, cases, divided(total_weight), mistakes, corners=corners, gradients=(0,), rubric="losses_of_parts"
    )


# ---- random inputs


def _schedule_case(random: torch.Generator) -> Case:
    iterations = int(torch.randint(5, 40, (), generator=random))
    initial, power = torch.rand(2, generator=random, dtype=torch.float64).tolist()
    return round(0.01 + 0.1 * initial, 3), iterations, round(0.5 + 0.3 * power, 2)


def _loss_case(random: torch.Generator) -> Case:
    b, n, h, w = distinct_sizes(random, 4, low=3)
    labels = torch.randint(n, (b, h, w), generator=random)
    labels[0, torch.rand(h, w, generator=random) < 0.6] = IGNORE_INDEX  # few labels in one image
    labels[:, 0, 0], labels[:, 0, 1] = IGNORE_INDEX, 1
    weights = 0.5 + 2 * torch.rand(n, generator=random, dtype=torch.float64)
    return 2 * torch.randn(b, n, h, w, generator=random, dtype=torch.float64), labels, weights


def _ignored_case(random: torch.Generator) -> Case:
    logits, labels, weights = _loss_case(random)
    return logits, torch.full_like(labels, IGNORE_INDEX), weights


def _one_pixel_case(random: torch.Generator) -> Case:
    """One pixel of the batch has a label, and its weight is 0.5."""
    logits, labels, weights = _loss_case(random)
    labels, weights = torch.full_like(labels, IGNORE_INDEX), weights.clone()
    labels[-1, -1, -1], weights[0] = 0, 0.5
    return logits, labels, weights


def _parts_case(random: torch.Generator) -> Case:
    n, h, w, count = distinct_sizes(random, 4, low=3)
    parts = []
    for number in range(count):
        size = int(torch.randint(1, 4, (), generator=random))
        labels = torch.randint(n, (size, h, w), generator=random)
        labels[:, : 1 + number % (h - 1)] = IGNORE_INDEX  # another share of labeled pixels in each part
        parts.append((2 * torch.randn(size, n, h, w, generator=random, dtype=torch.float64), labels))
    return parts, 0.5 + 2 * torch.rand(n, generator=random, dtype=torch.float64)
