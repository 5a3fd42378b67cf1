"""Questions on the lessons 00 to 02. Each answer is computed by loops from the numbers of its question."""

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
        logits_divided=math.log(parts[0]) / sum(map(math.log, parts)),
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
        kernel_turned_round=sum(weight * row[3 - k] for k, weight in enumerate(kernel)),
    )


def mean_iou_of_two(draw: random.Random) -> Question:
    a_right, a_as_b, b_as_a, b_right = several(draw, 4, 2, 20)
    ious = [a_right / (a_right + a_as_b + b_as_a), b_right / (b_right + a_as_b + b_as_a)]
    text = (
        f"Of the road pixels {a_right} are called road and {a_as_b} car; of the car pixels {b_as_a} are "
        f"called road and {b_right} car. What is the mIoU, from 0 to 1?"
    )
    return number(
        text,
        sum(ious) / 2,
        pixel_accuracy=(a_right + b_right) / (a_right + a_as_b + b_as_a + b_right),
        mean_of_class_accuracies=(a_right / (a_right + a_as_b) + b_right / (b_right + b_as_a)) / 2,
        one_class_alone=ious[0],
    )


def accuracy_with_ignored(draw: random.Random) -> Question:
    right, wrong, ignored = several(draw, 3, 3, 20)
    return number(
        f"{right} labeled pixels are right, {wrong} are wrong, {ignored} pixels have the label 255. What is "
        "the pixel accuracy, from 0 to 1?",
        right / (right + wrong),
        ignored_counted=right / (right + wrong + ignored),
        share_of_wrong=wrong / (right + wrong),
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
        mean_of_all=sum(values) / 6,
        ignored_counted=(total + values[2]) / (count + 1),
        sum_alone=total,
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
        denominator_forgotten=top,
        divided_by_pixels=top / 4,
        plain_mean=sum(values) / 4,
    )


def absent_center(draw: random.Random) -> Question:
    values, absent = several(draw, 6, 1, 9), draw.randrange(4)
    present = [k for k in range(4) if k != absent]
    labels = [*present, *(draw.choice(present) for _ in range(3))]
    draw.shuffle(labels)
    centers = []
    for cls in present:
        own = [value for value, label in zip(values, labels, strict=True) if label == cls]
        centers.append(sum(own) / len(own))
    return number(
        f"Six pixels have the feature {values} and the labels {labels}; there are 4 classes. What is the sum of the "
        "lesson's centers of all 4 (Eq. 1)?",
        sum(centers),
        absent_as_the_mean_of_all=sum(centers) + sum(values) / 6,
        absent_as_the_last=2 * centers[-1] + sum(centers[:-1]),
        sum_of_all=sum(values),
    )


def merged_center(draw: random.Random) -> Question:
    (a, b), (n, m) = distinct(draw, 2, 0, 9), distinct(draw, 2, 2, 30)
    return number(
        f"Car has the center {a} in one picture, from {n} pixels, and {b} in another, from {m}. What is its "
        "center over both?",
        (a * n + b * m) / (n + m),
        mean_of_means=(a + b) / 2,
        weights_exchanged=(a * m + b * n) / (n + m),
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
        plain_mean=sum(centers) / 3,
        likeliest_alone=centers[weights.index(max(weights))],
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
        channel_by_channel=channel * classes + cls,
    )


def multiplications_left(draw: random.Random) -> Question:
    classes, channels, out = draw.randint(5, 19), draw.choice([64, 128, 512]), draw.choice([32, 64, 256])
    text = (
        f"Eq. 5 with {classes} classes of {channels} channels, and a 1 x 1 convolution to {out} channels. "
        "Factorized, how many multiplications are left at each pixel (those that make the matrix once for a "
        "picture do not count)?"
    )
    return number(
        text,
        sum(1 for _ in range(out) for _ in range(classes)),
        0,
        not_factorized=classes * channels * out,
    )


def two_most_probable(draw: random.Random) -> Question:
    centers, weights = distinct(draw, 4, 0, 9), [0.4, 0.3, 0.2, 0.1]
    draw.shuffle(weights)
    kept = sorted(range(4), key=lambda k: -weights[k])[:2]
    found = sum(weights[k] * centers[k] for k in kept) / sum(weights[k] for k in kept)
    return number(
        f"Four classes have the centers {centers}; a pixel has P = {weights}. It listens to its 2 most "
        "probable classes, scaled to the sum 1. What does it get?",
        found,
        not_scaled=sum(weights[k] * centers[k] for k in kept),
        all_four=sum(w * c for w, c in zip(weights, centers, strict=True)),
    )


QUESTIONS = {
    "00": (softmax_of_logs, likeliest_class, one_convolution, mean_iou_of_two, accuracy_with_ignored),
    "01": (hard_center, soft_center, absent_center, merged_center),
    "02": (attended, lined_up_channel, multiplications_left, two_most_probable),
}
