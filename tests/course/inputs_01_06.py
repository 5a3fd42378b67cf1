"""Which inputs of the exercises of lessons 01 to 06 are of a kind that wrong answers trip over; see ``mutants.py``."""

import torch

from tests.course.mutants import NO_CLASSES, NO_LIMIT, NO_MASS, NO_ORDER, NO_PARTS, NOT_TRAINED, Inputs
from tests.course.wrong_answers.lesson_05 import pixels, true_p

SOFTMAX = "a softmax gives every class a share"


def zero_center(centers, *_):
    return bool((centers == 0).all(2).any())


def small(mass):
    return bool(((mass > 0) & (mass < 1)).any())


def of_labeled(y, w):
    return pixels(torch.zeros(len(y), len(w), *y.shape[1:], dtype=w.dtype), y, w)[1].sum()


def tied(f, p, k):
    ordered = p.sort(dim=1, descending=True).values
    return k < p.shape[1] and bool((ordered[:, k - 1] == ordered[:, k]).any())


def tied_pixels(z, y, t, k):
    ordered = true_p(z, y).flatten().sort().values
    return bool((ordered == t).any()) or 0 < k < len(ordered) and bool(t < ordered[k - 1] == ordered[k] < torch.inf)


def fitting_steps(n, k, s, p, d):
    return (n + 2 * p - d * (k - 1) - 1) % s == 0


ROWS = {
    "hard_centers": Inputs(
        lambda x, y, n: any(i not in labels for labels in y for i in range(n)),
        NO_PARTS,
        "a mass is a number of pixels, so 0 or at least 1",
        NO_ORDER,
        NO_LIMIT,
        NOT_TRAINED,
    ),
    "centers_from_logits": Inputs(
        SOFTMAX, NO_PARTS, lambda x, z: small(z.softmax(1).sum((2, 3))), NO_ORDER, NO_LIMIT, 1
    ),
    "merge_centers": Inputs(
        lambda a, m, b, k: bool((m + k == 0).any()),
        NO_PARTS,
        lambda a, m, b, k: small(m + k),
        NO_ORDER,
        NO_LIMIT,
        NOT_TRAINED,
    ),
    "attend_sum": Inputs(zero_center, NO_PARTS, NO_MASS, NO_ORDER, NO_LIMIT, 1),
    "attend_concat": Inputs(zero_center, NO_PARTS, NO_MASS, NO_ORDER, NO_LIMIT, 1),
    "attend_concat_conv": Inputs(zero_center, NO_PARTS, NO_MASS, NO_ORDER, NO_LIMIT, 2),
    "attend_top": Inputs(zero_center, NO_PARTS, NO_MASS, tied, lambda f, p, k: k == p.shape[1], 1),
    "aspp_places": Inputs(
        NO_CLASSES,
        NO_PARTS,
        NO_MASS,
        "a place that two rates read is True as any other",
        lambda row, column, height, width, rates: any(row + rate == height - 1 for rate in rates),
        NOT_TRAINED,
    ),
    "region_means": Inputs(
        NO_CLASSES,
        "n always divides, says the text",
        NO_MASS,
        NO_ORDER,
        lambda x, n: n == x.shape[2],
        0,
    ),
    "affinity": Inputs(
        lambda c, a: bool((c.sum((2, 3)) == 0).any()),
        NO_PARTS,
        lambda c, a: small(c.sum((2, 3))),
        NO_ORDER,
        NO_LIMIT,
        "a table to look at",
    ),
    "region_attention": Inputs(lambda x, f: zero_center(f), NO_PARTS, NO_MASS, NO_ORDER, NO_LIMIT, 0),
    "conv_size": Inputs(NO_CLASSES, fitting_steps, NO_MASS, NO_ORDER, fitting_steps, NOT_TRAINED),
    "acf_parameters": Inputs(
        "each number of classes is as good as another", NO_PARTS, NO_MASS, NO_ORDER, NO_LIMIT, NOT_TRAINED
    ),
    "fine_logits": Inputs(SOFTMAX, NO_PARTS, lambda x, z, *_: small(z.softmax(1).sum((2, 3))), NO_ORDER, NO_LIMIT, 1),
    "receptive_field": Inputs(NO_CLASSES, NO_PARTS, NO_MASS, NO_ORDER, lambda layers: not layers, NOT_TRAINED),
    "poly_rates": Inputs(NO_CLASSES, NO_PARTS, NO_MASS, NO_ORDER, lambda a, n, p: n == 1, NOT_TRAINED),
    "balanced_cross_entropy": Inputs(
        lambda z, y, w: any(i not in y for i in range(len(w))),
        NO_PARTS,
        lambda z, y, w: small(of_labeled(y, w)),
        NO_ORDER,
        NO_LIMIT,
        0,
    ),
    "hard_pixel_mask": Inputs(
        "a pixel is judged by itself, whatever classes there are",
        NO_PARTS,
        NO_MASS,
        tied_pixels,
        lambda z, y, t, k: k == int((y != 255).sum()),
        NOT_TRAINED,
    ),
    "losses_of_parts": Inputs(
        lambda parts, w: any(bool((y == 255).all()) for _, y in parts),
        NO_PARTS,
        lambda parts, w: small(sum(of_labeled(y, w) for _, y in parts)),
        NO_ORDER,
        NO_LIMIT,
        0,
    ),
    "log_rows": Inputs(
        NO_CLASSES,
        lambda losses, every: len(losses) % every == 0 and every > 1,
        NO_MASS,
        NO_ORDER,
        lambda losses, every: every >= len(losses),
        NOT_TRAINED,
    ),
    "sgd_step": Inputs(NO_CLASSES, NO_PARTS, NO_MASS, NO_ORDER, NO_LIMIT, NOT_TRAINED),
    "batches_at": Inputs(
        NO_CLASSES,
        lambda length, size, *_: length % size == 0,
        NO_MASS,
        NO_ORDER,
        lambda length, size, first, last, seed: last - first == 1,
        NOT_TRAINED,
    ),
    "resumed": Inputs(
        NO_CLASSES,
        NO_PARTS,
        NO_MASS,
        NO_ORDER,
        lambda w, v, position, targets, *_: position == len(targets),
        NOT_TRAINED,
    ),
}
