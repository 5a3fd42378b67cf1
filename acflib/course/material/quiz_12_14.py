"""Questions on the lessons 12 to 14. Each answer is computed by loops from the numbers of its question."""

import random

from acflib.course.material.questions import Question, choice, distinct, number, several, shares
from acflib.layers.bases import IMAGENET_MEAN, IMAGENET_STD


def normalized_red(draw: random.Random) -> Question:
    value, channel = draw.randint(0, 255), draw.randrange(3)
    name, mean, std = ("red", "green", "blue")[channel], IMAGENET_MEAN[channel], IMAGENET_STD[channel]
    return number(
        f"The {name} of a pixel is {value}, of 255. ImageNet's mean for {name} is {mean}, its standard "
        f"deviation {std}. Which number does the network get?",
        (value / 255 - mean) / std,
        not_from_0_to_1=(value - mean) / std,
        deviation_forgotten=value / 255 - mean,
    )


def file_value(draw: random.Random) -> Question:
    values = distinct(draw, 4, 0, 9)
    table = [(values[0], values[1]), (values[1], values[2]), (values[3], 0)]
    asked = draw.choice([values[0], values[1], values[2]])
    found = 255
    for value, train_id in table:
        if asked == value:
            found = train_id
    return number(
        f"A table of (value in the file, train id) is {table}; what it does not name becomes 255. Which train "
        f"id has the file value {asked}?",
        found,
        0,
        value_kept=asked,
        columns_exchanged={train_id: value for value, train_id in table}.get(asked, 255),
    )


def channels_into_the_fusion(draw: random.Random) -> Question:
    channels, classes = draw.choice([64, 128, 512]), draw.randint(5, 19)
    variant, attended = draw.choice([("sum", channels), ("concat", channels * classes)])
    return number(
        f"Features of {channels} channels, {classes} classes, no 1 x 1 convolutions. How many channels has "
        f"the attended class feature of ACF ({variant}) together with the features?",
        attended + channels,
        0,
        features_forgotten=attended,
        other_variant=2 * channels if variant == "concat" else channels * (classes + 1),
    )


def cells_of_a_photograph(draw: random.Random) -> Question:
    stride, side = draw.choice([8, 16, 32]), draw.randint(200, 900)
    return number(
        f"A network halves a side again and again, rounding up, until its output stride is {stride}. How many "
        f"cells has a side of {side} pixels?",
        _halved(side, stride),
        0,
        rounded_down=side // stride,
    )


def _halved(side: int, stride: int) -> int:
    while stride > 1:
        side, stride = (side + 1) // 2, stride // 2
    return side


def cell_under(draw: random.Random) -> Question:
    cells = draw.randint(6, 20)
    pixels = cells * draw.randint(4, 9) + draw.randint(1, cells - 1)
    row = draw.randrange(pixels)
    found = max(cell for cell in range(cells) if cell * pixels <= row * cells)
    return number(
        f"{pixels} pixels lie over {cells} cells of equal size. Over which cell (the first is 0) lies the "
        f"left edge of pixel {row}?",
        found,
        0,
        whole_pixels_a_cell=row // (pixels // cells),
        rounded=round(row * cells / pixels),
    )


def contrast_of_a_pixel(draw: random.Random) -> Question:
    values, labels = [tenth / 10 for tenth in several(draw, 7, -5, 9)], [2, 2, 2, 0, 1, 255, draw.randrange(3)]
    own = [value for value, label in zip(values[1:], labels[1:], strict=True) if label == 2]
    other = [value for value, label in zip(values, labels, strict=True) if label not in (2, 255)]
    values[0] = 1.0
    return number(
        f"Similarity to pixel 0: {values}. Labels: {labels} (255 = ignore). What is the contrast of pixel 0?",
        sum(own) / len(own) - sum(other) / len(other),
        itself_counted=(sum(own) + 1) / (len(own) + 1) - sum(other) / len(other),
        ignored_counted=sum(own) / len(own) - (sum(other) + values[5]) / (len(other) + 1),
    )


def more_alike(draw: random.Random) -> Question:
    (x, y), factor = several(draw, 2, 1, 5), draw.randint(2, 5)
    right, direction = draw.choice([("1", (x, y)), ("-1", (-x, -y)), ("0", (-y, x))])
    other = [factor * entry for entry in direction]
    text = f"Pixel A has the feature {[x, y]}, pixel B {other}. What is their cosine similarity?"
    return choice(draw, text, right, ["1", "0", "-1", str(factor), f"1/{factor}"])


def zero_feature(draw: random.Random) -> Question:
    (x, y), factors = several(draw, 2, 1, 3), [1, 0, *(draw.choice([-3, -2, -1, 1, 2, 3]) for _ in range(3))]
    draw.shuffle(factors)
    asked = draw.choice([k for k in range(5) if factors[k]])
    signs = [(factor > 0) - (factor < 0) for factor in factors]
    found = sum(signs[asked] * sign for sign in signs)
    return number(
        f"Five pixels have the features {[[factor * x, factor * y] for factor in factors]}. What is the sum of the "
        f"similarities, as the lesson has them, of pixel {asked} (the first is 0) with all five, itself too?",
        found,
        0,
        zero_as_alike=found + 1,
        itself_left_out=found - 1,
    )


def tempered_share(draw: random.Random) -> Question:
    tenths, temperature = draw.randint(1, 9), draw.choice([0.5, 2])
    powers = [(part / 10) ** (1 / temperature) for part in (tenths, 10 - tenths)]
    return number(
        f"Two classes have P = ({tenths / 10}, {(10 - tenths) / 10}). With the temperature {temperature}, "
        "what is the probability of the first?",
        powers[0] / sum(powers),
        power_t=1 / (1 + ((10 - tenths) / tenths) ** temperature),
        not_tempered=tenths / 10,
    )


def one_class_less(draw: random.Random) -> Question:
    values = shares(draw, 4)
    gone, asked = distinct(draw, 2, 0, 3)
    left = sum(value for k, value in enumerate(values) if k != gone)
    return number(
        f"A pixel has P = {values}. Class {gone} (the first is 0) is taken out. What is the probability of "
        f"class {asked} now?",
        values[asked] / left,
        not_divided=values[asked],
    )


def center_after_a_stroke(draw: random.Random) -> Question:
    center, mass, feature, tenths = draw.randint(1, 9), draw.randint(2, 9), draw.randint(0, 20), draw.randint(0, 9)
    total, weight = center * mass + (1 - tenths / 10) * feature, mass + 1 - tenths / 10
    return number(
        f"Car has the center {center} and the mass {mass}. A cell with the feature {feature}, which was car "
        f"with P = {tenths / 10}, is painted wholly car. What is the new center?",
        total / weight,
        share_forgotten=(center * mass + feature) / (mass + 1),
        mass_kept=total / mass,
    )


def trust_of_a_pixel(draw: random.Random) -> Question:
    centers, weights, cls = distinct(draw, 3, 0, 9), shares(draw, 3), draw.randrange(3)
    before = 0.0
    for center, weight in zip(centers, weights, strict=True):
        before += weight * center
    return number(
        f"The centers are {centers} (one channel), a pixel has P = {weights}. It is now given wholly to class "
        f"{cls} (the first is 0); the centers are held fixed. By how much does its attentional class feature "
        "change?",
        centers[cls] - before,
        the_new_one=centers[cls],
        other_sign=before - centers[cls],
    )


QUESTIONS = {
    "12": (normalized_red, file_value, channels_into_the_fusion, cells_of_a_photograph),
    "13": (cell_under, contrast_of_a_pixel, more_alike, zero_feature),
    "14": (tempered_share, one_class_less, center_after_a_stroke, trust_of_a_pixel),
}
