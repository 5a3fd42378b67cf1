"""Answers to the exercises, judged: each check runs your function on random shapes and says what went wrong.

A check returns a :class:`Verdict`; at the end of a notebook cell it shows its message. A wrong answer is compared with
the usual mistakes, computed on the same inputs, so that the message can name the mistake. All inputs are float64.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from acflib import functional
from acflib.functional import IGNORE_INDEX

Inputs = tuple
Answer = Callable[..., Tensor]


@dataclass(frozen=True)
class Verdict:
    """What a check found. ``solved`` is for a program, ``message`` for the student."""

    solved: bool
    message: str

    def __repr__(self) -> str:
        return self.message


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
    }
    return _judge(student, _label_cases(), functional.hard_class_centers, mistakes)


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
        "Softmax over the wrong axis: over all pixels. Each pixel must share its 1 among the classes: dim 1.": (
            _after(lambda z: z.flatten(2).softmax(2).view_as(z))
        ),
        "A sigmoid treats each class alone. P_coarse is a softmax over the classes (dim 1).": _after(torch.sigmoid),
        "You take the most likely class only (argmax). Eq. 2 weights each pixel with its probability.": (
            lambda x, z: functional.hard_class_centers(x, z.argmax(1), z.shape[1])
        ),
        "The normaliser is missing: these are weighted sums. Divide by the sum of P over the pixels.": (
            lambda x, z: _sums(x, z.softmax(1))
        ),
        "You divide by H*W. Eq. 2 divides by the sum of P of that class over the pixels.": (
            lambda x, z: _sums(x, z.softmax(1)) / z[0, 0].numel()
        ),
        "This is a softmax over channels of (max - energy), found in public code. It is no mean of features: "
        "the largest channels get the smallest value. Divide P F' by the sum of P instead.": _channel_softmax,
    }
    return _judge(student, _logit_cases(), lambda x, z: functional.class_centers(x, z.softmax(1)), mistakes)


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
        "The two masses are swapped: each center belongs to its own mass.": lambda a, m, b, k: right(a, k, b, m),
        "The normaliser is missing: divide by the sum of both masses.": (
            lambda a, m, b, k: a * m[:, None] + b * k[:, None]
        ),
        "You just add the two centers. Weight each with its mass, and divide by the sum of both masses.": (
            lambda a, m, b, k: a + b
        ),
        "The masses must count per class. You weight all classes with the total mass of each image.": (
            lambda a, m, b, k: (a * m.sum() + b * k.sum()) / (m.sum() + k.sum())
        ),
    }
    return _judge(student, _merge_cases(), right, mistakes)


def _judge(student: Answer, cases: Sequence[Inputs], right: Answer, mistakes: dict[str, Answer]) -> Verdict:
    """Compare the student's answers with the right ones, then with each mistake; the first that fits is named."""
    expected = [right(*case) for case in cases]
    answers = []
    for case, target in zip(cases, expected, strict=True):
        try:
            answer = student(*[value.clone() if isinstance(value, Tensor) else value for value in case])
        except NotImplementedError:
            answer = None
        except Exception as error:  # whatever a student's code raises is an answer too
            return Verdict(False, f"Not right yet: on {_shapes(case)} your function raised {_first_line(error)}")
        if answer is None:
            return Verdict(False, "Not solved yet: the function returns nothing. Fill in the lines marked TODO.")
        if complaint := _form_complaint(answer, target, case):
            return Verdict(False, f"Not right yet: {complaint}")
        answers.append(answer)
    if _all_close(answers, expected):
        return Verdict(True, f"Right, on {len(cases)} random shapes.")
    if any(not answer.isfinite().all() for answer in answers):
        return Verdict(False, "Not right yet: NaN or infinity. A class without pixels divides 0 by 0; its center is 0.")
    for message, mistake in mistakes.items():
        if _all_close(answers, [mistake(*case) for case in cases]):
            return Verdict(False, f"Not right yet: {message}")
    distance = max((answer - target).abs().max().item() for answer, target in zip(answers, expected, strict=True))
    size = "slightly off; compute in float64" if distance < 1e-3 else "other values than the equation gives"
    return Verdict(False, f"Not right yet: the shape is right, but the numbers are {size}.")


def _form_complaint(answer: object, target: Tensor, case: Inputs) -> str | None:
    if not isinstance(answer, Tensor):
        return f"the function returns a {type(answer).__name__}, not a tensor."
    if answer.shape == target.shape:
        return None if answer.is_floating_point() else f"the result is {answer.dtype}; centers are means, so floats."
    got, wanted = tuple(answer.shape), tuple(target.shape)
    swapped = got == (*wanted[:-2], wanted[-1], wanted[-2])
    hint = " The axes are swapped: first the classes, then the channels." if swapped else ""
    return f"on {_shapes(case)} the result has the shape {got}, but must be {wanted}.{hint}"


def _first_line(error: Exception) -> str:
    text = f"{type(error).__name__}: {error}".splitlines()[0]
    hint = f" Is {IGNORE_INDEX}, the ignore label, used as if it were a class?"
    return text + (hint if "one_hot" in text or "out of bounds" in text or "Class values" in text else "")


def _shapes(case: Inputs) -> str:
    return "inputs of shape " + ", ".join(str(tuple(value.shape)) for value in case if isinstance(value, Tensor))


def _all_close(answers: Sequence[Tensor], others: Sequence[Tensor]) -> bool:
    pairs = zip(answers, others, strict=True)
    return all(a.shape == b.shape and torch.allclose(a.double(), b.double(), rtol=1e-5, atol=1e-8) for a, b in pairs)


# ---- random inputs. Sides, channels and classes all differ, so that no two axes can be mistaken for each other.


def _random(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _label_cases() -> list[Inputs]:
    cases = []
    for seed, (b, c, h, w, n) in enumerate([(1, 2, 3, 5, 4), (2, 5, 6, 4, 3), (3, 4, 2, 7, 6)]):
        random = _random(seed)
        features = torch.randn(b, c, h, w, generator=random, dtype=torch.float64) + 1
        labels = torch.randint(0, n - 1, (b, h, w), generator=random)  # n-1 is absent in all images ...
        labels[0, -1, -1] = n - 1  # ... but the first
        labels[:, 0, 0] = 0
        labels[:, 0, 1] = IGNORE_INDEX
        cases.append((features, labels, n))
    return cases


def _logit_cases() -> list[Inputs]:
    cases = []
    for seed, (b, c, h, w, n) in enumerate([(1, 2, 3, 5, 4), (2, 5, 6, 4, 3), (3, 4, 2, 7, 6)]):
        random = _random(seed)
        features = torch.randn(b, c, h, w, generator=random, dtype=torch.float64) + 1
        cases.append((features, 2 * torch.randn(b, n, h, w, generator=random, dtype=torch.float64)))
    return cases


def _merge_cases() -> list[Inputs]:
    cases = []
    for seed, (n, c) in enumerate([(4, 3), (3, 5), (6, 2)]):
        random = _random(seed)
        masses = torch.randint(1, 50, (2, n), generator=random).double()
        masses[0, 0] = 0  # class 0 is absent from the first image,
        masses[:, 1] = 0  # class 1 from both
        centers = torch.randn(2, n, c, generator=random, dtype=torch.float64) * (masses > 0)[..., None]
        cases.append((centers[0], masses[0], centers[1], masses[1]))
    return cases


# ---- parts of the mistakes


def _one_hot(labels: Tensor, num_classes: int) -> Tensor:
    return functional.label_fractions(labels, num_classes)


def _sums(features: Tensor, weights: Tensor) -> Tensor:
    return torch.einsum("bchw,bnhw->bnc", features, weights)


def _softmax(axis: int) -> Callable[[Tensor], Tensor]:
    return lambda logits: logits.softmax(axis)


def _after(activation: Callable[[Tensor], Tensor]) -> Answer:
    """Centers as in Eq. 2, with something else in place of the softmax over classes."""
    return lambda features, logits: functional.class_centers(features, activation(logits))


def _pooled_over_batch(features: Tensor, weights: Tensor) -> Tensor:
    mass = weights.sum((0, 2, 3))
    sums = _sums(features, weights).sum(0)
    return (sums / mass.masked_fill(mass == 0, torch.inf)[:, None]).expand(len(features), -1, -1)


def _channel_softmax(features: Tensor, logits: Tensor) -> Tensor:
    energy = _sums(features, logits.softmax(1))
    return (energy.amax(2, keepdim=True) - energy).softmax(2)
