"""Questions on the lessons 05 to 09. Each answer is computed by loops from the numbers of its question."""

import math
import random
import statistics

from acflib.course.material.questions import Question, choice, distinct, listed, number, several

NAMES = ("sky", "road", "car")


def poly_rate(draw: random.Random) -> Question:
    total, step, rate = draw.choice([100, 200, 400]), draw.randint(10, 90), draw.choice([1, 2, 4])
    return number(
        f"The poly rule with the power 0.9, {total} steps, and {rate} as the first rate. What is the rate of "
        f"step {step} (the first step is 0)?",
        rate * (1 - step / total) ** 0.9,
    )


def cross_entropy_of_a_pixel(draw: random.Random) -> Question:
    tenths = draw.randint(1, 9)
    return number(
        f"A network gives the true class of a pixel the probability {tenths / 10}. What is the cross entropy "
        "of this pixel?",
        -math.log(tenths / 10),
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
    )


def momentum_step(draw: random.Random) -> Question:
    weight, gradient, velocity = several(draw, 3, 1, 9)
    found = weight - 0.1 * (0.9 * velocity + gradient)
    return number(
        f"One step of SGD with the rate 0.1 and the momentum 0.9, without weight decay: weight {weight}, "
        f"gradient {gradient}, velocity {velocity}. What is the new weight?",
        found,
    )


def epoch_of_a_batch(draw: random.Random) -> Question:
    size, batches, position = draw.randint(3, 8), draw.randint(4, 9), draw.randint(10, 60)
    rest = draw.randint(1, size - 1)
    epoch = place = 0
    for _ in range(position):
        epoch, place = (epoch, place + 1) if place + 1 < batches else (epoch + 1, 0)
    return number(
        f"A data set of {size * batches + rest} pictures, batches of {size}; what does not fill a batch is "
        f"dropped. In which epoch (the first is 0) lies the batch at position {position} (the first is 0)?",
        epoch,
        0,
    )


def rows_of_a_log(draw: random.Random) -> Question:
    steps, every = draw.randint(50, 200), draw.randint(7, 20)
    return number(
        f"A run of {steps} steps writes a row after every {every} steps, and one for what is left at the end. "
        "How many rows has its log?",
        len(range(0, steps, every)),
        0,
    )


def steps_left(draw: random.Random) -> Question:
    total, position, power = draw.choice([100, 200]), draw.randint(20, 80), 1
    return number(
        f"A run of {total} steps stopped after {position} of them. With the poly rule and the power {power}, "
        "what share of the first rate has the first step after it goes on?",
        (1 - position / total) ** power,
    )


def paired_mean(draw: random.Random) -> Question:
    seeds = distinct(draw, 4, 1, 9)
    new = {seed: draw.randint(70, 80) for seed in seeds[:3]}
    old = {seed: draw.randint(65, 75) for seed in seeds[1:]}
    gains = [new[seed] - old[seed] for seed in new if seed in old]
    return number(f"Scores by seed: new {new}, old {old}. What is the mean gain in pairs?", sum(gains) / len(gains))


def deviation_of_three(draw: random.Random) -> Question:
    values = distinct(draw, 3, 60, 80)
    return number(
        f"Three seeds score {listed(values)}. What is their standard deviation (that of a sample)?",
        statistics.stdev(values),
    )


def half_of_an_interval(draw: random.Random) -> Question:
    deviation, seeds = draw.randint(2, 30) / 10, draw.choice([4, 9])
    t = {4: 3.18, 9: 2.31}[seeds]
    return number(
        f"{seeds} pairs have gains with the standard deviation {deviation}; t is {t}. What is half of the "
        "width of the 95 % interval?",
        t * deviation / math.sqrt(seeds),
    )


def what_may_be_said(draw: random.Random) -> Question:
    mean, half = draw.randint(-20, 20) / 10, draw.randint(1, 20) / 10
    reading = "above 0" if mean - half > 0 else "below 0" if mean + half < 0 else "neither"
    text = f"The mean gain is {mean}, half of the interval is {half}. What may be said of the gain?"
    return choice(draw, text, reading, ["above 0", "below 0", "neither"])


def gain_over_a_control(draw: random.Random) -> Question:
    plain, control, idea = (draw.randint(600, 640) / 10, draw.randint(641, 680) / 10, draw.randint(681, 720) / 10)
    return number(
        f"Without the module: {plain}. With the module: {idea}. With a control that has the same parameters "
        f"but not the idea: {control}. By how many points is the idea above its control? (One run each shows nothing.)",
        idea - control,
        1,
    )


def dilated_tap(draw: random.Random) -> Question:
    row, weights, rate = several(draw, 9, 0, 9), several(draw, 3, -2, 2), draw.randint(2, 4)
    found = sum(weight * row[4 + (tap - 1) * rate] for tap, weight in enumerate(weights))
    return number(
        f"A convolution with the weights {weights} and the rate {rate} runs over the row {row}. What comes "
        "out at place 4 (the first is 0)?",
        found,
        0,
    )


def taps_on_the_map(draw: random.Random) -> Question:
    side, rate = draw.randint(8, 20), draw.randint(3, 12)
    row, column = several(draw, 2, 0, side - 1)
    steps = (-rate, 0, rate)
    inside = [1 for down in steps for right in steps if 0 <= row + down < side and 0 <= column + right < side]
    return number(
        f"A 3 x 3 convolution of the rate {rate} on a map of {side} x {side} cells. How many of its nine taps "
        f"lie on the map, at row {row}, column {column} (from 0)?",
        len(inside),
        0,
    )


def share_of_hard(draw: random.Random) -> Question:
    tenths, labels, threshold = several(draw, 7, 1, 9), [1, 1, 1, 0, 255, *several(draw, 2, 0, 1)], draw.randint(4, 7)
    own = [tenth for tenth, label in zip(tenths, labels, strict=True) if label == 1]
    shown = [tenth / 10 for tenth in tenths]
    return number(
        f"Seven pixels have the labels {labels} and these probabilities of the true class: {shown}. What "
        f"share of the pixels of class 1 is hard, with the threshold {threshold / 10}?",
        sum(tenth < threshold for tenth in own) / len(own),
    )


def column_in_the_mirror(draw: random.Random) -> Question:
    width = draw.randint(10, 60)
    column = draw.randrange(width)
    return number(
        f"A picture of {width} columns is mirrored left to right. In which column of the mirrored result lies "
        f"the pixel of column {column} (from 0)?",
        [*reversed(range(width))].index(column),
        0,
    )


def passes_of_a_test(draw: random.Random) -> Question:
    scales, pictures = draw.randint(3, 7), draw.randint(2, 9)
    return number(
        f"Multi-scale testing with {scales} scales, each with its mirror image. How many passes do {pictures} "
        "pictures take?",
        len([1 for _ in range(pictures) for _ in range(scales) for _ in ("as it is", "mirrored")]),
        0,
    )


def cosine_of_two(draw: random.Random) -> Question:
    a, b = [*several(draw, 1, 1, 9), *several(draw, 1, -9, 9)], [*several(draw, 1, -9, -1), *several(draw, 1, -9, 9)]
    dot = sum(x * y for x, y in zip(a, b, strict=True))
    return number(
        f"Two pixels have the features {a} and {b}. What is their cosine similarity?",
        dot / math.hypot(*a) / math.hypot(*b),
    )


def pairs_within(draw: random.Random) -> Question:
    labels = [*several(draw, 7, 0, 2), 255, 255]
    draw.shuffle(labels)
    found = [1 for j in range(9) for i in range(j) if labels[i] == labels[j] != 255]
    return number(
        f"Nine pixels have the labels {labels}. How many pairs of different pixels (the order does not count) "
        "are there within a class?",
        len(found),
        0,
    )


def most_similar_center(draw: random.Random) -> Question:
    feature, centers = several(draw, 2, 1, 9), {name: several(draw, 2, 1, 9) for name in NAMES}
    cosines = {name: (feature[0] * x + feature[1] * y) / math.hypot(x, y) for name, (x, y) in centers.items()}
    best = max(cosines.values())
    if sum(math.isclose(value, best) for value in cosines.values()) > 1:
        return most_similar_center(draw)  # no tie in a quiz
    shown = listed([f"{name} {center}" for name, center in centers.items()])
    return choice(
        draw,
        f"A pixel has the feature {feature}. The centers are {shown}. Which is the most similar by the cosine?",
        max(cosines, key=lambda name: cosines[name]),
        NAMES,
    )


def share_in_order(draw: random.Random) -> Question:
    own, others = [tenth / 10 for tenth in several(draw, 3, 2, 9)], [tenth / 10 for tenth in several(draw, 3, 0, 8)]
    won = 0.0
    for x in own:
        for y in others:
            won += 1 if x > y else 0.5 if x == y else 0
    return number(
        f"Similarity to the asked pixel: {own} for pixels of its class, {others} for pixels of others. In "
        "which share of the pairs is the pixel of its class more similar? A tie counts one half.",
        won / 9,
    )


QUESTIONS = {
    "05": (poly_rate, cross_entropy_of_a_pixel, balanced_loss, hard_pixels_that_count, three_losses),
    "06": (momentum_step, epoch_of_a_batch, rows_of_a_log, steps_left),
    "07": (paired_mean, deviation_of_three, half_of_an_interval, what_may_be_said, gain_over_a_control),
    "08": (dilated_tap, taps_on_the_map, share_of_hard, column_in_the_mirror, passes_of_a_test),
    "09": (cosine_of_two, pairs_within, most_similar_center, share_in_order),
}
