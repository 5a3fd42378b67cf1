"""Wrong answers to the exercises of lesson 05, and right ones."""

import torch
import torch.nn.functional as F

from acflib import losses
from acflib.losses import poly_learning_rate
from tests.course.wrong_answers.hard_pixels import (
    at_places,
    filled_up,
    hard,
    hard_by_sorting,
    hard_of_losses,
    keeping_ignored,
    lowest,
    of_best_class,
    true_p,
    with_all_equal_ones,
    without_equal_ones,
)


def factors(n):
    return 1 - torch.arange(n, dtype=torch.float64) / n


def poly(a, n, p):
    return a * factors(n) ** p


def poly_by_loop(a, n, p):
    return torch.tensor([a * (1 - k / n) ** p for k in range(n)], dtype=torch.float64)


def step_by_step(a, n, p):
    rates, rate = [], a
    for k in range(n):
        rate = rate * (1 - k / n) ** p
        rates.append(rate)
    return torch.tensor(rates, dtype=torch.float64)


def pixels(z, y, w):
    """Cross entropy and weight of each pixel, both 0 where ignored."""
    valid = y != 255
    safe = torch.where(valid, y, 0)
    log_p = z.log_softmax(1).gather(1, safe[:, None])[:, 0]
    return -log_p * valid, w[safe] * valid


def balanced(z, y, w):
    ce, weight = pixels(z, y, w)
    return (weight * ce).sum() / weight.sum().clamp(min=1e-9)


def balanced_of(log_p, y, w, total=None):
    valid = y != 255
    safe = torch.where(valid, y, 0)
    weight = w[safe] * valid
    total = weight.sum().clamp(min=1e-9) if total is None else total
    return -(weight * log_p.gather(1, safe[:, None])[:, 0]).sum() / total


def torch_balanced(z, y, w):
    return F.cross_entropy(z, y, w, ignore_index=255)


def torch_balanced_guarded(z, y, w):
    return F.cross_entropy(z, y, w, ignore_index=255) if (y != 255).any() else torch.zeros(()).double()


def mean_per_image(z, y, w):
    return torch.stack([balanced(a[None], b[None], w) for a, b in zip(z, y, strict=True)]).mean()


def each_image(z, y, t, k):
    return torch.cat([hard(a[None], b[None], t, k) for a, b in zip(z, y, strict=True)])


def in_parts(parts, w, denominator=None):
    found = [pixels(z, y, w) for z, y in parts]
    total = sum(weight.sum() for _, weight in found) if denominator is None else denominator
    return [(weight * ce).sum() / (total or 1.0) for ce, weight in found]


def not_protected(parts, w):
    total = sum(pixels(z, y, w)[1].sum() for z, y in parts)
    return [(weight * ce).sum() / total for ce, weight in (pixels(z, y, w) for z, y in parts)]


def totals(parts, w):
    return [sum(pixels(z, y, w)[1].sum() for z, y in parts) or torch.ones(())] * len(parts)


def sum_at_least_1(parts, w):
    total = sum(pixels(z, y, w)[1].sum() for z, y in parts)
    return in_parts(parts, w, total.clamp(min=1))


def share_of_weights(parts, w):
    """Right, but for a part without labels: its own loss is 0 / 0."""
    own = [pixels(z, y, w)[1].sum() for z, y in parts]
    return [torch_balanced(z, y, w) * weight / sum(own) for (z, y), weight in zip(parts, own, strict=True)]


def where_nan(z, y, w):
    """The loss is 0 where nothing is labeled, but its gradient is NaN: 0 / 0 was made, then hidden."""
    ce, weight = pixels(z, y, w)
    return torch.where(weight.sum() > 0, (weight * ce).sum() / weight.sum(), 0.0)


def own_denominators(parts, w):
    return [torch_balanced(z, y, w) for z, y in parts]


ANSWERS = {
    "poly_rates": {
        "right": [poly, poly_by_loop],
        "mistakes": {
            "from 1": (lambda a, n, p: a * (1 - torch.arange(1, n + 1).double() / n) ** p, "count from 0"),
            "ends at 0": (lambda a, n, p: a * torch.linspace(1, 0, n).double() ** p, "does nothing"),
            "no power": (lambda a, n, p: a * factors(n), "straight line"),
            "power inside": (lambda a, n, p: a * (1 - (1 - factors(n)) ** p), "wrong place"),
            "exponential": (lambda a, n, p: a * p ** torch.arange(n).double(), "exponentially"),
            "step by step": (step_by_step, "step before"),
            "factors": (lambda a, n, p: factors(n) ** p, "factors alone"),
            "always 0.9": (lambda a, n, p: poly(a, n, 0.9), "You always take 0.9"),
            "always 0.8": (lambda a, n, p: poly(a, n, 0.8), "is right"),
            "no run of one step": (lambda a, n, p: poly(a, n, p) if n > 1 else torch.zeros(1).double(), "one step"),
            "the library": (
                lambda a, n, p: torch.tensor([poly_learning_rate(a, k, n, p) for k in range(n)]).double(),
                "calls `poly_learning_rate` of acflib",
            ),
            "single precision": (lambda a, n, p: poly(a, n, p).half(), "too coarse"),
            "one step": (lambda a, n, p: poly(a, n, p)[1], "shape"),
            "a list": (lambda a, n, p: poly(a, n, p).tolist(), "not a tensor"),
        },
    },
    "balanced_cross_entropy": {
        "right": [balanced, torch_balanced_guarded],
        "mistakes": {
            "over all pixels": (lambda z, y, w: (pixels(z, y, w)[0] * pixels(z, y, w)[1]).mean(), "averaged in"),
            "over the labeled": (
                lambda z, y, w: (pixels(z, y, w)[0] * pixels(z, y, w)[1]).sum() / (y != 255).sum().clamp(min=1),
                "doubling all weights",
            ),
            "no weights": (lambda z, y, w: balanced(z, y, torch.ones_like(w)), "weights are forgotten"),
            "255 first": (lambda z, y, w: balanced(z, torch.where(y == 255, 0, y), w), "count as class 0"),
            "255 last": (lambda z, y, w: balanced(z, y.clamp(max=len(w) - 1), w), "count as the last class"),
            "sum": (lambda z, y, w: (pixels(z, y, w)[0] * pixels(z, y, w)[1]).sum(), "This is a sum"),
            "mean of means": (mean_per_image, "mean per image"),
            "weights twice": (
                lambda z, y, w: (
                    balanced(z, y, w * w) * pixels(z, y, w * w)[1].sum() / max(pixels(z, y, w)[1].sum(), 1e-9)
                ),
                "multiplied in twice",
            ),
            "sign": (lambda z, y, w: -balanced(z, y, w), "sign is wrong"),
            "halvings": (lambda z, y, w: balanced(z, y, w) / 0.6931471805599453, "log2"),
            "softmax twice": (lambda z, y, w: balanced(z.softmax(1), y, w), "runs twice"),
            "wrong axis": (lambda z, y, w: balanced(z.transpose(1, 2), y, w), "raised"),
            "all ignored": (torch_balanced, "the loss must be 0 there"),
            "255 as a class": (lambda z, y, w: F.cross_entropy(z, y, w), "used as if it were a class"),
            "sum at least 1": (
                lambda z, y, w: (pixels(z, y, w)[0] * pixels(z, y, w)[1]).sum() / pixels(z, y, w)[1].sum().clamp(min=1),
                "clamp(min=1)",
            ),
            "log of softmax": (lambda z, y, w: balanced_of(z.softmax(1).log(), y, w), "Use log_softmax"),
            "item": (lambda z, y, w: balanced(z, y, w).item(), "no gradient reaches `z`"),
            "hidden NaN": (where_nan, "gradient in `z` is NaN"),
            "the library": (losses.class_balanced_cross_entropy, "calls `class_balanced_cross_entropy` of acflib"),
            "one loss a pixel": (lambda z, y, w: pixels(z, y, w)[0], "must be ()"),
        },
    },
    "hard_pixel_mask": {
        "right": [hard, hard_by_sorting],
        "mistakes": {
            "threshold alone": (lambda z, y, t, k: true_p(z, y) < t, "only the pixels below the threshold"),
            "K alone": (lambda z, y, t, k: lowest(true_p(z, y), k), "K pixels, always"),
            "at most K": (lambda z, y, t, k: lowest(true_p(z, y), k) & (true_p(z, y) < t), "at most K"),
            "each image": (each_image, "of each image"),
            "times batch": (lambda z, y, t, k: hard(z, y, t, k * len(z)), "multiplied by the batch size"),
            "ignored": (keeping_ignored, "Ignored pixels"),
            "best class": (of_best_class, "most likely class"),
            "easy": (lambda z, y, t, k: (true_p(z, y) >= t) & (y != 255), "easy pixels"),
            "all equal ones": (with_all_equal_ones, "You keep more."),
            "no equal one": (without_equal_ones, "You keep fewer."),
            "at the threshold": (
                lambda z, y, t, k: (true_p(z, y) <= t) | lowest(true_p(z, y), k),
                "does not lie below",
            ),
            "one kept": (
                lambda z, y, t, k: hard(z, y, t, k) | (true_p(z, y) == true_p(z, y).max()),
                "where False is right",
            ),
            "certain ones": (hard_of_losses, "count before ignored ones"),
            "own softmax": (
                lambda z, y, t, k: hard((z.exp() / z.exp().sum(1, keepdim=True)).log(), y, t, k),
                "far from 0",
            ),
            "topk": (
                at_places(lambda p, k: p.topk(k, largest=False).indices),
                "fewer pixels are labeled than `keep`: then all of them count. `topk`, or an index of keep - 1, raises",
            ),
            "index": (at_places(lambda p, k: [int(p.argsort()[i]) for i in range(k)]), "raised IndexError"),
            "filled up": (filled_up, "fewer pixels are labeled than `keep`"),
            "probabilities": (lambda z, y, t, k: hard(z, y, t, k).double(), "must be torch.bool"),
        },
    },
    "losses_of_parts": {
        "right": in_parts,
        "mistakes": {
            "own denominators": (own_denominators, "several times the loss"),
            "mean of means": (
                lambda parts, w: [loss / len(parts) for loss in own_denominators(parts, w)],
                "mean of means",
            ),
            "share of images": (
                lambda parts, w: [
                    loss * len(y) / sum(len(z) for z, _ in parts)
                    for loss, (_, y) in zip(own_denominators(parts, w), parts, strict=True)
                ],
                "share of its images",
            ),
            "count": (
                lambda parts, w: in_parts(parts, w, sum((y != 255).sum() for _, y in parts)),
                "must add up their weights",
            ),
            "all pixels": (
                lambda parts, w: in_parts(parts, w, sum(y.numel() for _, y in parts)),
                "counts the ignored pixels too",
            ),
            "no weights": (lambda parts, w: in_parts(parts, torch.ones_like(w)), "weights are forgotten"),
            "sums": (lambda parts, w: in_parts(parts, w, 1.0), "These are sums"),
            "unlabeled part": (share_of_weights, "A part may be without any label"),
            "unlabeled batch": (not_protected, "A whole batch may be without any label"),
            "sum at least 1": (sum_at_least_1, "clamp(min=1)"),
            "log of softmax": (
                lambda parts, w: [
                    balanced_of(z.softmax(1).log(), y, w, total)
                    for (z, y), total in zip(parts, totals(parts, w), strict=True)
                ],
                "Use log_softmax",
            ),
            "numbers": (lambda parts, w: [loss.item() for loss in in_parts(parts, w)], "no gradient reaches `parts`"),
            "parts taken out": (
                lambda parts, w: [in_parts([parts.pop(0)], w, total)[0] for total in totals(parts, w)],
                "changes its argument `parts`",
            ),
            "one number": (lambda parts, w: sum(in_parts(parts, w)), "not a list"),
        },
    },
}

AGAIN = {
    "balanced_cross_entropy": [
        (lambda z, y, w: balanced((z.exp() / z.exp().sum(1, keepdim=True)).log(), y, w), "Use log_softmax")
    ]
}
