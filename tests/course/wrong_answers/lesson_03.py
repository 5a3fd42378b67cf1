"""Wrong answers to the exercises of lesson 03, and right ones."""

import torch
import torch.nn.functional as F

from tests.course.wrong_answers.places import (
    by_convolution,
    by_loops,
    clamped,
    filled,
    from_1,
    negative_index,
    only_lower_bound,
    rates_mixed,
    without_corners,
    without_itself,
)


def means(x, n):
    b, c, h, w = x.shape
    pooled = x.reshape(b, c, n, h // n, n, w // n).mean((3, 5))  # (B, C, n, n)
    return pooled.repeat_interleave(h // n, 2).repeat_interleave(w // n, 3)


def means_by_loops(x, n):
    h, w = x.shape[2] // n, x.shape[3] // n
    result = torch.empty_like(x)
    for a in range(n):
        for b in range(n):
            region = x[:, :, a * h : (a + 1) * h, b * w : (b + 1) * w]
            result[:, :, a * h : (a + 1) * h, b * w : (b + 1) * w] = region.mean((2, 3), keepdim=True)
    return result


def one_number(x, n):
    h, w = x.shape[2] // n, x.shape[3] // n
    result = torch.empty_like(x)
    for a in range(n):
        for b in range(n):
            place = ..., slice(a * h, (a + 1) * h), slice(b * w, (b + 1) * w)
            result[place] = x[place].mean()
    return result


def small_regions(x, n):
    return F.avg_pool2d(x, n).repeat_interleave(n, 2).repeat_interleave(n, 3)


def tiled(x, n):
    h, w = x.shape[2] // n, x.shape[3] // n
    return means(x, n)[:, :, ::h, ::w].tile(1, 1, h, w)


def turned(x, n):
    h, w = x.shape[2] // n, x.shape[3] // n
    return means(x, n)[:, :, ::h, ::w].mT.repeat_interleave(h, 2).repeat_interleave(w, 3)


def table(c, a, of=lambda mass: torch.where(mass > 0, mass, 1)):
    weights = c / of(c.sum((2, 3), keepdim=True))
    return torch.einsum("bij,bik->bjk", a.flatten(2), weights.flatten(2))


def table_by_loops(c, a):
    c, a = c.flatten(2), a.flatten(2)
    result = torch.zeros(len(c), c.shape[2], c.shape[2], dtype=c.dtype)
    for i in range(c.shape[1]):
        result += a[:, i, :, None] * c[:, i, None, :] / c[:, i].sum(1).clamp(min=1e-12)[:, None, None]
    return result


def plain_table(c, a):
    return a.flatten(2).transpose(1, 2) @ c.flatten(2)


def to_one(p):
    return p / p.sum((2, 3), keepdim=True)


def same_places(x, n):
    b, c, h, w = x.shape
    return x.reshape(b, c, n, h // n, n, w // n).mean((2, 4)).tile(1, 1, n, n)


def means_in_place(x, n):
    x.copy_(means(x, n))
    return x


def attention(weigh):
    def answer(x, f):
        scores = torch.einsum("bchw,bnc->bnhw", x, f)
        return torch.einsum("bnhw,bnc->bchw", weigh(scores, x.shape[1]), f)

    return answer


def by_torch(x, f):
    queries = x.flatten(2).transpose(1, 2)
    return F.scaled_dot_product_attention(queries, f, f).transpose(1, 2).unflatten(2, x.shape[2:])


def cosine(x, f):
    scores = F.cosine_similarity(x[:, None], f[..., None, None], dim=2)
    return torch.einsum("bnhw,bnc->bchw", scores.softmax(1), f)


ANSWERS = {
    "aspp_places": {
        "right": [by_loops, by_convolution],
        "mistakes": {
            "negative index": (negative_index, "come back in on the other side"),
            "clamped": (clamped, "moved to the border"),
            "swapped": (lambda r, c, h, w, rates: by_loops(c, r, h, w, rates), "Row and column are swapped"),
            "filled": (filled, "fill the whole square"),
            "no corners": (without_corners, "corners"),
            "not itself": (without_itself, "The pixel itself is missing"),
            "one rate": (lambda r, c, h, w, rates: by_loops(r, c, h, w, rates[-1:]), "Only one rate"),
            "half": (lambda r, c, h, w, rates: by_loops(r, c, h, w, [rate // 2 for rate in rates]), "r // 2"),
            "not 0": (from_1, "inside means 0 <= place"),
            "no rate": (lambda r, c, h, w, rates: by_loops(r, c, h, w, (1,)), "rates are forgotten"),
            "lower right": (only_lower_bound, "near the lower right corner"),
            "three rates": (lambda r, c, h, w, rates: by_loops(r, c, h, w, rates[:3]), "There may be four rates"),
            "two rates": (lambda r, c, h, w, rates: by_loops(r, c, h, w, rates[:2]), "There may be three rates"),
            "no rate alone": (
                lambda r, c, h, w, rates: by_loops(r, c, h, w, rates if len(rates) > 1 else ()),
                "There may be one rate alone",
            ),
            "counts": (lambda *case: by_loops(*case).int(), "torch.bool"),
            "rates mixed": (rates_mixed, "The rates are mixed"),
            "rate of an axis": (lambda *case: rates_mixed(*case, together=True), "first rate down"),
        },
    },
    "region_means": {
        "right": [means, means_by_loops],
        "mistakes": {
            "sums": (lambda x, n: means(x, n) * (x.shape[2] // n) * (x.shape[3] // n), "These are sums"),
            "whole picture": (lambda x, n: x.mean((2, 3), keepdim=True).expand_as(x), "mean of the whole picture"),
            "n pixels": (small_regions, "n pixels wide"),
            "largest": (
                lambda x, n: F.interpolate(F.adaptive_max_pool2d(x, n), x.shape[2:], mode="nearest"),
                "max pooling",
            ),
            "soft": (
                lambda x, n: F.interpolate(F.adaptive_avg_pool2d(x, n), x.shape[2:], mode="bilinear"),
                "borders are soft",
            ),
            "tiles": (tiled, "like tiles"),
            "stripes": (lambda x, n: means(x, n).mean(3, keepdim=True).expand_as(x), "stripes"),
            "swapped": (turned, "lands in region (b, a)"),
            "one number": (one_number, "all pictures and channels mixed"),
            "channels": (lambda x, n: means(x.mean(1, keepdim=True), n).expand_as(x), "channels are mixed"),
            "in place": (means_in_place, "changes its argument `x`"),
            "detached": (lambda x, n: means(x, n).detach(), "no gradient reaches `x`"),
            "same places": (same_places, "same place in all regions"),
            "pooled only": (lambda x, n: F.adaptive_avg_pool2d(x, n), "must be"),
        },
    },
    "affinity": {
        "right": [table, table_by_loops],
        "mistakes": {
            "swapped": (lambda c, a: table(a, c), "two maps are swapped"),
            "transposed": (lambda c, a: table(c, a).transpose(1, 2), "table is transposed"),
            "no denominator": (plain_table, "denominator of Eq. 2 is missing"),
            "number of pixels": (lambda c, a: plain_table(c, a) / (c.shape[2] * c.shape[3]), "number of pixels"),
            "rows": (lambda c, a: plain_table(c, a) / plain_table(c, a).sum(2, keepdim=True), "scale the rows"),
            "softmax": (lambda c, a: a.flatten(2).mT @ c.flatten(2).softmax(2), "what OCR does"),
            "both": (lambda c, a: plain_table(to_one(c), to_one(a)), "Both maps are divided"),
            "the other": (lambda c, a: plain_table(c, to_one(a)), "The second map is divided"),
            "absent class": (lambda c, a: table(c, a, of=lambda mass: mass), "A class may be absent"),
            "mass at least 1": (lambda c, a: table(c, a, of=lambda mass: mass.clamp(min=1)), "clamp(min=1)"),
            "mass at least 0.1": (lambda c, a: table(c, a, of=lambda mass: mass.clamp(min=0.1)), "clamp(min=0.1)"),
            "mass at least 0.001": (lambda c, a: table(c, a, of=lambda mass: mass.clamp(min=1e-3)), "hardly there"),
            "mass above 0.001": (
                lambda c, a: table(c, a, of=lambda mass: torch.where(mass > 1e-3, mass, torch.inf)),
                "a threshold such as",
            ),
            "mass plus 0.000001": (lambda c, a: table(c, a, of=lambda mass: mass + 1e-6), "a number added to the sum"),
            "rows once more": (
                lambda c, a: torch.nan_to_num(table(c, a) / table(c, a).sum(2, keepdim=True)),
                "scale the rows of the table once more",
            ),
            "absent as mean": (
                lambda c, a: plain_table(torch.nan_to_num(to_one(c), nan=1 / c[0, 0].numel()), a),
                "hands out the mean of all pixels",
            ),
            "NaN to mean": (
                lambda c, a: torch.nan_to_num(plain_table(to_one(c), a), nan=1 / c[0, 0].numel()),
                "looks at all pixels alike",
            ),
            "NaN to 0": (lambda c, a: torch.nan_to_num(plain_table(to_one(c), a), nan=0.0), "is 0 everywhere"),
            "first picture": (
                lambda c, a: table(c[:1].expand_as(c), a[:1].expand_as(a)),
                "All pictures get the table of the first one",
            ),
            "first twice": (lambda c, a: table(c, c), "Only the first map"),
            "second twice": (lambda c, a: table(a, a), "Only the second map"),
        },
    },
    "region_attention": {
        "right": [attention(lambda s, c: (s / c**0.5).softmax(1)), by_torch],
        "mistakes": {
            "root of N": (
                lambda x, f: attention(lambda s, c: (s / f.shape[1] ** 0.5).softmax(1))(x, f),
                "square root of N",
            ),
            "reshaped": (
                lambda x, f: F.scaled_dot_product_attention(x.flatten(2).mT, f, f).reshape(x.shape),
                "transpose to (B, C, HW) first",
            ),
            "no scale": (attention(lambda s, c: F.softmax(s, dim=1)), "scale is missing"),
            "divided by C": (attention(lambda s, c: F.softmax(s / c, dim=1)), "You divide by C."),
            "multiplied": (attention(lambda s, c: F.softmax(s * c**0.5, dim=1)), "You multiply"),
            "over pixels": (
                attention(lambda s, c: (s / c**0.5).exp() / (s / c**0.5).exp().sum((2, 3), keepdim=True)),
                "over the pixels",
            ),
            "rows": (attention(lambda s, c: (s / c**0.5).softmax(-2)), "rows (dim 2)"),
            "columns": (attention(lambda s, c: (s / c**0.5).softmax(-1)), "columns (dim 3)"),
            "no softmax": (attention(lambda s, c: s / c**0.5), "softmax is missing"),
            "sigmoid": (attention(lambda s, c: torch.sigmoid(s / c**0.5)), "sigmoid"),
            "absent class": (
                lambda x, f: attention(lambda s, c: (s / c**0.5).softmax(1))(x, f * (f / f)),
                "center of an absent class",
            ),
            "absent class left out": (
                lambda x, f: attention(
                    lambda s, c: (s / c**0.5).masked_fill((f == 0).all(2)[..., None, None], -torch.inf).softmax(1)
                )(x, f),
                "center of an absent class",
            ),
            "detached": (
                lambda x, f: attention(lambda s, c: (s / c**0.5).softmax(1).detach())(x, f),
                "no gradient reaches `x`",
            ),
            "most similar": (attention(lambda s, c: (s == s.amax(1, keepdim=True)).double()), "most similar center"),
            "cosine": (cosine, "angle"),
            "scaled weights": (attention(lambda s, c: s.softmax(1) / c**0.5), "scale comes before the softmax"),
            "pictures": (attention(lambda s, c: (s / c**0.5).softmax(0)), "pictures of the batch (dim 0)"),
            "first picture": (
                lambda x, f: attention(lambda s, c: (s / c**0.5).softmax(1))(x, f[:1].expand_as(f)),
                "centers of the first picture",
            ),
            "own softmax": (
                attention(lambda s, c: (s / c**0.5).exp() / (s / c**0.5).exp().sum(1, keepdim=True)),
                "far from 0",
            ),
        },
    },
}
