"""Questions on the lessons 09 to 11. Each answer is computed by loops from the numbers of its question."""

import math
import random

from acflib.course.material.questions import Question, choice, distinct, listed, number, several, shares

NAMES = ("sky", "road", "car")


def cosine_of_two(draw: random.Random) -> Question:
    a, b = [*several(draw, 1, 1, 9), *several(draw, 1, -9, 9)], [*several(draw, 1, -9, -1), *several(draw, 1, -9, 9)]
    dot = sum(x * y for x, y in zip(a, b, strict=True))
    return number(
        f"Two pixels have the features {a} and {b}. What is their cosine similarity?",
        dot / math.hypot(*a) / math.hypot(*b),
        dot_product=dot,
        distance=1 - dot / math.hypot(*a) / math.hypot(*b),
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
        both_orders=2 * len(found),
        ignored_counted=len(found) + 1,
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
        tie_as_nothing=sum(x > y for x in own for y in others) / 9,
        tie_as_whole=sum(x >= y for x in own for y in others) / 9,
    )


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
        all_classes=sum((y == t) - (x == t) for x, y, t in zip(coarse, fine, truth, strict=True)),
        fixed_alone=sum((x, y, t) == (0, 1, 1) for x, y, t in zip(coarse, fine, truth, strict=True)),
    )


def swapped_share(draw: random.Random) -> Question:
    values, (a, b) = shares(draw, 4), distinct(draw, 2, 0, 3)
    swapped = [values[{a: b, b: a}.get(k, k)] for k in range(4)]
    return number(
        f"A pixel has P = {values}. The classes {a} and {b} are swapped (the first class is 0). What is the "
        f"probability of class {a} now?",
        swapped[a],
        not_swapped=values[a],
    )


def painted_share(draw: random.Random) -> Question:
    values, cls, tenths = shares(draw, 3), draw.randrange(3), draw.randint(2, 9)
    shrunk = [value * (1 - tenths / 10) for value in values]
    shrunk[cls] += tenths / 10
    return number(
        f"A pixel has P = {values}. Class {cls} (the first is 0) is painted over it with the share "
        f"{tenths / 10}: all shrink, then it gets that on top. What is its probability now?",
        shrunk[cls],
        not_shrunk=values[cls] + tenths / 10,
        share_alone=tenths / 10,
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
        last_of_equal=max(k for k in range(6) if gains[k] == gains[best]),
        the_worst=gains.index(min(gains)),
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
        rest_forgotten=(length - window) // step + 1,
    )


def fewest_passes(draw: random.Random) -> Question:
    share, gpus, fits = draw.choice([8, 9, 10, 14, 15]), draw.choice([2, 4]), draw.randint(2, 5)
    passes = next(n for n in range(1, share + 1) if share % n == 0 and share // n <= fits)
    return number(
        f"A batch of {share * gpus} images on {gpus} GPUs; at most {fits} go into one pass of a GPU, and all "
        "passes are of equal size. How many passes at least has a GPU?",
        passes,
        0,
        rounded_up=-(-share // fits),
        images_of_a_pass=share // passes,
    )


def looks_at_an_image(draw: random.Random) -> Question:
    iterations, batch, images = draw.randint(10, 60) * 1000, draw.choice([8, 16]), draw.choice([2975, 3475])
    return number(
        f"{iterations} iterations with batches of {batch}, on {images} images. How often is each image seen, "
        "on average?",
        iterations * batch / images,
        1,
        batch_forgotten=iterations / images,
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
        train_id_kept=row[place],
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


QUESTIONS = {
    "09": (cosine_of_two, pairs_within, most_similar_center, share_in_order),
    "10": (net_gain, swapped_share, painted_share, first_of_the_good),
    "11": (windows_on_a_side, fewest_passes, looks_at_an_image, id_for_the_server, fair_or_not),
}
