"""Wrong answers to the exercises of lesson 13, and right ones."""

import math

import torch
import torch.nn.functional as F

from acflib.similarity import cosine_similarity_map


def cosine(x, row, column):
    units = F.normalize(x, dim=0)
    return torch.einsum("chw,c->hw", units, units[:, row, column])


def cosine_by_torch(x, row, column):
    return torch.cosine_similarity(x, x[:, row, column, None, None].expand_as(x), dim=0)


def dot(x, row, column):
    return (x * x[:, row, column, None, None]).sum(0)


def nan_at_zero(x, row, column):
    return dot(x, row, column) / (x.norm(dim=0) * x[:, row, column].norm())


def safe(values, lengths):
    return torch.where(lengths > 0, values / lengths.clamp_min(1e-12), 0.0)


def at_least_1(x, row, column):
    units = x / x.norm(dim=0).clamp(min=1)
    return dot(units, row, column)


def asked_length(x, row, column):
    return safe(dot(x, row, column), x.norm(dim=0)) / x[:, row, column].norm()


def units_in_place(x, row, column):
    x /= x.norm(dim=0).clamp_min(1e-12)
    return dot(x, row, column)


def centered(x, row, column):
    return cosine(x - x.mean(0, keepdim=True), row, column)


def per_channel(x, row, column):
    return dot(F.normalize(x.flatten(1), dim=1).view_as(x), row, column)


def floor(row, column, picture, cells):
    return int(row / picture[0] * cells[0] + 1e-9), int(column / picture[1] * cells[1] + 1e-9)


def corners(row, column, picture, cells):
    return tuple(
        math.floor(place * (n - 1) / (side - 1) + 0.5)
        for place, side, n in zip((row, column), picture, cells, strict=True)
    )


def contrast(v, y, row, column):
    own, other = [], []
    for r in range(v.shape[0]):
        for c in range(v.shape[1]):
            if y[r, c] != 255 and (r, c) != (row, column):
                (own if y[r, c] == y[row, column] else other).append(v[r, c])
    return sum(own) / len(own) - sum(other) / len(other)


def masks(v, y, row, column):
    own, other = y == y[row, column], (y != y[row, column]) & (y != 255)
    return own, other


def with_itself(v, y, row, column):
    own, other = masks(v, y, row, column)
    return v[own].mean() - v[other].mean()


def without_itself(v, y, row, column):
    own, other = masks(v, y, row, column)
    own[row, column] = False
    return v[own], v[other]


def by_value(v, y, row, column):
    own, other = masks(v, y, row, column)
    return v[own & (v < 1)].mean() - v[other].mean()


def contrast_in_place(v, y, row, column):
    own, other = masks(v, y, row, column)
    own[row, column] = False
    y[row, column] = 255
    return v[own].mean() - v[other].mean()


def ignored_count(v, y, row, column):
    own, _ = without_itself(v, y, row, column)
    return own.mean() - v[y != y[row, column]].mean()


def naive(v, y, row, column):
    own = y == y[row, column]
    return v[own].mean() - v[~own].mean()


def below_the_line(v, y, row, column):
    own, other = masks(v, y, row, column)
    return (v[own].sum() - v[row, column]) / own.sum() - v[other].mean()


def against_all(v, y, row, column):
    own, other = without_itself(v, y, row, column)
    return own.mean() - torch.cat([own, other]).mean()


def one_taken_off(values, labels, row, column):
    own = labels == labels[row, column]
    other = ~own & (labels != 255)
    return (values[own].sum() - 1) / (own.sum() - 1) - values[other].mean()


ANSWERS = {
    "pixel_similarity": {
        "right": [cosine, cosine_by_torch],
        "mistakes": {
            "dot product": (dot, "This is the dot product"),
            "zero feature": (nan_at_zero, "NaN"),
            "one length": (lambda x, r, c: dot(x, r, c) / x[:, r, c].norm(), "chosen pixel's feature alone"),
            "other length": (lambda x, r, c: safe(dot(x, r, c), x.norm(dim=0)), "not by that of the chosen one"),
            "squared lengths": (
                lambda x, r, c: safe(dot(x, r, c), x.square().sum(0) * x[:, r, c].square().sum()),
                "squared lengths",
            ),
            "distance": (lambda x, r, c: (x - x[:, r, c, None, None]).square().sum(0).sqrt(), "distances"),
            "correlation": (centered, "correlation"),
            "channels": (per_channel, "Each channel is divided"),
            "swapped": (lambda x, r, c: cosine(x, c, r), "Row and column are swapped"),
            "axes": (lambda x, r, c: cosine(x, r, c).T, "Height and width are swapped"),
            "at least 1": (at_least_1, "shorter than 1"),
            "asked about zeros": (asked_length, "asked pixel itself"),
            "in place": (units_in_place, "changes its argument `x`"),
            "by acflib": (cosine_similarity_map, "of acflib"),
        },
    },
    "cell_under_pixel": {
        "right": [floor, lambda r, c, p, n: (r * n[0] // p[0], c * n[1] // p[1])],
        "mistakes": {
            "rounded": (lambda r, c, p, n: (round(r / p[0] * n[0]), round(c / p[1] * n[1])), "You round. "),
            "rounded up": (lambda r, c, p, n: (-(-r * n[0] // p[0]), -(-c * n[1] // p[1])), "You round up"),
            "sizes swapped": (lambda r, c, p, n: (r * n[1] // p[1], c * n[0] // p[0]), "axes are swapped"),
            "answer swapped": (lambda r, c, p, n: (c * n[1] // p[1], r * n[0] // p[0]), "(column, row)"),
            "corners": (corners, "corner cells onto the corner pixels"),
            "no cut": (lambda r, c, p, n: (r / p[0] * n[0], c / p[1] * n[1]), "not whole numbers"),
            "whole cells": (lambda r, c, p, n: (r // (p[0] // n[0]), c // (p[1] // n[1])), "whole number of pixels"),
            "stride 8": (lambda r, c, p, n: (r // 8, c // 8), "divide by 8"),
            "cut too low": (lambda r, c, p, n: (int(r / p[0] * n[0]), int(c / p[1] * n[1])), "Row 30 of 52"),
            "divided twice": (lambda r, c, p, n: (int(r / (p[0] / n[0])), int(c / (p[1] / n[1]))), "Row 9 of 18"),
            "as large": (lambda r, c, p, n: (0, 0) if p == n else floor(r, c, p, n), "as large as the picture"),
            "floats": (lambda r, c, p, n: tuple(map(float, floor(r, c, p, n))), "is a float"),
        },
    },
    "class_contrast": {
        "right": contrast,
        "mistakes": {
            "itself": (with_itself, "pixel itself counts"),
            "both": (naive, "Two things at once"),
            "below the line": (below_the_line, "still counted below the line"),
            "ignored": (ignored_count, "Ignored pixels"),
            "sign": (lambda *a: -contrast(*a), "sign is turned"),
            "sums": (lambda *a: without_itself(*a)[0].sum() - without_itself(*a)[1].sum(), "These are sums"),
            "all": (against_all, "compare with all pixels"),
            "own alone": (lambda *a: without_itself(*a)[0].mean(), "own class alone"),
            "ratio": (lambda *a: without_itself(*a)[0].mean() / without_itself(*a)[1].mean(), "divide the two means"),
            "by value": (by_value, "exactly the similarity 1"),
            "1 taken off": (one_taken_off, "leave it out by its place"),
            "in place": (contrast_in_place, "changes its argument `y`"),
        },
    },
}
