"""Questions on the lessons 10 to 14. Each answer is computed by loops from the numbers of its question."""

import math
import random

from acflib.course.material.questions import Question, choice, distinct, listed, number, several, shares
from acflib.layers.bases import IMAGENET_MEAN, IMAGENET_STD


def net_gain(draw: random.Random) -> Question:
    coarse, fine, truth = several(draw, 8, 0, 1), several(draw, 8, 0, 1), [*several(draw, 6, 0, 1), 1, 255]
    net = 0
    for before, after, true in zip(coarse, fine, truth, strict=True):
        if true == 1:
            net += (after == true) - (before == true)
    return number(
        f"Eight pixels: coarse {coarse}, fine {fine}, truth {truth} (255 = ignore). What is the net gain, "
        "fixed minus broken, of class 1?",
        net,
        0,
    )


def swapped_share(draw: random.Random) -> Question:
    values, (a, b) = shares(draw, 4), distinct(draw, 2, 0, 3)
    swapped = [values[{a: b, b: a}.get(k, k)] for k in range(4)]
    return number(
        f"A pixel has P = {values}. The classes {a} and {b} are swapped (the first class is 0). What is the "
        f"probability of class {a} now?",
        swapped[a],
        1,
    )


def painted_share(draw: random.Random) -> Question:
    values, cls, tenths = shares(draw, 3), draw.randrange(3), draw.randint(2, 9)
    shrunk = [value * (1 - tenths / 10) for value in values]
    shrunk[cls] += tenths / 10
    return number(
        f"A pixel has P = {values}. Class {cls} (the first is 0) is painted over it with the share "
        f"{tenths / 10}: all shrink, then it gets that on top. What is its probability now?",
        shrunk[cls],
    )


def first_of_the_good(draw: random.Random) -> Question:
    gains = [value / 10 for value in several(draw, 6, -9, 9)]
    gains[draw.randrange(3, 6)] = max(gains)  # perhaps a tie: the first counts
    best = 0
    for place, gain in enumerate(gains):
        if gain > gains[best]:
            best = place
    return number(
        f"Scenes 0 to 5 gain {gains}. Which is the first good case, if of equal gains the one that comes first counts?",
        best,
        0,
    )


def windows_on_a_side(draw: random.Random) -> Question:
    window, step = draw.randint(10, 20), draw.randint(5, 9)
    length = window + draw.randint(5, 60)
    count, start = 1, 0
    while start + window < length:
        start, count = start + step, count + 1
    return number(
        f"Windows of {window} pixels begin every {step} pixels and cover {length}; the last is moved back "
        "until it is flush with the end. How many are there?",
        count,
        0,
    )


def fewest_passes(draw: random.Random) -> Question:
    share, gpus, fits = draw.choice([6, 8, 12]), draw.choice([2, 4]), draw.randint(2, 5)
    passes = next(n for n in range(1, share + 1) if share % n == 0 and share // n <= fits)
    return number(
        f"A batch of {share * gpus} images on {gpus} GPUs; at most {fits} go into one pass of a GPU, and all "
        "passes are of equal size. How many passes at least has a GPU?",
        passes,
        0,
    )


def looks_at_an_image(draw: random.Random) -> Question:
    iterations, batch, images = draw.randint(10, 60) * 1000, draw.choice([8, 16]), draw.choice([2975, 3475])
    return number(
        f"{iterations} iterations with batches of {batch}, on {images} images. How often is each image seen, "
        "on average?",
        iterations * batch / images,
        1,
    )


def id_for_the_server(draw: random.Random) -> Question:
    table, row = distinct(draw, 5, 7, 33), [*several(draw, 4, 0, 4), 255]
    draw.shuffle(row)
    place = draw.randrange(5)
    found = [0 if value == 255 else table[value] for value in row]
    return number(
        f"The label ids of the train ids 0 to 4 are {table}; for 255 the server wants 0. A row of the "
        f"prediction is {row}. What label id has its pixel {place} (the first is 0)?",
        found[place],
        0,
    )


def fair_or_not(draw: random.Random) -> Question:
    a, b = (
        (
            draw.choice(["train", "train and val"]),
            draw.choice(["val", "test"]),
            draw.choice(["one pass", "twelve passes"]),
        )
        for _ in range(2)
    )
    names = ("the training data", "the split", "the passes")
    differ = [name for name, x, y in zip(names, a, b, strict=True) if x != y]
    text = (
        f"Score A: trained on {a[0]}; scored on {a[1]}; {a[2]}. Score B: trained on {b[0]}; scored on {b[1]}; {b[2]}. "
        "What forbids to compare them?"
    )
    wrong = ["nothing", *names, "the training data and the split", "the split and the passes"]
    return choice(draw, text, listed(differ) if differ else "nothing", wrong)


def normalized_red(draw: random.Random) -> Question:
    value, channel = draw.randint(0, 255), draw.randrange(3)
    name, mean, std = ("red", "green", "blue")[channel], IMAGENET_MEAN[channel], IMAGENET_STD[channel]
    return number(
        f"The {name} of a pixel is {value}, of 255. ImageNet's mean for {name} is {mean}, its standard "
        f"deviation {std}. Which number does the network get?",
        (value / 255 - mean) / std,
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
    )


def channels_into_the_fusion(draw: random.Random) -> Question:
    channels, classes = draw.choice([64, 128, 512]), draw.randint(5, 19)
    variant, attended = draw.choice([("sum", channels), ("concat", channels * classes)])
    return number(
        f"Features of {channels} channels, {classes} classes, no 1 x 1 convolutions. How many channels has "
        f"the attended class feature of ACF ({variant}) together with the features?",
        attended + channels,
        0,
    )


def cells_of_a_photograph(draw: random.Random) -> Question:
    stride, side = draw.choice([8, 16, 32]), draw.randint(200, 900)
    return number(
        f"A network halves a side again and again, rounding up, until its output stride is {stride}. How many "
        f"cells has a side of {side} pixels?",
        _halved(side, stride),
        0,
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
    )


def contrast_of_a_pixel(draw: random.Random) -> Question:
    values, labels = [tenth / 10 for tenth in several(draw, 7, -5, 9)], [2, 2, 2, 0, 1, 255, draw.randrange(3)]
    own = [value for value, label in zip(values[1:], labels[1:], strict=True) if label == 2]
    other = [value for value, label in zip(values, labels, strict=True) if label not in (2, 255)]
    values[0] = 1.0
    return number(
        f"Similarity to pixel 0: {values}. Labels: {labels} (255 = ignore). What is the contrast of pixel 0?",
        sum(own) / len(own) - sum(other) / len(other),
    )


def more_alike(draw: random.Random) -> Question:
    short, factor = several(draw, 2, 1, 5), draw.randint(2, 5)
    text = f"Pixel A has the feature {short}, pixel B {[factor * x for x in short]}. What is their cosine similarity?"
    return choice(draw, text, "1", ["0", str(factor), f"1/{factor}"])


def zero_feature(draw: random.Random) -> Question:
    other = several(draw, 2, 1, 9)
    return choice(
        draw,
        f"A pixel has the feature [0, 0], another {other}. Which similarity does the lesson give them?",
        "0",
        ["1", "NaN", f"{math.hypot(*other):.1f}"],
    )


def tempered_share(draw: random.Random) -> Question:
    tenths, temperature = draw.randint(1, 9), draw.choice([0.5, 2])
    powers = [(part / 10) ** (1 / temperature) for part in (tenths, 10 - tenths)]
    return number(
        f"Two classes have P = ({tenths / 10}, {(10 - tenths) / 10}). With the temperature {temperature}, "
        "what is the probability of the first?",
        powers[0] / sum(powers),
    )


def one_class_less(draw: random.Random) -> Question:
    values = shares(draw, 4)
    gone, asked = distinct(draw, 2, 0, 3)
    left = sum(value for k, value in enumerate(values) if k != gone)
    return number(
        f"A pixel has P = {values}. Class {gone} (the first is 0) is taken out. What is the probability of "
        f"class {asked} now?",
        values[asked] / left,
    )


def center_after_a_stroke(draw: random.Random) -> Question:
    center, mass, feature, tenths = draw.randint(1, 9), draw.randint(2, 9), draw.randint(0, 20), draw.randint(0, 9)
    total, weight = center * mass + (1 - tenths / 10) * feature, mass + 1 - tenths / 10
    return number(
        f"Car has the center {center} and the mass {mass}. A cell with the feature {feature}, which was car "
        f"with P = {tenths / 10}, is painted wholly car. What is the new center?",
        total / weight,
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
    )


QUESTIONS = {
    "10": (net_gain, swapped_share, painted_share, first_of_the_good),
    "11": (windows_on_a_side, fewest_passes, looks_at_an_image, id_for_the_server, fair_or_not),
    "12": (normalized_red, file_value, channels_into_the_fusion, cells_of_a_photograph),
    "13": (cell_under, contrast_of_a_pixel, more_alike, zero_feature),
    "14": (tempered_share, one_class_less, center_after_a_stroke, trust_of_a_pixel),
}
