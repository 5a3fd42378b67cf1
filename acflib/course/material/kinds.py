"""What the values of the exercises mean, each with the lesson's way to write it and others."""

import math

import torch

from acflib.course.material.views import (
    Kind,
    View,
    added,
    blocks_moved,
    flipped,
    in_each,
    label_view,
    labels_in_parts,
    middle_and_half,
    own_inverse,
    renamed,
    scaled,
    swapped_pair,
    times,
)

SCORE = ("method", "fine", "trained_on", "evaluated_on", "multi_scale")
BASE_2 = scaled(
    "to base 2: the probability of a class is 2 to the power of its score, divided by the sum of these over them all",
    1 / math.log(2),
)
ENERGY = own_inverse(
    "energies: logits with the other sign, so that the class of the lowest one is the most probable", torch.neg
)
FROM_1 = added("counted from 1", 1)
MARKS = {f"ignore {n}": label_view(0, n) for n in (-1, 99, 200)}
SOFTMAX = "logits: a softmax over the classes makes the probabilities"
LOGITS = {"base 2": BASE_2, "energies": ENERGY}

KINDS = {
    "": Kind("", {}),  # nothing to say, and no other way
    "labels": Kind(
        "class numbers from 0; 255 = ignore",
        {f"from {first}, ignore {n}": label_view(first, n) for first, n in ((1, 0), (1, 255), (3, 0), (10, 0))},
    ),
    "marks": Kind("class numbers from 0; 255 = ignore", MARKS),
    "count": Kind(
        "how many classes there are", {"last": added("how many classes there are, less one: 18 stands for 19", -1)}
    ),
    "class": Kind("classes are counted from 0", {"from 1": added("classes are counted from 1", 1)}),
    "classes": Kind("class numbers from 0", {"from 1": added("class numbers from 1", 1)}),
    "pictures": Kind("pictures numbered from 0", {"from 1": added("pictures numbered from 1", 1)}),
    "index": Kind("counted from 0", {"from 1": FROM_1}),
    "places": Kind("counted from 0", {"from 1": FROM_1}),
    "share": Kind("a share, from 0 to 1", {"percent": scaled("in percent, from 0 to 100", 100)}),
    "cosine": Kind(
        "from -1 to 1",
        {
            "percent": scaled("in percent, from -100 to 100", 100),
            "distance": own_inverse("as a distance, 1 - cosine, from 0 to 2", lambda x: 1 - x),
        },
    ),
    "contrast": Kind(
        "",
        {
            "percent": scaled("in percent: 12 stands for 0.12", 100),
            "other": own_inverse("with the other sign", lambda x: -x),
        },
    ),
    "probs": Kind(
        "probabilities; those of a pixel sum to 1",
        {
            "percent": scaled("probabilities in percent; those of a pixel sum to 100", 100),
            "thousandths": scaled("probabilities in thousandths; those of a pixel sum to 1000", 1000),
        },
    ),
    "logits": Kind(SOFTMAX, LOGITS),
    "list of logits": Kind(SOFTMAX, {name: in_each(view) for name, view in LOGITS.items()}),
    "bools": Kind(
        "bools: True there, False elsewhere",
        {"inverted": own_inverse("bools, the other way round: False there, True elsewhere", lambda x: ~x)},
    ),
    "yes": Kind(
        "",
        {"inverted": own_inverse("the other way round: False where they are, True where one differs", lambda x: not x)},
    ),
    "hundreds": Kind("", {"hundreds": scaled("in hundreds: 2 stands for 200", 0.01)}),
    "kernel": Kind(
        "as nn.Conv2d has it, (O, N*C, 1, 1)",
        {
            "columns": View("as a matrix, (N*C, O)", lambda w: w.flatten(1).mT, lambda w: w.mT[..., None, None]),
        },
    ),
    "gaps": Kind("", {"gaps": added("given as the pixels left out between two neighboring taps: 0 stands for 1", -1)}),
    "cut": Kind(
        "how many regions a side", {"all": View("how many regions in all: 9 for 3 x 3", lambda n: n * n, math.isqrt)}
    ),
    "padding": Kind(
        "pixels added at each end of a side", {"both": times("pixels added at both ends of a side together", 2)}
    ),
    "variant": Kind(
        '"sum", "concat" or "center"',
        {
            "renamed": renamed(
                '"added" for ACF (sum), "lined up" for ACF (concat), "plain" for the center alone',
                {"sum": "added", "concat": "lined up", "center": "plain"},
            )
        },
    ),
    "blocks": Kind(
        "its columns: first those for the attended feature, then those for F",
        {
            "F first": View(
                "its columns: first those for F, then those for the attended feature",
                lambda w: blocks_moved(w, len(w)),
                lambda w: blocks_moved(w, w.shape[1] - len(w)),
            )
        },
    ),
    "halves": Kind(
        "the attended feature first, then the features",
        {
            "features first": own_inverse(
                "the features first, then the attended feature", lambda x: blocks_moved(x, x.shape[1] // 2)
            )
        },
    ),
    "layers": Kind(
        "a list of (kernel, stride, dilation), the first layer first",
        {
            "last first": own_inverse("a list of (kernel, stride, dilation), the last layer first", lambda x: x[::-1]),
            "dilation first": own_inverse(
                "a list of (dilation, stride, kernel), the first layer first", lambda x: [layer[::-1] for layer in x]
            ),
        },
    ),
    "rate": Kind("", {"thousandths": scaled("in thousandths: 30 stands for 0.03", 1000)}),
    "power": Kind("", {"percent": scaled("in percent: 90 stands for 0.9", 100)}),
    "steps": Kind("the first step first", {"last first": own_inverse("the last step first", lambda x: x.flip(0))}),
    "log": Kind("the first row first", {"last first": own_inverse("the last row first", lambda x: x.flip(0))}),
    "weights": Kind("", {"inverse": own_inverse("given as 1 / weight: 0.25 stands for the weight 4", lambda w: 1 / w)}),
    "loss": Kind(
        "with the natural logarithm", {"bits": scaled("in bits: with the logarithm to base 2", 1 / math.log(2))}
    ),
    "parts": Kind(
        "a list of (logits, labels), 255 = ignore",
        {
            "labels first": View(
                "a list of (labels, logits), 255 = ignore",
                lambda parts: [swapped_pair(part) for part in parts],
                lambda parts: [swapped_pair(part) for part in parts],
            ),
            "ignore -1": labels_in_parts("a list of (logits, labels), -1 = ignore", label_view(0, -1)),
        },
    ),
    "list": Kind("the first part first", {"last first": own_inverse("the last part first", lambda x: x[::-1])}),
    "gradient": Kind("", {"downhill": own_inverse("given with the other sign, as -g", torch.neg)}),
    "momentum": Kind("", {"friction": own_inverse("given as friction, 1 - m", lambda m: 1 - m)}),
    "pair": Kind(
        "a tuple in this order", {"swapped": own_inverse("a tuple in the other order: the second first", swapped_pair)}
    ),
    "end": Kind(
        "the first position that is no longer asked for",
        {"inclusive": added("the last position that is asked for", -1)},
    ),
    "half": Kind("half of the width of the interval", {"width": scaled("the whole width of the interval", 2)}),
    "interval": Kind(
        "the mean and half of the width of the interval",
        {
            "width": View(
                "the mean and the whole width of the interval", lambda x: (x[0], 2 * x[1]), lambda x: (x[0], x[1] / 2)
            ),
            "ends": View(
                "both ends of the interval, the lower one first", lambda x: (x[0] - x[1], x[0] + x[1]), middle_and_half
            ),
        },
    ),
    "percentages": Kind("from 0 to 1", {"percent": scaled("in percent, from 0 to 100", 100)}),
    "reading": Kind(
        '"above 0", "below 0" or "around 0"',
        {
            "words": renamed(
                '"gain" for above 0, "loss" for below 0, "open" for around 0',
                {"above 0": "gain", "below 0": "loss", "around 0": "open"},
            )
        },
    ),
    "points": Kind(
        "in points from 0 to 100",
        {"shares": scaled("as shares from 0 to 1; the result is in points from 0 to 100", 0.01)},
    ),
    "scores": Kind("a dict seed -> score", {"pairs": View("a list of (seed, score)", lambda d: [*d.items()], dict)}),
    "sign": Kind("", {"other": own_inverse("given with the other sign, as how much it loses", lambda x: -x)}),
    "gain": Kind("in points", {"hundredths": scaled("in hundredths of a point: 150 stands for 1.5 points", 100)}),
    "runs": Kind("n, the pairs", {"runs": times("2 n, the runs: two for each pair", 2)}),
    "effect": Kind(
        "h must be smaller than it",
        {"width": scaled("doubled: the whole width, 2 h, must be smaller than it", 2)},
    ),
    "taps": Kind(
        "how many lie on the map", {"lost": own_inverse("how many of the nine do not lie on the map", lambda x: 9 - x)}
    ),
    "size": Kind("(height, width)", {"width first": own_inverse("(width, height)", swapped_pair)}),
    "score": Kind(
        "a dict with the keys method, fine, trained_on, evaluated_on and multi_scale",
        {
            "tuple": View(
                "a tuple (method, fine, trained_on, evaluated_on, multi_scale)",
                lambda d: tuple(d[name] for name in SCORE),
                lambda values: dict(zip(SCORE, values, strict=True)),
            ),
        },
    ),
    "fits": Kind("at most", {"too many": added("given as the smallest number that does not fit", 1)}),
    "cuts": Kind("", {"cuts": added("less one: 4 stands for 5", -1)}),
    "rows": Kind(
        "how many there are", {"last": added("given as the number of the last one, where the first is 0", -1)}
    ),
    "columns": Kind(
        "how many there are", {"last": added("given as the number of the last one, where the first is 0", -1)}
    ),
    "length": Kind(
        "how many pixels", {"last": added("given as the number of the last pixel, where the first is 0", -1)}
    ),
    "colors": Kind("colors: red, green, blue", {"blue first": own_inverse("colors: blue, green, red", flipped)}),
    "table": Kind(
        "a list of (value in the file, train id)",
        {
            "swapped": View(
                "a list of (train id, value in the file)",
                lambda table: [swapped_pair(row) for row in table],
                lambda table: [swapped_pair(row) for row in table],
            ),
            "dict": View("a dict value in the file -> train id", dict, lambda table: [*table.items()]),
        },
    ),
    "temperature": Kind("", {"sharpness": own_inverse("given as sharpness, 1 / T", lambda t: 1 / t)}),
}
