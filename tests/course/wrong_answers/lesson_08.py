"""Wrong answers to the exercises of lesson 08, and right ones."""

import torch
import torch.nn.functional as F


def taps(height, width, rate):
    found = [[0] * width for _ in range(height)]
    for row in range(height):
        for column in range(width):
            for dy in (-rate, 0, rate):
                for dx in (-rate, 0, rate):
                    found[row][column] += 0 <= row + dy < height and 0 <= column + dx < width
    return torch.tensor(found)


def taps_by_convolution(height, width, rate):
    ones = torch.ones(1, 1, height, width)
    return F.conv2d(ones, torch.ones(1, 1, 3, 3), padding=rate, dilation=rate)[0, 0].round().long()


def good(length, rate, first=0, beyond=0):
    """Along one side: how many of the three taps lie from ``first`` to the end."""
    places = range(length)
    return torch.tensor([sum(first <= k + tap < length + beyond for tap in (-rate, 0, rate)) for k in places])


def cross(height, width, rate):
    inside = torch.ones(height, width, dtype=torch.int64)
    inside[rate:] += 1
    inside[:-rate] += 1
    inside[:, rate:] += 1
    inside[:, :-rate] += 1
    return inside


def near_a_border(length, rate):
    places = torch.arange(length)
    return 3 - ((places < rate) | (places >= length - rate)).long()


def shares(p, y, t, n):
    found = torch.zeros(n, dtype=torch.float64)
    for i in range(n):
        if (y == i).any():
            found[i] = (p[y == i] < t).double().mean()
    return found


def counts(p, y, t, n):
    return torch.stack([((p < t) & (y == i)).sum() for i in range(n)]).double()


def naive_shares(p, y, t, n):
    return torch.stack([(p[y == i] < t).double().mean() for i in range(n)])


def shares_in_place(p, y, t, n):
    y[y == 255] = n
    return shares(p, y, t, n)


def shares_by_bincount(p, y, t, n):
    known = y != 255
    hard, pixels = torch.bincount(y[known & (p < t)], minlength=n), torch.bincount(y[known])
    return hard[: len(pixels)].double() / pixels.clamp(min=1)


def both(z, m):
    return (z.softmax(1) + m.softmax(1).flip(-1)) / 2


def both_in_place(z, m):
    result = both(z, m)
    return z.copy_(result)


def scales(z, size):
    found = [F.interpolate(part.softmax(1), size, mode="bilinear", align_corners=False) for part in z]
    return sum(found) / len(found)


def scales_with(z, size, **how):
    return torch.stack([F.interpolate(part.softmax(1), size, **how) for part in z]).mean(0)


def logits_resized(z, size):
    return torch.stack([F.interpolate(part, size, mode="bilinear") for part in z])


def scales_in_place(z, size):
    for k in range(len(z)):
        z[k] = scales(z[k : k + 1], size)
    return sum(z) / len(z)


def scales_spoiled(logits, size):
    return scales([part.sub_(part.amax(1, keepdim=True)) for part in logits], size)


def weighted(z, size):
    total = sum(part.shape[2] * part.shape[3] for part in z)
    return sum(scales([part], size) * part.shape[2] * part.shape[3] for part in z) / total


ANSWERS = {
    "taps_inside": {
        "right": [taps, taps_by_convolution],
        "mistakes": {
            "padding": (lambda h, w, r: torch.full((h, w), 9), "count the padding"),
            "no rate": (lambda h, w, r: taps(h, w, 1), "rate is forgotten"),
            "outside": (lambda h, w, r: 9 - taps(h, w, r), "taps outside"),
            "cross": (cross, "diagonals"),
            "no center": (lambda h, w, r: taps(h, w, r) - 1, "center is missing"),
            "gap": (lambda h, w, r: taps(h, w, r + 1), "one too large"),
            "half": (lambda h, w, r: taps(h, w, r // 2), "half of the rate"),
            "axes": (lambda h, w, r: taps(w, h, r), "Rows first"),
            "added": (lambda h, w, r: good(h, r)[:, None] + good(w, r), "add the good rows"),
            "not 0": (lambda h, w, r: good(h, r, 1)[:, None] * good(w, r, 1), "belong to the map"),
            "length": (lambda h, w, r: good(h, r, 0, 1)[:, None] * good(w, r, 0, 1), "lies outside"),
            "floats": (lambda h, w, r: taps(h, w, r).float(), "torch.float32. Whole numbers"),
            "middle of a small map": (
                lambda h, w, r: taps(h, w, r) * int(r < max(h, w)),
                "middle tap is left alone",
            ),
            "small map": (lambda h, w, r: near_a_border(h, r)[:, None] * near_a_border(w, r), "leaps over"),
        },
    },
    "hard_shares": {
        "right": shares,
        "mistakes": {
            "easy": (lambda p, y, t, n: torch.where(counts(p, y, 2, n) > 0, 1 - shares(p, y, t, n), 0), "easy pixels"),
            "of hard": (lambda p, y, t, n: counts(p, y, t, n) / counts(p, y, t, n).sum(), "number of hard pixels"),
            "of all": (lambda p, y, t, n: counts(p, y, t, n) / y.numel(), "number of all pixels"),
            "of labeled": (lambda p, y, t, n: counts(p, y, t, n) / (y != 255).sum(), "number of labeled pixels"),
            "counts": (counts, "These are counts"),
            "255 first": (lambda p, y, t, n: shares(p, torch.where(y == 255, 0, y), t, n), "count as class 0"),
            "255 last": (lambda p, y, t, n: shares(p, y.clamp(max=n - 1), t, n), "count as the last class"),
            "absent class": (naive_shares, "NaN"),
            "at the threshold": (lambda p, y, t, n: shares(p, y, t + 1e-12, n), "exactly the threshold"),
            "last class absent": (shares_by_bincount, "last class has no pixel here"),
            "in place": (shares_in_place, "changes its argument `y`"),
        },
    },
    "mirrored_mean": {
        "right": [
            both,
            lambda z, m: torch.stack([z.softmax(1), m.flip(dims=[3]).softmax(1)]).mean(0),
            lambda z, m: both(z.float(), m.float()),
        ],
        "mistakes": {
            "not back": (lambda z, m: (z.softmax(1) + m.softmax(1)) / 2, "not mirrored back"),
            "rows": (lambda z, m: (z.softmax(1) + m.softmax(1).flip(2)) / 2, "top to bottom"),
            "classes": (lambda z, m: (z.softmax(1) + m.flip(1).softmax(1)) / 2, "along the classes"),
            "batch": (lambda z, m: (z.softmax(1) + m.flip(0).softmax(1)) / 2, "images of the batch"),
            "both ways": (lambda z, m: (z.softmax(1) + m.flip(2, 3).softmax(1)) / 2, "both ways"),
            "logits averaged": (lambda z, m: ((z + m.flip(3)) / 2).softmax(1), "average the logits"),
            "no softmax": (lambda z, m: (z + m.flip(3)) / 2, "softmax is missing"),
            "sum": (lambda z, m: 2 * both(z, m), "This is the sum"),
            "own softmax": (
                lambda z, m: (z.exp() / z.exp().sum(1, True) + (m.exp() / m.exp().sum(1, True)).flip(3)) / 2,
                "far from 0",
            ),
            "columns": (lambda z, m: (z.softmax(3) + m.flip(3).softmax(3)) / 2, "over the columns"),
            "over rows": (lambda z, m: (z.softmax(2) + m.flip(3).softmax(2)) / 2, "over the rows"),
            "first mirrored": (lambda z, m: (z.flip(3).softmax(1) + m.softmax(1)) / 2, "mirror the first result"),
            "one pass": (lambda z, m: z.softmax(1), "result of one pass"),
            "softmax again": (lambda z, m: both(z, m).softmax(1), "Softmax a second time"),
            "mean mirrored": (lambda z, m: ((z.softmax(1) + m.softmax(1)) / 2).flip(3), "mirror the mean"),
            "larger": (lambda z, m: torch.maximum(z.softmax(1), m.softmax(1).flip(3)), "larger of both"),
            "in place": (both_in_place, "changes its argument `z`"),
        },
    },
    "scales_mean": {
        "right": [scales, lambda z, s: scales([each.float() for each in z], s)],
        "mistakes": {
            "resized logits": (lambda z, s: logits_resized(z, s).softmax(2).mean(0), "resize the logits"),
            "mean of logits": (lambda z, s: logits_resized(z, s).mean(0).softmax(1), "You average the logits. Average"),
            "no softmax": (lambda z, s: logits_resized(z, s).mean(0), "softmax is missing"),
            "own softmax": (lambda z, s: scales([(p.exp() / p.exp().sum(1, True)).log() for p in z], s), "far from 0"),
            "sum": (lambda z, s: len(z) * scales(z, s), "This is the sum"),
            "none of its size": (lambda z, s: scales([p for p in z if p.shape[2:] != s], s), "is right"),
            "three scales": (lambda z, s: len(z) * scales(z, s) / 3, "divide by 3"),
            "in place": (scales_in_place, "changes its argument `z`"),
            "logits in place": (scales_spoiled, "changes its argument `logits`"),
            "corners": (lambda z, s: scales_with(z, s, mode="bilinear", align_corners=True), "align_corners=True"),
            "nearest": (lambda z, s: scales_with(z, s, mode="nearest"), "nearest pixel"),
            "weighted": (weighted, "Larger scales weigh more"),
            "first": (lambda z, s: scales(z[:1], s), "first scale alone"),
            "last": (lambda z, s: scales(z[-1:], s), "last scale alone"),
            "columns": (lambda z, s: logits_resized([p.softmax(3) for p in z], s).mean(0), "over the columns"),
            "not resized": (lambda z, s: z[0].softmax(1), "must be"),
            "raises": (lambda z, s: torch.stack(z).mean(0), "on inputs of shape ("),
        },
    },
}
