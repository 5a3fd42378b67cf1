"""Questions on the lessons 00 to 04. Each answer is computed by loops from the numbers of its question."""

import math
import random

from acflib.course.material.questions import Question, choice, distinct, listed, number, several, shares

NAMES = ("sky", "road", "car")


def softmax_of_logs(draw: random.Random) -> Question:
    parts = distinct(draw, 3, 1, 9)
    logits = listed([f"ln {part}" for part in parts])
    exponentials = [math.exp(math.log(part)) for part in parts]
    return number(
        f"The logits of a pixel are {logits}. What is the probability of the first class?",
        exponentials[0] / sum(exponentials),
    )


def likeliest_class(draw: random.Random) -> Question:
    logits = distinct(draw, 3, -6, 6)
    best = max(range(3), key=lambda k: logits[k])
    text = f"The logits of a pixel are {listed(logits)} for sky, road and car. Which class does the network name?"
    return choice(draw, text, NAMES[best], NAMES)


def one_convolution(draw: random.Random) -> Question:
    row, kernel = several(draw, 5, 0, 9), several(draw, 3, -2, 2)
    found = sum(weight * row[1 + k] for k, weight in enumerate(kernel))
    return number(
        f"A convolution (as networks compute it) with the weights {kernel} runs over the row {row}. What "
        "comes out at its middle?",
        found,
        0,
    )


def mean_iou_of_two(draw: random.Random) -> Question:
    a_right, a_as_b, b_as_a, b_right = several(draw, 4, 2, 20)
    ious = [a_right / (a_right + a_as_b + b_as_a), b_right / (b_right + a_as_b + b_as_a)]
    text = (
        f"Of the road pixels {a_right} are called road and {a_as_b} car; of the car pixels {b_as_a} are "
        f"called road and {b_right} car. What is the mIoU, from 0 to 1?"
    )
    return number(text, sum(ious) / 2)


def accuracy_with_ignored(draw: random.Random) -> Question:
    right, wrong, ignored = several(draw, 3, 3, 20)
    return number(
        f"{right} labeled pixels are right, {wrong} are wrong, {ignored} pixels have the label 255. What is "
        "the pixel accuracy, from 0 to 1?",
        right / (right + wrong),
    )


def hard_center(draw: random.Random) -> Question:
    values, labels = several(draw, 6, 0, 9), [2, 2, 255, 0, draw.choice([0, 2]), 1]
    total = count = 0
    for value, label in zip(values, labels, strict=True):
        if label == 2:
            total, count = total + value, count + 1
    return number(
        f"Six pixels have the feature {values} and the labels {labels}. What is the center of class 2 (Eq. 1)?",
        total / count,
    )


def soft_center(draw: random.Random) -> Question:
    values, tenths = several(draw, 4, 0, 9), several(draw, 4, 1, 9)
    top = mass = 0.0
    for value, tenth in zip(values, tenths, strict=True):
        top, mass = top + tenth / 10 * value, mass + tenth / 10
    probabilities = [tenth / 10 for tenth in tenths]
    return number(
        f"Four pixels have the feature {values} and the probabilities {probabilities} of being car. What is "
        "the center of car (Eq. 2)?",
        top / mass,
    )


def absent_center(draw: random.Random) -> Question:
    absent = draw.randrange(4)
    labels = [draw.choice([k for k in range(4) if k != absent]) for _ in range(6)]
    text = (
        f"The labels of a picture are {labels}; there are 4 classes. What does the lesson take for the center "
        f"of class {absent}?"
    )
    return choice(
        draw,
        text,
        "the zero vector",
        ["the mean of all pixels", "NaN, the result of 0 / 0", "the center of the last class"],
    )


def merged_center(draw: random.Random) -> Question:
    (a, b), (n, m) = distinct(draw, 2, 0, 9), distinct(draw, 2, 2, 30)
    return number(
        f"Car has the center {a} in one picture, from {n} pixels, and {b} in another, from {m}. What is its "
        "center over both?",
        (a * n + b * m) / (n + m),
    )


def attended(draw: random.Random) -> Question:
    centers, weights = distinct(draw, 3, 0, 9), shares(draw, 3)
    found = 0.0
    for center, weight in zip(centers, weights, strict=True):
        found += weight * center
    return number(
        f"Three classes have the centers {centers} (one channel). A pixel has P = {weights}. What is its "
        "attentional class feature (Eq. 3)?",
        found,
    )


def lined_up_channel(draw: random.Random) -> Question:
    classes, channels = draw.randint(3, 19), draw.randint(4, 64)
    cls, channel = draw.randrange(classes), draw.randrange(channels)
    order = [(i, c) for i in range(classes) for c in range(channels)]
    return number(
        f"Eq. 5, {classes} classes of {channels} channels, all counted from 0. In which channel of the result "
        f"stands channel {channel} of class {cls}?",
        order.index((cls, channel)),
        0,
    )


def multiplications_left(draw: random.Random) -> Question:
    classes, channels, out = draw.randint(5, 19), draw.choice([64, 128, 512]), draw.choice([32, 64, 256])
    text = (
        f"Eq. 5 with {classes} classes of {channels} channels, and a 1 x 1 convolution to {out} channels. "
        "Factorized, how many multiplications are left at each pixel (those that make the matrix once for a "
        "picture do not count)?"
    )
    return number(text, sum(1 for _ in range(out) for _ in range(classes)), 0)


def two_most_probable(draw: random.Random) -> Question:
    centers, weights = distinct(draw, 4, 0, 9), [0.4, 0.3, 0.2, 0.1]
    draw.shuffle(weights)
    kept = sorted(range(4), key=lambda k: -weights[k])[:2]
    found = sum(weights[k] * centers[k] for k in kept) / sum(weights[k] for k in kept)
    return number(
        f"Four classes have the centers {centers}; a pixel has P = {weights}. It listens to its 2 most "
        "probable classes, scaled to the sum 1. What does it get?",
        found,
    )


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
    )


def region_pixels(draw: random.Random) -> Question:
    n, a, b = draw.choice([2, 3, 6]), *several(draw, 2, 2, 9)
    return number(
        f"Pyramid pooling cuts a map of {n * a} x {n * b} cells into {n} x {n} equal regions. Over how many "
        "cells goes each mean?",
        len([(r, c) for r in range(n * a) for c in range(n * b) if r // a == 0 and c // b == 0]),
        0,
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
    )


def ocr_weight(draw: random.Random) -> Question:
    feature, first, second = (several(draw, 4, -1, 2) for _ in range(3))
    scores = [sum(x * y for x, y in zip(feature, center, strict=True)) / math.sqrt(4) for center in (first, second)]
    exponentials = [math.exp(score) for score in scores]
    return number(
        f"As in OCR, a pixel with the feature {feature} asks two centers, {first} and {second}: dot product "
        "over the root of C, then softmax. What weight gets the first?",
        exponentials[0] / sum(exponentials),
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
    )


def parameters_of_a_convolution(draw: random.Random) -> Question:
    before, after = draw.choice([8, 16, 32]), draw.choice([10, 20, 40])
    return number(
        f"How many parameters have a 3 x 3 convolution from {before} to {after} channels, without bias, and "
        "the BatchNorm behind it?",
        sum(3 * 3 * before + 2 for _ in range(after)),
        0,
    )


def field_of_three(draw: random.Random) -> Question:
    layers = [(draw.choice([3, 5]), draw.randint(1, 2), draw.randint(1, 2)) for _ in range(3)]
    reached = {0}
    for kernel, stride, dilation in reversed(layers):  # from one result back to the pixels
        reached = {place * stride + dilation * tap for place in reached for tap in range(kernel)}
    return number(
        f"Three layers, given as (kernel, stride, dilation), the first layer first: {layers}. How many pixels "
        "a side is the receptive field of one result?",
        max(reached) - min(reached) + 1,
        0,
    )


def cells_of_a_picture(draw: random.Random) -> Question:
    stride, height, width = draw.choice([8, 16, 32]), *several(draw, 2, 4, 20)
    return number(
        f"A picture of {height * stride} x {width * stride} pixels, and a base network of output stride "
        f"{stride}. How many cells has the feature map?",
        height * width,
        0,
    )


QUESTIONS = {
    "00": (softmax_of_logs, likeliest_class, one_convolution, mean_iou_of_two, accuracy_with_ignored),
    "01": (hard_center, soft_center, absent_center, merged_center),
    "02": (attended, lined_up_channel, multiplications_left, two_most_probable),
    "03": (aspp_reads, region_pixels, weights_of_a_module, ocr_weight),
    "04": (size_after, parameters_of_a_convolution, field_of_three, cells_of_a_picture),
}
