"""Wrong answers to the exercises of lesson 14, and right ones."""

import torch


def tempered(p, t):
    powers = torch.exp(torch.log(p) / t)
    return powers / powers.sum(dim=0)


def tempered_in_place(p, t):
    p **= 1 / t
    return p / p.sum(0)


def cut(p, i):
    return torch.stack([torch.zeros_like(p[0]) if k == i else p[k] for k in range(len(p))])


def without(p, i):
    rest = cut(p, i)
    left = rest.sum(dim=0)
    return torch.where(left > 0, rest / left.clamp_min(1e-12), 0.0)


def without_in_place(p, i):
    p[i] = 0
    return p / p.sum(0).masked_fill(p.sum(0) == 0, 1)


def equal_parts(p, i):
    return torch.stack([p[k] + p[i] / (len(p) - 1) if k != i else torch.zeros_like(p[0]) for k in range(len(p))])


def to_the_largest(p, i):
    rest = cut(p, i)
    best = torch.zeros_like(rest).scatter_(0, rest.argmax(0)[None], 1.0)
    return rest + best * p[i]


def shared_by_all(p, i):
    rest = without(p, i)
    empty = rest.sum(0) == 0
    return torch.where(empty & (torch.arange(len(p))[:, None, None] != i), 1 / (len(p) - 1), rest)


def after(f, m, x, p):
    total, mass = f * m, m
    for feature, share in zip(x, p, strict=True):
        total = total + (1 - share) * feature
        mass = mass + (1 - share)
    return total / mass


def after_in_place(f, m, x, p):
    f *= m
    return (f + (1 - p) @ x) / (m + (1 - p).sum())


def over_the_mass(f, m, x, p):
    return (f + ((1 - p) @ x) / m) / (1 + (1 - p).sum() / m)


def added(f, m, x, p):
    return f * m + ((1 - p)[:, None] * x).sum(dim=0)


ANSWERS = {
    "tempered": {
        "right": [tempered, lambda p, t: (p.log() / t).softmax(0)],
        "mistakes": {
            "no sum": (lambda p, t: p ** (1 / t), "no longer sum to 1"),
            "power T": (lambda p, t: p**t / (p**t).sum(0), "You take the power T"),
            "goes away": (lambda p, t: (p / t) / (p / t).sum(0), "T goes away"),
            "divided": (lambda p, t: p / t, "divide by T alone"),
            "softmax of P": (lambda p, t: torch.softmax(p / t, dim=0), "softmax of P / T"),
            "over rows": (lambda p, t: (p.log() / t).softmax(1), "one axis of the picture"),
            "at least 0.001": (lambda p, t: tempered(p.clamp_min(1e-3), t), "may be very small"),
            "at least 1e-8": (lambda p, t: tempered(p.clamp_min(1e-8), t), "may be very small"),
            "in place": (tempered_in_place, "changes its argument `p`"),
            "over pixels": (
                lambda p, t: p ** (1 / t) / (p ** (1 / t)).sum(dim=(1, 2))[:, None, None],
                "sum over the pixels",
            ),
        },
    },
    "without_class": {
        "right": without,
        "mistakes": {
            "no sum": (cut, "Divide by what is left"),
            "nan": (lambda p, i: cut(p, i) / cut(p, i).sum(0), "NaN"),
            "equal parts": (equal_parts, "in equal parts"),
            "taken out": (lambda p, i: without(p, i)[[k for k in range(len(p)) if k != i]], "shape"),
            "over pixels": (
                lambda p, i: cut(p, i) / cut(p, i).sum((1, 2)).clamp_min(1e-12)[:, None, None],
                "sum over the pixels",
            ),
            "softmax": (lambda p, i: torch.softmax(cut(p, i), dim=0), "softmax of what is left"),
            "largest": (to_the_largest, "most likely other class"),
            "shared": (shared_by_all, "must stay 0"),
            "at least 0.001": (lambda p, i: cut(p, i) / cut(p, i).sum(0).clamp(min=1e-3), "Little may be left"),
            "plus 0.000001": (lambda p, i: cut(p, i) / (cut(p, i).sum(0) + 1e-6), "Little may be left"),
            "in place": (without_in_place, "changes its argument `p`"),
            "whole map": (lambda p, i: without(p, i) * ~(p[i] == 1).any(), "The whole map is 0"),
            "divided nowhere": (
                lambda p, i: cut(p, i) if (p[i] == 1).any() else without(p, i),
                "Nothing is divided where one pixel",
            ),
            "nearly alone": (lambda p, i: without(p, i) * (p[i] < 1 - 1e-6), "may be very little"),
        },
    },
    "center_after_stroke": {
        "right": after,
        "mistakes": {
            "weight 1": (lambda f, m, x, p: (f * m + x.sum(0)) / (m + len(p)), "weight 1"),
            "old mass": (lambda f, m, x, p: added(f, m, x, p) / m, "missing below the line"),
            "mass K": (lambda f, m, x, p: added(f, m, x, p) / (m + len(p)), "mass grows by K"),
            "painted alone": (lambda f, m, x, p: x.mean(dim=0), "mean of the painted cells"),
            "half": (lambda f, m, x, p: 0.5 * f + 0.5 * x.mean(dim=0), "half of the old center"),
            "p": (lambda f, m, x, p: (f * m + p @ x) / (m + p.sum()), "weight the painted cells with p"),
            "mean": (
                lambda f, m, x, p: (f * m + ((1 - p)[:, None] * x).mean(0)) / (m + (1 - p).mean()),
                "take sums, above the line and below",
            ),
            "sum": (added, "This is a sum"),
            "in place": (after_in_place, "changes its argument `f`"),
            "mass of 1 at least": (lambda f, m, x, p: after(f, max(m, 1.0), x, p), "may be below 1"),
            "absent by center": (
                lambda f, m, x, p: after(f, m, x, p) if f.any() else x.mean(0),
                "may be the zero vector",
            ),
            "divided by the mass": (over_the_mass, "A class that was absent"),
        },
    },
}
