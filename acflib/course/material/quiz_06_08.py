"""Questions on the lessons 06 to 08. Each answer is computed by loops from the numbers of its question."""

import math
import random
import statistics

from acflib.course.material.questions import Question, choice, distinct, listed, number, several


def momentum_step(draw: random.Random) -> Question:
    weight, gradient, velocity = several(draw, 3, 1, 9)
    found = weight - 0.1 * (0.9 * velocity + gradient)
    return number(
        f"One step of SGD with the rate 0.1 and the momentum 0.9, without weight decay: weight {weight}, "
        f"gradient {gradient}, velocity {velocity}. What is the new weight?",
        found,
        momentum_forgotten=weight - 0.1 * gradient,
        damped=weight - 0.1 * (0.9 * velocity + 0.1 * gradient),
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
        rest_kept=position // (batches + 1),
        counted_from_1=epoch + 1,
    )


def rows_of_a_log(draw: random.Random) -> Question:
    steps, every = draw.randint(50, 200), draw.randint(7, 20)
    return number(
        f"A run of {steps} steps writes a row after every {every} steps, and one for what is left at the end. "
        "How many rows has its log?",
        len(range(0, steps, every)),
        0,
        rest_forgotten=steps // every,
    )


def steps_left(draw: random.Random) -> Question:
    total, position, power = draw.choice([100, 200]), draw.randint(20, 80), 1
    return number(
        f"A run of {total} steps stopped after {position} of them. With the poly rule and the power {power}, "
        "what share of the first rate has the first step after it goes on?",
        (1 - position / total) ** power,
        3,
        step_before=(1 - (position - 1) / total) ** power,
        step_behind=(1 - (position + 1) / total) ** power,
        share_done=position / total,
    )


def paired_mean(draw: random.Random) -> Question:
    seeds = distinct(draw, 4, 1, 9)
    new = {seed: draw.randint(70, 80) for seed in seeds[:3]}
    old = {seed: draw.randint(65, 75) for seed in seeds[1:]}
    gains = [new[seed] - old[seed] for seed in new if seed in old]
    return number(
        f"Scores by seed: new {new}, old {old}. What is the mean gain in pairs?",
        sum(gains) / len(gains),
        all_seeds=(sum(new.values()) - sum(old.values())) / 3,
        sum_alone=sum(gains),
    )


def deviation_of_three(draw: random.Random) -> Question:
    values = distinct(draw, 3, 60, 80)
    return number(
        f"Three seeds score {listed(values)}. What is their standard deviation (that of a sample)?",
        statistics.stdev(values),
        of_all=statistics.pstdev(values),
        variance=statistics.variance(values),
    )


def half_of_an_interval(draw: random.Random) -> Question:
    deviation, seeds = draw.randint(2, 30) / 10, draw.choice([4, 9])
    t = {4: 3.18, 9: 2.31}[seeds]
    return number(
        f"{seeds} pairs have gains with the standard deviation {deviation}; t is {t}. What is half of the "
        "width of the 95 % interval?",
        t * deviation / math.sqrt(seeds),
        whole_width=2 * t * deviation / math.sqrt(seeds),
        root_forgotten=t * deviation,
        t_forgotten=deviation / math.sqrt(seeds),
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
        over_nothing=idea - plain,
        control_alone=control - plain,
    )


def dilated_tap(draw: random.Random) -> Question:
    row, weights, rate = several(draw, 9, 0, 9), several(draw, 3, -2, 2), draw.randint(2, 4)
    found = sum(weight * row[4 + (tap - 1) * rate] for tap, weight in enumerate(weights))
    return number(
        f"A convolution with the weights {weights} and the rate {rate} runs over the row {row}. What comes "
        "out at place 4 (the first is 0)?",
        found,
        0,
        rate_forgotten=sum(weight * row[3 + tap] for tap, weight in enumerate(weights)),
        kernel_turned_round=sum(weight * row[4 - (tap - 1) * rate] for tap, weight in enumerate(weights)),
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
        taps_outside=9 - len(inside),
    )


def share_of_hard(draw: random.Random) -> Question:
    tenths, labels, threshold = several(draw, 7, 1, 9), [1, 1, 1, 0, 255, *several(draw, 2, 0, 1)], draw.randint(4, 7)
    own = [tenth for tenth, label in zip(tenths, labels, strict=True) if label == 1]
    shown = [tenth / 10 for tenth in tenths]
    return number(
        f"Seven pixels have the labels {labels} and these probabilities of the true class: {shown}. What "
        f"share of the pixels of class 1 is hard, with the threshold {threshold / 10}?",
        sum(tenth < threshold for tenth in own) / len(own),
        of_all_pixels=sum(tenth < threshold for tenth in own) / 7,
        share_of_easy=sum(tenth >= threshold for tenth in own) / len(own),
    )


def column_in_the_mirror(draw: random.Random) -> Question:
    width = draw.randint(10, 60)
    column = draw.randrange(width)
    return number(
        f"A picture of {width} columns is mirrored left to right. In which column of the mirrored result lies "
        f"the pixel of column {column} (from 0)?",
        [*reversed(range(width))].index(column),
        0,
        one_too_far=width - column,
        not_mirrored=column,
    )


def passes_of_a_test(draw: random.Random) -> Question:
    scales, pictures = draw.randint(3, 7), draw.randint(2, 9)
    return number(
        f"Multi-scale testing with {scales} scales, each with its mirror image. How many passes do {pictures} "
        "pictures take?",
        len([1 for _ in range(pictures) for _ in range(scales) for _ in ("as it is", "mirrored")]),
        0,
        mirrors_forgotten=scales * pictures,
        one_mirror=(scales + 1) * pictures,
    )


QUESTIONS = {
    "06": (momentum_step, epoch_of_a_batch, rows_of_a_log, steps_left),
    "07": (paired_mean, deviation_of_three, half_of_an_interval, what_may_be_said, gain_over_a_control),
    "08": (dilated_tap, taps_on_the_map, share_of_hard, column_in_the_mirror, passes_of_a_test),
}
