"""Questions on the lessons 03 to 05. Each answer is computed by loops from the numbers of its question."""

import math
import random

from acflib.course.material.questions import Question, distinct, listed, number, several


def aspp_reads(draw: random.Random) -> Question:
    side, rates = draw.randint(12, 30), sorted(distinct(draw, 2, 2, 9))
    row, column = draw.randint(0, 3), draw.randint(0, side - 1)
    places = {(row, column)}
    for rate in rates:
        for down in (-rate, 0, rate):
            places |= {(row + down, column + right) for right in (-rate, 0, rate)}
    inside = [place for place in places if 0 <= place[0] < side and 0 <= place[1] < side]
    return number(
        f"ASPP with a 1 x 1 branch and 3 x 3 branches of the rates {listed(rates)}, on a map of {side} x "
        f"{side} cells. How many different cells does the pixel in row {row}, column {column} (from 0) read?",
        len(inside),
        0,
        outside_counted=len(places),
        center_once_a_branch=len(inside) + len(rates),
    )


def region_pixels(draw: random.Random) -> Question:
    n, a, b = draw.choice([2, 3, 6]), *several(draw, 2, 2, 9)
    return number(
        f"Pyramid pooling cuts a map of {n * a} x {n * b} cells into {n} x {n} equal regions. Over how many "
        "cells goes each mean?",
        len([(r, c) for r in range(n * a) for c in range(n * b) if r // a == 0 and c // b == 0]),
        0,
        number_of_regions=n * n,
    )


def weights_of_a_module(draw: random.Random) -> Question:
    height, width, classes = draw.randint(4, 12), draw.randint(4, 12), draw.randint(3, 19)
    every_pixel = height * width * height * width
    return number(
        f"A map of {height} x {width} cells. Non-local attention has one weight for each pair of cells; ACF "
        f"hands out with one for each cell and class, for {classes} classes. How many more weights has "
        "non-local attention?",
        every_pixel - height * width * classes,
        0,
        non_local_alone=every_pixel,
        classes_once=every_pixel - classes,
    )


def ocr_weight(draw: random.Random) -> Question:
    feature, first, second = (several(draw, 4, -1, 2) for _ in range(3))
    scores = [sum(x * y for x, y in zip(feature, center, strict=True)) / math.sqrt(4) for center in (first, second)]
    exponentials = [math.exp(score) for score in scores]
    return number(
        f"As in OCR, a pixel with the feature {feature} asks two centers, {first} and {second}: dot product "
        "over the root of C, then softmax. What weight gets the first?",
        exponentials[0] / sum(exponentials),
        root_forgotten=1 / (1 + math.exp(2 * (scores[1] - scores[0]))),
        weight_of_the_second=exponentials[1] / sum(exponentials),
    )


def size_after(draw: random.Random) -> Question:
    size, kernel, stride, padding, dilation = (
        draw.randint(20, 60),
        3,
        draw.randint(1, 3),
        draw.randint(0, 2),
        draw.randint(1, 3),
    )
    reach = dilation * (kernel - 1)
    places = [start for start in range(-padding, size + padding, stride) if start + reach < size + padding]
    return number(
        f"A 3 x 3 convolution with stride {stride}, padding {padding} and dilation {dilation} runs over "
        f"{size} pixels a side. How many come out a side?",
        len(places),
        0,
        dilation_forgotten=(size + 2 * padding - kernel) // stride + 1,
        padding_at_one_end=(size + padding - reach - 1) // stride + 1,
    )


def parameters_of_a_convolution(draw: random.Random) -> Question:
    before, after = draw.choice([8, 16, 32]), draw.choice([10, 20, 40])
    return number(
        f"How many parameters have a 3 x 3 convolution from {before} to {after} channels, without bias, and "
        "the BatchNorm behind it?",
        sum(3 * 3 * before + 2 for _ in range(after)),
        0,
        norm_forgotten=9 * before * after,
        bias_counted=(9 * before + 3) * after,
    )


def field_of_three(draw: random.Random) -> Question:
    layers = [(draw.choice([3, 5]), draw.randint(1, 2), draw.randint(1, 2)) for _ in range(3)]
    return number(
        f"Three layers, given as (kernel, stride, dilation), the first layer first: {layers}. How many pixels "
        "a side is the receptive field of one result?",
        _field(layers),
        0,
        strides_forgotten=_field([(kernel, 1, dilation) for kernel, _, dilation in layers]),
        dilation_forgotten=_field([(kernel, stride, 1) for kernel, stride, _ in layers]),
        last_layer_first=_field(layers[::-1]),
    )


def _field(layers: list[tuple[int, int, int]]) -> int:
    reached = {0}
    for kernel, stride, dilation in reversed(layers):  # from one result back to the pixels
        reached = {place * stride + dilation * tap for place in reached for tap in range(kernel)}
    return max(reached) - min(reached) + 1


def cells_of_a_picture(draw: random.Random) -> Question:
    stride, height, width = draw.choice([8, 16, 32]), *several(draw, 2, 4, 20)
    return number(
        f"A picture of {height * stride} x {width * stride} pixels, and a base network of output stride "
        f"{stride}. How many cells has the feature map?",
        height * width,
        0,
        one_side_divided=height * width * stride,
    )


def poly_rate(draw: random.Random) -> Question:
    total, step, rate = draw.choice([100, 200, 400]), draw.randint(10, 90), draw.choice([1, 2, 4])
    return number(
        f"The poly rule with the power 0.9, {total} steps, and {rate} as the first rate. What is the rate of "
        f"step {step} (the first step is 0)?",
        rate * (1 - step / total) ** 0.9,
        power_forgotten=rate * (1 - step / total),
        power_of_the_step=rate * (1 - (step / total) ** 0.9),
    )


def cross_entropy_of_a_pixel(draw: random.Random) -> Question:
    tenths = draw.randint(1, 9)
    return number(
        f"A network gives the true class of a pixel the probability {tenths / 10}. What is the cross entropy "
        "of this pixel?",
        -math.log(tenths / 10),
        base_10=-math.log10(tenths / 10),
        of_the_other_classes=-math.log(1 - tenths / 10),
        no_logarithm=1 - tenths / 10,
    )


def balanced_loss(draw: random.Random) -> Question:
    losses, weights, labels = several(draw, 4, 1, 9), [1, draw.randint(2, 5)], [0, 1, 255, draw.randrange(2)]
    top = bottom = 0.0
    for loss, label in zip(losses, labels, strict=True):
        if label != 255:
            top, bottom = top + weights[label] * loss, bottom + weights[label]
    return number(
        f"Four pixels have the cross entropies {losses} and the labels {labels}. Class 0 has the weight "
        f"{weights[0]}, class 1 {weights[1]}. What is the class-balanced loss?",
        top / bottom,
        divided_by_pixels=top / 3,
        plain_mean=sum(loss for loss, label in zip(losses, labels, strict=True) if label != 255) / 3,
    )


def hard_pixels_that_count(draw: random.Random) -> Question:
    tenths, keep = distinct(draw, 8, 1, 9), draw.randint(2, 6)
    threshold = draw.randint(2, 7)
    below = [tenth for tenth in tenths if tenth < threshold]
    shown = [tenth / 10 for tenth in tenths]
    return number(
        f"Eight labeled pixels have these probabilities of the true class: {shown}. Online bootstrapping with "
        f"the threshold {threshold / 10} keeps at least {keep} pixels. How many count?",
        max(len(below), min(keep, len(tenths))),
        0,
        smaller_of_both=min(len(below), keep),
        both_together=len(below) + keep,
    )


def three_losses(draw: random.Random) -> Question:
    factors, losses = [tenth / 10 for tenth in several(draw, 3, 2, 9)], several(draw, 3, 1, 5)
    found = 0.0
    for factor, loss in zip(factors, losses, strict=True):
        found += factor * loss
    return number(
        f"Auxiliary, coarse and fine loss are {listed(losses)}; in Eq. 4 they have the factors "
        f"{listed(factors)}. What is the loss that is trained on?",
        found,
        factors_forgotten=sum(losses),
        divided_by_three=found / 3,
    )


QUESTIONS = {
    "03": (aspp_reads, region_pixels, weights_of_a_module, ocr_weight),
    "04": (size_after, parameters_of_a_convolution, field_of_three, cells_of_a_picture),
    "05": (poly_rate, cross_entropy_of_a_pixel, balanced_loss, hard_pixels_that_count, three_losses),
}
