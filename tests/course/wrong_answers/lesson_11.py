"""Wrong answers to the exercises of lesson 11, and right ones."""

import math

import torch

CONDITIONS = ("trained_on", "evaluated_on", "multi_scale")


def same(*names):
    return lambda a, b: all(a[name] == b[name] for name in names)


def ids(x, table):
    result = torch.zeros_like(x)
    for k, number in enumerate(table.tolist()):
        result[x == k] = number
    return result


def ids_by_long_table(x, table):
    return torch.cat([table, table.new_zeros(256 - len(table))])[x]


def one_after_another(x, table, first=False):
    x = x.clone()
    if first:
        x[x == 255] = 0
    for k, number in enumerate(table.tolist()):
        x[x == k] = number
    x[x == 255] = 0
    return x


def ids_in_place(x, table):
    return x.copy_(ids(x, table))


def ids_by_place(x, table):
    _, places = x.unique(return_inverse=True)
    return torch.cat([table, table.new_zeros(1)])[places] * (x != 255)


def conditions_alone(a, b):
    for score in (a, b):
        del score["method"], score["fine"]
    return a == b


def passes(batch, gpus, fits):
    images = batch // gpus
    m = 1
    while images % m or images / m > fits:
        m += 1
    return m


def counts(length, window, step):
    places, place = [], 0
    while place + window < length:
        places.append(place)
        place += step
    places.append(max(length - window, 0))
    return torch.tensor([sum(place <= k < place + window for place in places) for k in range(length)])


def counts_at(places):
    def answer(length, window, step):
        return torch.tensor([sum(p <= k < p + window for p in places(length, window, step)) for k in range(length)])

    return answer


def passes_up_to_half(batch, gpus, fits):
    images = batch // gpus
    return next((m for m in range(1, images // 2 + 1) if images % m == 0 and images // m <= fits), None)


def counts_by_slices(length, window, step):
    total = torch.zeros(length, dtype=torch.int64)
    for place in [*range(0, length - window, step), length - window]:
        total[place : place + window] += 1
    return total


ANSWERS = {
    "fair_comparison": {
        "right": same(*CONDITIONS),
        "mistakes": {
            "all fields": (lambda a, b: a == b, "no conditions"),
            "inverted": (lambda a, b: not same(*CONDITIONS)(a, b), "where the conditions differ"),
            "evaluated": (same("evaluated_on"), "that was evaluated alone"),
            "training data": (same("evaluated_on", "multi_scale"), "forget the training data"),
            "multi-scale": (same("evaluated_on", "trained_on"), "forget multi-scale"),
            "test or val": (same("multi_scale", "trained_on"), "forget the part"),
            "trained": (same("trained_on"), "training data alone"),
            "passes": (same("multi_scale"), "multi-scale alone"),
            "on test": (lambda a, b: same(*CONDITIONS)(a, b) and a["evaluated_on"] == "test", "not which they are"),
            "method too": (lambda a, b: same(*CONDITIONS)(a, b) and a["method"] != b["method"], "The method is no"),
            "score too": (lambda a, b: same(*CONDITIONS)(a, b) and a["fine"] != b["fine"], "The score is no"),
            "any": (lambda a, b: any(a[name] == b[name] for name in CONDITIONS), "all must agree"),
            "a list": (lambda a, b: [name for name in CONDITIONS if a[name] != b[name]], "returns"),
            "in place": (conditions_alone, "changes its argument `a`"),
        },
    },
    "label_ids": {
        "right": [ids, ids_by_long_table],
        "mistakes": {
            "train ids": (lambda x, table: x, "still train ids"),
            "zeros": (lambda x, table: torch.where(x == 255, 0, x), "255 made 0"),
            "255 kept": (lambda x, table: torch.where(x == 255, 255, ids(x, table)), "still 255"),
            "255 as 0": (lambda x, table: table[torch.where(x == 255, 0, x)], "id of class 0"),
            "255 last": (lambda x, table: table[x.clamp(max=len(table) - 1)], "id of the last class"),
            "other way": (lambda x, table: ids(x, table.argsort()), "other way round"),
            "beside": (lambda x, table: ids(x, table.roll(1)), "one entry beside"),
            "index error": (lambda x, table: table[x], "used as if it were a class"),
            "one after another": (one_after_another, "renamed again by a later entry"),
            "255 first": (lambda x, table: one_after_another(x, table, True), "and 255 among them"),
            "by place": (ids_by_place, "not by its place among those"),
            "in place": (ids_in_place, "changes its argument `x`"),
            "floats": (lambda x, table: ids(x, table).float(), "torch.float32. Whole numbers"),
        },
    },
    "micro_steps": {
        "right": passes,
        "mistakes": {
            "GPUs": (lambda b, g, f: passes(b, 1, f), "GPUs share the batch"),
            "rounded up": (lambda b, g, f: math.ceil(b / g / f), "round up"),
            "rounded down": (lambda b, g, f: b // g // f, "round down"),
            "images": (lambda b, g, f: b // g // passes(b, g, f), "images of a pass"),
            "not full": (lambda b, g, f: passes(b, g, f - 1), "may be full"),
            "halved": (lambda b, g, f: 2 ** max(0, math.ceil(math.log2(b / g / f))), "halve the share"),
            "one image": (lambda b, g, f: b // g, "always fits"),
            "not rounded": (lambda b, g, f: b / g / f, "where"),
            "a float": (lambda b, g, f: float(passes(b, g, f)), "is a float"),
            "two at least": (lambda b, g, f: max(passes(b, g, f), 2), "fit into one pass"),
            "up to half": (passes_up_to_half, "Seven images"),
        },
    },
    "window_counts": {
        "right": counts,
        "mistakes": {
            "no end": (counts_at(lambda n, w, s: list(range(0, n - w, s)) or [0]), "end is not covered"),
            "over the end": (counts_at(lambda n, w, s: range(0, n - w + s, s) or [0]), "reaches over the end"),
            "length": (counts_at(lambda n, w, s: range(0, n, s)), "every step of the length"),
            "no overlap": (lambda n, w, s: counts(n, w, w), "whole window apart"),
            "small image": (lambda n, w, s: counts(n, w, s) * int(n > w), "still needs one window"),
            "negative": (counts_by_slices, "length - window is negative"),
            "moved back": (
                counts_at(lambda n, w, s: [max(min(p, n - w), 0) for p in range(0, n, s)]),
                "moved back one by one",
            ),
            "shares": (lambda n, w, s: 1 / counts(n, w, s), "These are the shares"),
            "marked": (lambda n, w, s: counts(n, w, s).clamp(max=1), "only mark"),
            "one more": (lambda n, w, s: counts(n, w, s) + 1, "where"),
            "last twice": (
                counts_at(lambda n, w, s: [0] if n < w else [*range(0, n - w + 1, s), n - w]),
                "is there once",
            ),
            "floats": (lambda n, w, s: counts(n, w, s).double(), "torch.float64. Whole numbers"),
            "window long": (lambda n, w, s: counts(n, w, s)[:w], "must be"),
        },
    },
}
