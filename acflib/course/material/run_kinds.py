"""What the values of training runs and their statistics mean, with the lesson's way to write it and others."""

import math

import torch

from acflib.course.material.views import (
    Kind,
    View,
    added,
    called,
    label_view,
    labels_in_parts,
    middle_and_half,
    own_inverse,
    scaled,
    swapped_pair,
    times,
)

RUN_KINDS = {
    "rate": Kind("", {"thousandths": scaled("in thousandths: 30 stands for 0.03", 1000)}),
    "power": Kind("", {"percent": scaled("in percent: 90 stands for 0.9", 100)}),
    "steps": Kind("the first step first", {"last first": own_inverse("the last step first", lambda x: x.flip(0))}),
    "history": Kind(
        "the first step first",
        {
            "last first": own_inverse("the last step first", lambda x: x.flip(0)),
            "other sign": own_inverse("the first step first, with the other sign: -2 stands for 2", torch.neg),
        },
    ),
    "log": Kind(
        "the first row first",
        {
            "last first": own_inverse("the last row first", lambda x: x.flip(0)),
            "percent": scaled("the first row first, in percent: 30 stands for 0.3", 100),
            "thousandths": scaled("the first row first, in thousandths: 300 stands for 0.3", 1000),
        },
    ),
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
    "half": Kind(
        "half of the width of the interval",
        {
            "width": scaled("the whole width of the interval", 2),
            "hundredths": scaled("half of the width of the interval, in hundredths: 150 stands for 1.5", 100),
        },
    ),
    "interval": Kind(
        "the mean and half of the width of the interval",
        {
            "width": View(
                "the mean and the whole width of the interval", lambda x: (x[0], 2 * x[1]), lambda x: (x[0], x[1] / 2)
            ),
            "ends": View(
                "both ends of the interval, the lower one first", lambda x: (x[0] - x[1], x[0] + x[1]), middle_and_half
            ),
            "upper end first": View(
                "both ends of the interval, the upper one first",
                lambda x: (x[0] + x[1], x[0] - x[1]),
                lambda ends: middle_and_half(swapped_pair(ends)),
            ),
            "half first": own_inverse("half of the width of the interval, and then the mean", swapped_pair),
        },
    ),
    "percentages": Kind(
        "from 0 to 1",
        {
            "percent": scaled("in percent, from 0 to 100", 100),
            "thousandths": scaled("in thousandths, from 0 to 1000", 1000),
        },
    ),
    "reading": Kind(
        '"above 0", "below 0" or "around 0"',
        {
            "words": called({"above 0": "gain", "below 0": "loss", "around 0": "open"}),
            "directions": called({"above 0": "up", "below 0": "down", "around 0": "unclear"}),
            "signs": called({"above 0": "+", "below 0": "-", "around 0": "?"}),
        },
    ),
    "points": Kind(
        "in points from 0 to 100",
        {
            "shares": scaled("as shares from 0 to 1; the result is in points from 0 to 100", 0.01),
            "thousandths": scaled("in thousandths from 0 to 1000; the result is in points from 0 to 100", 10),
        },
    ),
    "scores": Kind(
        "a dict seed -> score",
        {
            "pairs": View("a list of (seed, score)", lambda d: [*d.items()], dict),
            "score first": View(
                "a list of (score, seed)",
                lambda d: [(score, seed) for seed, score in d.items()],
                lambda pairs: {seed: score for score, seed in pairs},
            ),
            "lists": View(
                "a tuple of two lists: the seeds, and their scores in the same order",
                lambda d: ([*d], [*d.values()]),
                lambda lists: dict(zip(*lists, strict=True)),
            ),
        },
    ),
    "sign": Kind("", {"other": own_inverse("given with the other sign, as how much it loses", lambda x: -x)}),
    "gain": Kind(
        "in points",
        {
            "hundredths": scaled("in hundredths of a point: 150 stands for 1.5 points", 100),
            "share": scaled("as a share: 0.015 stands for 1.5 points", 0.01),
        },
    ),
    "runs": Kind(
        "n, the pairs",
        {
            "runs": times("2 n, the runs: two for each pair", 2),
            "degrees": added("n - 1, the degrees of freedom", -1),
        },
    ),
    "effect": Kind(
        "h must be smaller than it",
        {
            "width": scaled("doubled: the whole width, 2 h, must be smaller than it", 2),
            # no larger factor: judged without it, an answer would look for n in a loop that grows with its square
            "half": scaled("halved: h must be smaller than twice this number", 0.5),
        },
    ),
}
