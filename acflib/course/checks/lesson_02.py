"""Exercises of lesson 02: the attentional class feature."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from acflib import functional
from acflib.course.checks import attending
from acflib.course.checks.demands import fewer_operations, largest_tensor
from acflib.course.checks.judge import Answer, Case, Hints, Verdict, judge, random_cases

WEIGHTED = Hints(
    nan="P sums to 1 over the classes already: there is nothing to divide by.",
    swapped="Height and width are swapped.",
    whole="weighted centers are floats.",
)
AGAIN = "P holds probabilities already. Another softmax makes them nearly equal: use P as it is."
OVER_PIXELS = "You divide P by its sum over the pixels, as in Eq. 2. Here each pixel shares its 1 among the classes."
HARDEST = "You take the most probable class alone (argmax). Every class counts, each with its probability."
READ_WRONG = "The pixels are read column by column, but written row by row: a pixel gets what another should hear."
FIRST_PICTURE = "All pictures hear the centers of the first one. Each picture has its own centers."
WRITTEN_WRONG = "The pixels are read row by row, but written column by column: a pixel gets what another should hear."


def attend_sum(student: Answer) -> Verdict:
    """Lesson 02, exercise 1. Eq. 3: ``student(centers, probabilities)`` -> attentional class feature (B, C, H, W).

    centers (B, N, C), probabilities (B, N, H, W).
    """
    mistakes = {
        "The weights are forgotten: you add all centers. Multiply each with the probability of its class.": (
            lambda f, p: functional.attend_sum(f, torch.ones_like(p))
        ),
        "You take the plain mean of the centers. Weight each with the probability of its class.": (
            lambda f, p: functional.attend_sum(f, torch.full_like(p, 1 / p.shape[1]))
        ),
        "You divide by the number of classes. The probabilities sum to 1: the weighted sum is a mean already.": (
            lambda f, p: functional.attend_sum(f, p) / p.shape[1]
        ),
        **_with_wrong_maps(functional.attend_sum),
        FIRST_PICTURE: lambda f, p: functional.attend_sum(f[:1].expand_as(f), p),
        "The pixels stand in rows, (B, HW, C), and are reshaped to (B, C, H, W). That mixes channels and pixels: "
        "transpose to (B, C, HW) first.": lambda f, p: (p.flatten(2).mT @ f).reshape(len(f), -1, *p.shape[2:]),
        "The centers are reshaped from (N, C) to (C, N). That mixes their numbers; a transpose was meant.": (
            lambda f, p: functional.attend_sum(f.reshape(len(f), f.shape[2], f.shape[1]).transpose(1, 2), p)
        ),
    }
    cases = random_cases(attending.centers_and_maps)
    many = attending.many_classes()
    demands = {
        "The numbers are right, but you loop over classes or pixels. One matrix product, or one einsum, does all of "
        "them.": (lambda f: fewer_operations(f, many, many[0].shape[1]))
    }
    return _judge(
        student, cases, functional.attend_sum, mistakes, demands=demands, gradients=(0, 1), rubric="attend_sum"
    )


def attend_concat(student: Answer) -> Verdict:
    """Lesson 02, exercise 2. Eq. 5: ``student(centers, probabilities)`` -> (B, N*C, H, W), channel i*C + c.

    centers (B, N, C), probabilities (B, N, H, W).
    """
    mistakes = {
        "The order of the channels: yours is c*N + i. Channel i*C + c holds channel c of class i: "
        "first all channels of class 0, then all of class 1.": lambda f, p: (
            _lined_up(f, p).transpose(1, 2).flatten(1, 2)
        ),
        "The weights are forgotten: every pixel gets the same vector. That is the center-only variant.": (
            lambda f, p: functional.expand_centers(f, p.shape[-2:])
        ),
        "P is repeated as a block, class 0 to N-1 and again 0 to N-1. Each P must stand C times in a row, beside the C "
        "numbers of its own center (repeat_interleave, or an axis of length 1).": (
            lambda f, p: p.repeat(1, f.shape[2], 1, 1) * f.flatten(1)[..., None, None]
        ),
        "The centers are forgotten: these are the probabilities, repeated. Multiply each with its center.": (
            lambda f, p: p.repeat_interleave(f.shape[2], dim=1)
        ),
        FIRST_PICTURE: lambda f, p: functional.attend_concat(f[:1].expand_as(f), p),
        **_with_wrong_maps(functional.attend_concat),
    }
    cases = random_cases(attending.centers_and_maps)
    return _judge(student, cases, functional.attend_concat, mistakes, gradients=(0, 1), rubric="attend_concat")


def attend_concat_conv(student: Answer) -> Verdict:
    """Lesson 02, exercise 3. Eq. 5 and a 1x1 convolution: ``student(centers, probabilities, weight)`` -> (B, O, H, W).

    centers (B, N, C), probabilities (B, N, H, W), weight (O, N*C, 1, 1). No tensor may hold N*C, N*O or even C numbers
    for each pixel.
    """

    def with_blocks(blocks):
        """Eq. 5 and the convolution, with the blocks (O, N, C) that a function cuts from (weight, N, C)."""
        return lambda f, p, w: functional.attend_sum(torch.einsum("bnc,onc->bno", f, blocks(w, *f.shape[1:])), p)

    mistakes = {
        "W is cut the wrong way: its columns lie class by class, W_i = columns i*C to i*C + C - 1. "
        "So reshape to (O, N, C), not (O, C, N).": with_blocks(lambda w, n, c: w.reshape(-1, c, n).transpose(1, 2)),
        "Every class uses the same block of W. Class i has its own block W_i.": (
            with_blocks(lambda w, n, c: w[:, :c, 0, 0].unsqueeze(1).expand(-1, n, -1))
        ),
        "You add up the blocks of W first. Then every class meets the same matrix. Class i meets W_i alone.": (
            with_blocks(lambda w, n, c: w.reshape(-1, n, c).sum(1, keepdim=True).expand(-1, n, -1))
        ),
        "P is forgotten: every pixel gets the sum of all W_i F_i. Weight them with the probabilities.": (
            lambda f, p, w: functional.expand_centers_conv(f, w).expand(-1, -1, *p.shape[-2:])
        ),
        FIRST_PICTURE: lambda f, p, w: functional.attend_concat_conv(f[:1].expand_as(f), p, w),
        READ_WRONG: lambda f, p, w: functional.attend_concat_conv(f, _by_columns(p), w),
        WRITTEN_WRONG: lambda f, p, w: functional.attend_concat_conv(f, _into_columns(p), w),
    }
    cases = random_cases(attending.centers_maps_and_weight)
    centers, probabilities, weight = cases[0]
    pixels = len(centers) * probabilities[0, 0].numel()
    classes, channels = centers.shape[1:]
    limit = pixels * max(classes, len(weight))
    large = attending.many_pixels()
    demands = {
        "The numbers are right, but you build the long vector: N*C values at each pixel. Multiply each center with its "
        "W_i first; then weight the N results.": lambda f: largest_tensor(f, cases[0]) < pixels * classes * channels,
        "The numbers are right, and the long vector is not built. But one of your tensors still holds C or N*O values "
        "at each pixel. Multiply each center with its W_i before any pixel comes in, then take one weighted sum.": (
            lambda f: largest_tensor(f, cases[0]) <= limit
        ),
        "The numbers are right, but you loop over pixels or rows, and so multiply at each pixel. Multiply each center "
        "with its W_i before any pixel comes in, then take one weighted sum.": (
            lambda f: fewer_operations(f, large, large[1].shape[2])
        ),
    }
    return _judge(
        student,
        cases,
        functional.attend_concat_conv,
        mistakes,
        demands=demands,
        gradients=(0, 1, 2),
        rubric="attend_concat_conv",
    )


def attend_top(student: Answer) -> Verdict:
    """Lesson 02, exercise 4: ``student(centers, probabilities, k)`` -> (B, C, H, W).

    Eq. 3 with the k largest probabilities of each pixel, scaled to sum 1; the others are dropped.
    """

    def with_weights(weigh):
        """Eq. 3 with the weights that a function makes of (P where kept and 0 elsewhere, k)."""
        return lambda f, p, k: functional.attend_sum(f, weigh(_keep(p, k), k))

    mistakes = {
        "The new scale is missing: what is left of P must sum to 1 again at each pixel.": with_weights(lambda q, k: q),
        "No class was dropped: this is Eq. 3 with all of them.": lambda f, p, k: functional.attend_sum(f, p),
        "All k classes count the same. Each keeps its probability, divided by the sum of the k.": (
            with_weights(lambda q, k: (q > 0).to(q.dtype) / k)
        ),
        "You scale with a softmax. That changes the ratios of the probabilities: divide by their sum.": (
            with_weights(lambda q, k: q.masked_fill(q == 0, -torch.inf).softmax(1))
        ),
        "You keep the k smallest probabilities. The largest are wanted.": (
            lambda f, p, k: functional.attend_sum(f, _to_one(_keep(p, k, largest=False)))
        ),
        "You keep the first k classes. Each pixel keeps those with its k largest probabilities.": (
            lambda f, p, k: functional.attend_sum(f[:, :k], _to_one(p[:, :k]))
        ),
        "The k largest probabilities meet the first k centers. Each belongs to the center of its own class: topk also "
        "returns the classes, as indices.": lambda f, p, k: functional.attend_sum(
            f[:, :k], _to_one(p.topk(k, 1).values)
        ),
        "One class too few: the k-th largest probability counts, too (>=, not >).": (
            lambda f, p, k: functional.attend_sum(f, _to_one(_keep(p, k - 1)))
        ),
        "You choose the k classes once for the whole picture. Each pixel chooses its own.": (
            lambda f, p, k: functional.attend_sum(f, _to_one(_keep_for_picture(p, k)))
        ),
        "You divide by the number of classes kept. Divide by the sum of their probabilities.": (
            with_weights(lambda q, k: q / k)
        ),
        "You divide by the sum over the pixels. Here each pixel shares its 1 among its k classes: sum over dim 1.": (
            with_weights(lambda q, k: _over_pixels(q))
        ),
        FIRST_PICTURE: lambda f, p, k: functional.attend_sum(f[:1].expand_as(f), _to_one(_keep(p, k))),
    }
    cases = random_cases(attending.centers_maps_and_k)
    centers, probabilities, _ = cases[0]
    corners = {
        **attending.with_absent_class(cases),
        "With k = 1 each pixel hears the center of its most probable class, as it is.": (centers, probabilities, 1),
        "With k = N no class is dropped: this is Eq. 3.": (centers, probabilities, centers.shape[1]),
        "You keep more than k classes where the k-th and the next have the same probability. Keep k of them; which of "
        "two equal ones is free.": attending.equal_classes(),
    }

    def right(f: Tensor, p: Tensor, k: int) -> Tensor:
        return functional.attend_sum(f, _to_one(_keep(p, k)))

    hints = replace(WEIGHTED, nan="The k probabilities of a pixel sum to more than 0. Do you divide by another sum?")
    return judge(student, cases, right, mistakes, corners=corners, hints=hints, gradients=(0, 1), rubric="attend_top")


# ---- what the exercises share


def _judge(student: Answer, cases: list[Case], right: Answer, mistakes: Mapping[str, Answer], **more: Any) -> Verdict:
    """The exercises on Eq. 3 and Eq. 5 that forbid acflib: an absent class is tried too."""
    corners = attending.with_absent_class(cases)
    return judge(student, cases, right, mistakes, corners=corners, hints=WEIGHTED, own_lines=True, **more)


def _with_wrong_maps(attend: Answer) -> dict[str, Answer]:
    """Right, but for the map of P: message -> the mistake."""
    changes = {
        AGAIN: lambda p: p.softmax(1),
        OVER_PIXELS: _over_pixels,
        HARDEST: _hardest,
        READ_WRONG: _by_columns,
        WRITTEN_WRONG: _into_columns,
    }
    return {message: lambda f, p, change=change: attend(f, change(p)) for message, change in changes.items()}


def _over_pixels(p: Tensor) -> Tensor:
    mass = p.sum((2, 3), keepdim=True)
    return p / mass.masked_fill(mass == 0, torch.inf)  # a class may be kept nowhere


def _hardest(p: Tensor) -> Tensor:
    return F.one_hot(p.argmax(1), p.shape[1]).permute(0, 3, 1, 2).to(p.dtype)  # (B, H, W, N) -> (B, N, H, W)


def _by_columns(p: Tensor) -> Tensor:
    """The right shape, the wrong places."""
    return p.transpose(2, 3).reshape(p.shape)  # (B, N, W, H) -> (B, N, H, W), without turning back


def _into_columns(p: Tensor) -> Tensor:
    """The right shape, the wrong places, the other way round."""
    return p.reshape(*p.shape[:2], p.shape[3], p.shape[2]).transpose(2, 3)  # (B, N, H, W) -> (B, N, W, H)


def _lined_up(centers: Tensor, p: Tensor) -> Tensor:
    return p[:, :, None] * centers[..., None, None]  # (B, N, C, H, W)


def _keep(p: Tensor, k: int, largest: bool = True) -> Tensor:
    """P where it is one of the k largest (or smallest) of its pixel, 0 elsewhere."""
    kept = p.topk(k, dim=1, largest=largest).indices  # (B, k, H, W)
    return torch.zeros_like(p).scatter(1, kept, p.gather(1, kept))


def _keep_for_picture(p: Tensor, k: int) -> Tensor:
    kept = p.sum((2, 3)).topk(k, dim=1).indices  # (B, k)
    return p * torch.zeros(p.shape[:2], dtype=p.dtype).scatter(1, kept, 1.0)[..., None, None]


def _to_one(p: Tensor) -> Tensor:
    return p / p.sum(1, keepdim=True)
