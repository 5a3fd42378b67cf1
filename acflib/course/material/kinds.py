"""What the values of the exercises mean, each with the lesson's way to write it and others."""

import math
from itertools import permutations

import torch

from acflib.course.material.run_kinds import RUN_KINDS
from acflib.course.material.views import (
    LAYER,
    Kind,
    View,
    added,
    blocks_moved,
    flipped,
    in_each,
    label_view,
    layers_view,
    own_inverse,
    renamed,
    scaled,
    swapped_pair,
    times,
    turned,
)

SCORE = ("method", "fine", "trained_on", "evaluated_on", "multi_scale")
KEYS = "method, fine, trained_on, evaluated_on and multi_scale"
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
        "how many classes there are",
        {
            "last": added("how many classes there are, less one: 18 stands for 19", -1),
            "ignored too": added("how many classes there are, and one more for what is ignored: 20 stands for 19", 1),
        },
    ),
    "class": Kind("classes are counted from 0", {"from 1": added("classes are counted from 1", 1)}),
    "classes": Kind("class numbers from 0", {f"from {n}": added(f"class numbers from {n}", n) for n in (1, 3, 10)}),
    "pictures": Kind(
        "pictures numbered from 0", {f"from {n}": added(f"pictures numbered from {n}", n) for n in (1, 1000)}
    ),
    "index": Kind("counted from 0", {"from 1": FROM_1}),
    "places": Kind("counted from 0", {"from 1": FROM_1}),
    "scenes": Kind(
        "a tuple of two tensors, counted from 0",
        {
            "from 1": added("a tuple of two tensors, counted from 1", 1),
            "rows": View("the two rows of a tensor (2, k), counted from 0", torch.stack, lambda x: (x[0, :], x[1, :])),
            "columns": View(
                "the two columns of a tensor (k, 2), counted from 0",
                lambda x: torch.stack(x, 1),
                lambda x: (x[:, 0], x[:, 1]),
            ),
            "joined": View(
                "one behind the other in one tensor of 2k entries, counted from 0", torch.cat, lambda x: x.chunk(2)
            ),
        },
    ),
    "share": Kind("a share, from 0 to 1", {"percent": scaled("in percent, from 0 to 100", 100)}),
    "cosine": Kind(
        "from -1 to 1",
        {
            "percent": scaled("in percent, from -100 to 100", 100),
            "thousandths": scaled("in thousandths, from -1000 to 1000", 1000),
            "from 0": View("as (1 + cosine) / 2, from 0 to 1", lambda x: (1 + x) / 2, lambda x: 2 * x - 1),
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
        {
            "inverted": own_inverse(
                "the other way round: False where they are, True where one differs", lambda x: not x
            ),
            "words": renamed(
                'a string: "same" where they are, "different" where one differs', {True: "same", False: "different"}
            ),
        },
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
            "letters": renamed(
                '"S" for ACF (sum), "C" for ACF (concat), "O" for the center alone',
                {"sum": "S", "concat": "C", "center": "O"},
            ),
            "renamed": renamed(
                '"added" for ACF (sum), "lined up" for ACF (concat), "plain" for the center alone',
                {"sum": "added", "concat": "lined up", "center": "plain"},
            ),
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
            f"{' '.join(order)}, {end} first": layers_view(order, end)
            for order in permutations(LAYER)
            for end in ("first", "last")
            if (order, end) != (LAYER, "first")
        },
    ),
    "taps": Kind(
        "how many lie on the map", {"lost": own_inverse("how many of the nine do not lie on the map", lambda x: 9 - x)}
    ),
    "size": Kind("(height, width)", {"width first": own_inverse("(width, height)", swapped_pair)}),
    "score": Kind(
        f"a dict with the keys {KEYS}",
        {
            "tuple": View(
                "a tuple (method, fine, trained_on, evaluated_on, multi_scale)",
                lambda d: tuple(d[name] for name in SCORE),
                lambda values: dict(zip(SCORE, values, strict=True)),
            ),
            "pairs": View("a list of (key, value), with the keys " + KEYS, lambda d: [*d.items()], dict),
            "two dicts": View(
                'a tuple of two dicts: the first with the keys "method" and "fine", the second with "trained_on", '
                '"evaluated_on" and "multi_scale"',
                lambda d: ({k: d[k] for k in SCORE[:2]}, {k: d[k] for k in SCORE[2:]}),
                lambda dicts: {**dicts[0], **dicts[1]},
            ),
        },
    ),
    "fits": Kind(
        "at most",
        {
            "too many": added("given as the smallest number that does not fit", 1),
            "others": added("given as how many fit in beside the first one", -1),
        },
    ),
    "cuts": Kind("", {"cuts": added("less one: 4 stands for 5", -1)}),
    "passes": Kind(
        "",
        {
            "cuts": added("less one: 4 stands for 5", -1),
            "both ways": times("counted forward and backward, two for each: 10 stands for 5", 2),
        },
    ),
    "covered": Kind(
        "the first pixel first",
        {
            "cuts": added("the first pixel first, less one: 4 stands for 5", -1),
            "last first": own_inverse("the last pixel first", lambda x: x.flip(0)),
        },
    ),
    "rows": Kind(
        "how many there are", {"last": added("given as the number of the last one, where the first is 0", -1)}
    ),
    "columns": Kind(
        "how many there are", {"last": added("given as the number of the last one, where the first is 0", -1)}
    ),
    "length": Kind(
        "how many pixels",
        {
            "last": added("given as the number of the last pixel, where the first is 0", -1),
            "behind": added("given as the number of the first pixel behind it, where the first of it is 1", 1),
        },
    ),
    "colors": Kind(
        "colors: red, green, blue",
        {
            "blue first": own_inverse("colors: blue, green, red", flipped),
            "green first": turned("colors: green, blue, red", (1, 2, 0)),
            "red last": turned("colors: blue, red, green", (2, 0, 1)),
        },
    ),
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
    **RUN_KINDS,
}
