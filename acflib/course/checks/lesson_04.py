"""Exercises of lesson 04: sizes, parameters and the parts of ACFNet put together."""

from contextlib import suppress
from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from acflib import functional
from acflib.acf import VARIANTS, ACFModule
from acflib.course.checks import extremes
from acflib.course.checks.judge import Answer, Case, Hints, Verdict, distinct_sizes, judge, random_cases

HARDLY_THERE = "A class may be hardly there: its probabilities sum to below 1. clamp(min=1) makes its center too small."


def conv_size(student: Answer) -> Verdict:
    """Lesson 04, exercise 1: ``student(size, kernel, stride, padding, dilation)`` -> pixels a side after it."""

    def with_reach(size: int, reach: int, stride: int, padding: int) -> int:
        return (size + 2 * padding - reach) // stride + 1

    def right(size: int, kernel: int, stride: int, padding: int, dilation: int) -> int:
        return with_reach(size, dilation * (kernel - 1) + 1, stride, padding)

    mistakes = {
        "The dilation is forgotten. The kernel reaches over dilation * (kernel - 1) + 1 pixels.": (
            lambda n, k, s, p, d: with_reach(n, k, s, p)
        ),
        "A dilated kernel reaches over dilation * (kernel - 1) + 1 pixels, not dilation * kernel: "
        "there are gaps between its k values, so k - 1 of them.": lambda n, k, s, p, d: with_reach(n, d * k, s, p),
        "The padding counts on both sides: add it twice.": lambda n, k, s, p, d: (n + p - d * (k - 1) - 1) // s + 1,
        "The padding is forgotten.": lambda n, k, s, p, d: right(n, k, s, 0, d),
        "You round to the nearest whole number. Round down: a step that does not fit is not made.": (
            lambda n, k, s, p, d: round((n + 2 * p - d * (k - 1) - 1) / s) + 1
        ),
        "Round down, not up: a step that does not fit is not made.": (
            lambda n, k, s, p, d: -(-(n + 2 * p - d * (k - 1) - 1) // s) + 1
        ),
        "The - 1 is missing: a kernel reaches over dilation * (kernel - 1) + 1 pixels.": (
            lambda n, k, s, p, d: with_reach(n, d * (k - 1), s, p)
        ),
        "Both ones are missing. - 1 and + 1 do not cancel: the division stands between them.": (
            lambda n, k, s, p, d: (n + 2 * p - d * (k - 1)) // s
        ),
        "One is missing: the kernel also stands at its first place, before any step.": (
            lambda n, k, s, p, d: right(n, k, s, p, d) - 1
        ),
        "The stride is forgotten.": lambda n, k, s, p, d: right(n, k, 1, p, d),
        "The result must be a whole number: divide with //.": (
            lambda n, k, s, p, d: (n + 2 * p - d * (k - 1) - 1) / s + 1
        ),
    }
    *cases, exact = random_cases(_size_cases, 1)[0]
    corners = {"Where the last step fits exactly it is made: nothing is left over, and nothing is missing.": exact}
    return judge(student, cases, right, mistakes, corners=corners, rubric="conv_size")


def acf_parameters(student: Answer) -> Verdict:
    """Lesson 04, exercise 2: ``student(feature_channels, num_classes, channels, variant)`` -> number of parameters.

    Those of the ACF module and of the fine classifier, for the variants "sum", "concat" and "center".
    """

    def every_variant(count: Answer) -> Answer:
        def counts(*sizes: int) -> dict[str, object] | None:
            found: dict[str, object] = dict.fromkeys(VARIANTS)
            for variant in found:
                with suppress(NotImplementedError):
                    found[variant] = count(*sizes, variant)
            return None if set(found.values()) == {None} else found

        return counts

    @cache
    def right(features: int, classes: int, channels: int, variant: str) -> int:
        with torch.device("meta"):
            parts = ACFModule(features, classes, channels, variant), nn.Conv2d(channels, classes, 1)
        return sum(value.numel() for part in parts for value in part.parameters())

    mistakes = {
        "The BatchNorms are forgotten: each has a scale and a shift for each channel.": (
            lambda f, n, c, v: right(f, n, c, v) - 2 * c * _norms(v)
        ),
        "A BatchNorm has two parameters for each channel. Its running mean and variance are counted, not learned.": (
            lambda f, n, c, v: right(f, n, c, v) + 2 * c * _norms(v)
        ),
        "You count a bias for convolutions that a BatchNorm follows. They have none: the BatchNorm has a shift.": (
            lambda f, n, c, v: right(f, n, c, v) + c * _norms(v)
        ),
        "You count the weights of the convolutions alone. Add the BatchNorms, and the bias of the fine classifier.": (
            lambda f, n, c, v: right(f, n, c, v) - 2 * c * _norms(v) - n
        ),
        "The fine classifier is forgotten: a 1x1 convolution to N classes, with bias.": lambda f, n, c, v: (
            right(f, n, c, v) - n * c - n
        ),
        "A BatchNorm has a scale *and* a shift for each channel: you count one of them.": (
            lambda f, n, c, v: right(f, n, c, v) - c * _norms(v)
        ),
        "The coarse head belongs to the base network. Count the fine classifier alone.": (
            lambda f, n, c, v: right(f, n, c, v) + n * f + n
        ),
        "All three variants have the same number for you. Their inner convolutions have other inputs.": (
            lambda f, n, c, v: right(f, n, c, "sum")
        ),
        "The bias of the fine classifier is forgotten. No BatchNorm follows it, so it has one.": (
            lambda f, n, c, v: right(f, n, c, v) - n
        ),
        'For "concat" the refining convolution has N*C\' inputs.': (
            lambda f, n, c, v: right(f, n, c, v) - (c * c * (n - 1) if v == "concat" else 0)
        ),
        'For "center" there is no attention block, so no refining convolution.': (
            lambda f, n, c, v: right(f, n, c, v) + (c * c + 2 * c if v == "center" else 0)
        ),
        'For "center" the fusion reads N*C\' + C channels: all centers, one after the other, and F.': (
            lambda f, n, c, v: right(f, n, c, v) - (c * c * (n - 1) if v == "center" else 0)
        ),
        "The fusion also reads F, with its C channels.": lambda f, n, c, v: right(f, n, c, v) - f * c,
        "The reducing convolution of the Class Center Block is forgotten.": (
            lambda f, n, c, v: right(f, n, c, v) - f * c - 2 * c
        ),
    }
    named = {message: every_variant(mistake) for message, mistake in mistakes.items()}
    cases = random_cases(_channels_case)
    return judge(every_variant(student), cases, every_variant(right), named, rubric="acf_parameters")


def fine_logits(student: Answer) -> Verdict:
    """Lesson 04, exercise 3: ``student(features, coarse_logits, reduce, refine, fuse, classify)`` -> (B, N, H, W).

    ACFNet behind the base network, without BatchNorm and bias: features (B, C, H, W), coarse logits (B, N, H, W), and
    matrices reduce (C', C), refine (O, C'), fuse (O, O + C), classify (N, O). ReLU after the first three.
    """

    def network(probabilities=lambda z: z.softmax(1), centers=_means, relus=(1, 1, 1, 0), own_last=True, early=False):
        def answer(x, z, reduce, refine, fuse, classify):
            after = [F.relu if relu else nn.Identity() for relu in relus]
            p = probabilities(z)
            found = centers(after[0](_times(reduce, x)), p)
            if early:
                context = functional.attend_sum((found @ refine.T).relu(), p)
            else:
                context = after[1](_times(refine, functional.attend_sum(found, p)))
            joined = torch.cat([context, x] if own_last else [x, context], dim=1)
            return after[3](_times(classify, after[2](_times(fuse, joined))))

        return answer

    mistakes = {
        "The softmax is forgotten: Eq. 2 and 3 need probabilities, not logits.": network(probabilities=lambda z: z),
        "Softmax over the rows (dim 2). The classes are dim 1.": network(probabilities=lambda z: z.softmax(2)),
        "Softmax over the columns (dim 3). The classes are dim 1.": network(probabilities=lambda z: z.softmax(3)),
        "A sigmoid treats each class alone. P is a softmax over the classes.": network(probabilities=torch.sigmoid),
        "The order of the fusion: first the attended feature, then F.": network(own_last=False),
        "The ReLU after `reduce` is missing.": network(relus=(0, 1, 1, 0)),
        "The ReLU after `refine` is missing.": network(relus=(1, 0, 1, 0)),
        "The ReLU after `fuse` is missing.": network(relus=(1, 1, 0, 0)),
        "None of the three ReLUs is there.": network(relus=(0, 0, 0, 0)),
        "A ReLU after `classify` cuts off the negative logits. Logits stay as they are.": network(relus=(1, 1, 1, 1)),
        "The denominator of Eq. 2 is missing.": network(centers=lambda x, p: torch.einsum("bchw,bnhw->bnc", x, p)),
        "Eq. 2 divides by the sum of P over the pixels, not by H*W.": (
            network(centers=lambda x, p: torch.einsum("bchw,bnhw->bnc", x, p) / p[0, 0].numel())
        ),
        HARDLY_THERE: (
            network(centers=lambda x, p: torch.einsum("bchw,bnhw->bnc", x, p) / p.sum((2, 3)).clamp(min=1)[..., None])
        ),
        "The ReLU of `refine` came before the weighted sum. A ReLU may not be moved (lesson 02, section 9).": (
            network(early=True)
        ),
        "These are probabilities. Fine logits were asked for: no softmax at the end.": (
            lambda *case: network()(*case).softmax(1)
        ),
        "Without the coarse result each pixel hears the same: P must come from the coarse logits.": (
            network(probabilities=lambda z: torch.full_like(z, 1 / z.shape[1]))
        ),
    }
    cases = random_cases(_network_case)
    hints = Hints(nan="Every class has some probability here, so every sum over the pixels is positive.")
    features, logits, *matrices = cases[0]
    corners = {
        HARDLY_THERE: (features, extremes.rare_class(logits, 0.05), *matrices),
        extremes.SOFTMAX: (features, extremes.far_from_0(logits), *matrices),
    }
    more: dict[str, Any] = {"gradients": range(6), "rubric": "fine_logits", "rtol": 1e-4, "atol": 1e-5}
    return judge(student, cases, network(), mistakes, corners=corners, hints=hints, **more)


def receptive_field(student: Answer) -> Verdict:
    """Lesson 04, exercise 4: ``student(layers)`` -> pixels a side that one result of the last layer depends on.

    layers: a list of (kernel, stride, dilation), first layer first.
    """

    def walk(layers, reach=lambda k, d: d * (k - 1), start=1, stride_first=False, strides=True) -> int:
        field, jump = start, 1
        for kernel, stride, dilation in layers:
            jump_after = jump * (stride if strides else 1)
            field += reach(kernel, dilation) * (jump_after if stride_first else jump)
            jump = jump_after
        return field

    mistakes = {
        "The strides are forgotten: behind a stride of 2, one step of the kernel is two pixels of the input.": (
            lambda layers: walk(layers, strides=False)
        ),
        "The dilation enlarges the reach of its own kernel, not the jump. Only strides multiply the jump.": (
            lambda layers: walk([(k, s * d, d) for k, s, d in layers])
        ),
        "The dilation is forgotten: a kernel of 3 with dilation 4 reaches over 8 steps.": (
            lambda layers: walk(layers, reach=lambda k, d: k - 1)
        ),
        "A layer's own stride counts only for the layers behind it: use the jump first, then multiply it.": (
            lambda layers: walk(layers, stride_first=True)
        ),
        "A kernel of k adds k - 1 steps, not k: there are k - 1 gaps between k values.": (
            lambda layers: walk(layers, reach=lambda k, d: d * k)
        ),
        "One is missing: without any layer, a result depends on one pixel.": lambda layers: walk(layers, start=0),
        "The steps are added up, but strides multiply: after strides 2 and 2 a step is 4 pixels.": _added_strides,
        "This is the output stride, the product of the strides. The receptive field is wanted.": (
            lambda layers: int(torch.tensor([stride for _, stride, _ in layers]).prod())
        ),
    }
    corners: dict[str, Case] = {
        "Without any layer, a result depends on one pixel.": ([],),
        "A kernel of 2 adds one step: k - 1, also where k is even.": ([(2, 2, 1), (3, 1, 1)],),
        "A stride of 3 makes each step behind it 3 pixels.": ([(3, 3, 1), (3, 1, 1)],),
    }
    return judge(student, random_cases(_layers_case), walk, mistakes, corners=corners, rubric="receptive_field")


# ---- random inputs, such that every mistake shows


def _between(random: torch.Generator, low: int, high: int) -> int:
    return int(torch.randint(low, high + 1, (1,), generator=random))


def _size_cases(random: torch.Generator) -> list[Case]:
    """Four inputs that differ in everything. What is left over at the end lacks one pixel to a step, or is rounded up
    to a step, or is not, or is nothing. Dilation and padding are so large that no two mistakes give the same numbers.
    """
    cases = []
    steps, paddings = (5 + torch.randperm(3, generator=random)).tolist(), torch.randperm(4, generator=random).tolist()
    for number, stride in enumerate([*steps, 5]):
        kernel, dilation, padding = 3 + 2 * (number % 2), 11 + 4 * (number % 3), 16 + paddings[number]
        rest = (stride - 1, stride - 2, 1, 0)[number]
        size = _between(random, 20, 40) * stride + rest + dilation * (kernel - 1) + 1 - 2 * padding
        cases.append((size, kernel, stride, padding, dilation))
    return cases


def _channels_case(random: torch.Generator) -> Case:
    return _between(random, 30, 60), _between(random, 3, 7), _between(random, 9, 20)


def _network_case(random: torch.Generator) -> Case:
    b, h, w, n = distinct_sizes(random, 4, high=7)
    c, reduced, out = distinct_sizes(random, 3, low=8, high=12)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=random, dtype=torch.float64)

    matrices = normal(reduced, c), normal(out, reduced), normal(out, out + c), normal(n, out)
    return normal(b, c, h, w), 2 * normal(b, n, h, w), *matrices


def _layers_case(random: torch.Generator) -> Case:
    """Five layers: strides in the first, third and last, dilation in the middle."""
    layers = [(7, 2, 1), (3, 1, 2), (3, 2, 1), (3, 1, _between(random, 3, 6)), (2 * _between(random, 1, 3) + 1, 2, 1)]
    return (layers[: _between(random, 4, 5)] + [(3, 2, 1)],)


# ---- parts of the mistakes


def _norms(variant: str) -> int:
    """BatchNorms of the ACF module: after reduce, refine and fuse."""
    return 2 if variant == "center" else 3


def _means(features: Tensor, weights: Tensor) -> Tensor:
    """Eq. 2 as written, for weights of either sign: (B, C, H, W) and (B, N, H, W) -> (B, N, C)."""
    return torch.einsum("bchw,bnhw->bnc", features, weights) / weights.sum((2, 3))[..., None]


def _times(matrix: Tensor, maps: Tensor) -> Tensor:
    """A 1x1 convolution: (O, C) and (B, C, H, W) -> (B, O, H, W)."""
    return F.conv2d(maps, matrix[..., None, None])


def _added_strides(layers: list[tuple[int, int, int]]) -> int:
    field, jump = 1, 1
    for kernel, stride, dilation in layers:
        field += dilation * (kernel - 1) * jump
        jump += stride - 1
    return field
