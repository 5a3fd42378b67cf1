"""Wrong answers to the exercises of lesson 02, and right ones."""

import torch
import torch.nn.functional as F

from acflib import functional


def eq3(f, p):
    return torch.einsum("bnc,bnhw->bchw", f, p)


def eq3_by_matrix(f, p):
    b, n, h, w = p.shape
    return (f.transpose(1, 2) @ p.reshape(b, n, h * w)).reshape(b, -1, h, w)


def eq5(f, p):
    return torch.cat([p[:, i : i + 1] * f[:, i, :, None, None] for i in range(p.shape[1])], dim=1)


def one_class(p):
    return (p == p.amax(1, keepdim=True)).double()


def read_by_columns(f, p):
    b, n, h, w = p.shape
    pixels = p.permute(0, 3, 2, 1).reshape(b, w * h, n)  # column by column
    return (pixels @ f).transpose(1, 2).reshape(b, -1, h, w)


def written_by_columns(f, p):
    b, n, h, w = p.shape
    return (f.transpose(1, 2) @ p.flatten(2)).reshape(b, -1, w, h).transpose(2, 3)


def factorized(f, p, weight):
    b, n, c = f.shape
    blocks = weight[:, :, 0, 0].reshape(-1, n, c)
    each = torch.stack([f[:, i] @ blocks[:, i].T for i in range(n)], dim=1)
    return eq3(each, p)


def in_place_sum(f, p, weight):
    n, c = f.shape[1:]
    result = torch.zeros(len(p), len(weight), *p.shape[2:], dtype=p.dtype)
    for i in range(n):
        result += p[:, i, None] * (f[:, i] @ weight[:, i * c : (i + 1) * c, 0, 0].T)[..., None, None]
    return result


def class_by_class(f, p, weight):
    """Right numbers, but each class is convolved at every pixel."""
    c = f.shape[2]
    parts = [p[:, i, None] * f[:, i, :, None, None] for i in range(p.shape[1])]
    return sum(F.conv2d(part, weight[:, i * c : (i + 1) * c]) for i, part in enumerate(parts))


def pixel_by_pixel(f, p, weight):
    result = torch.empty(len(p), len(weight), *p.shape[2:], dtype=p.dtype)
    for h in range(p.shape[2]):
        for w in range(p.shape[3]):
            long = (p[:, :, h, w, None] * f).flatten(1)
            result[:, :, h, w] = long @ weight[:, :, 0, 0].T
    return result


def with_cut(cut):
    return lambda f, p, w: eq3(torch.einsum("bnc,onc->bno", f, cut(w[:, :, 0, 0], *f.shape[1:])), p)


def by_loop(f, p):
    return sum(p[:, i, None] * f[:, i, :, None, None] for i in range(p.shape[1]))


def top(f, p, k):
    threshold = p.sort(dim=1, descending=True).values[:, k - 1 : k]
    kept = p * (p >= threshold)
    return eq3(f, kept / kept.sum(1, keepdim=True))


def top_with(weigh):
    def answer(f, p, k):
        values, classes = p.topk(k, dim=1)
        return eq3(f, torch.zeros_like(p).scatter(1, classes, weigh(values)))

    return answer


def top_with_mask(f, p, k):
    order = p.argsort(dim=1, descending=True, stable=True).argsort(dim=1)
    kept = p * (order < k)
    return eq3(f, kept / kept.sum(1, keepdim=True))


def top_added(f, p, k):
    """A small number is added to a sum that is never small: harmless."""
    values, classes = p.topk(k, dim=1)
    return eq3(f, torch.zeros_like(p).scatter(1, classes, values / (values.sum(1, keepdim=True) + 1e-6)))


def top_of_pixels(f, p, k):
    kept = torch.zeros_like(p).scatter(1, p.topk(k, dim=1).indices, 1.0) * p
    return eq3(f, kept / kept.sum((2, 3), keepdim=True).clamp(min=1e-12))


def smallest(f, p, k):
    values, classes = (-p).topk(k, dim=1)
    return eq3(f, torch.zeros_like(p).scatter(1, classes, values / values.sum(1, keepdim=True)))


def once_for_the_picture(f, p, k):
    result = []
    for centers, maps in zip(f, p, strict=True):
        classes = maps.mean((1, 2)).argsort(descending=True)[:k]
        kept = maps[classes]
        result.append(torch.einsum("nc,nhw->chw", centers[classes], kept / kept.sum(0)))
    return torch.stack(result)


ANSWERS = {
    "attend_sum": {
        "right": [eq3, eq3_by_matrix],
        "mistakes": {
            "no weights": (
                lambda f, p: f.sum(1)[..., None, None].expand(-1, -1, *p.shape[2:]),
                "weights are forgotten",
            ),
            "plain mean": (lambda f, p: f.mean(1)[..., None, None].expand(-1, -1, *p.shape[2:]), "plain mean"),
            "mean over classes": (lambda f, p: (f[..., None, None] * p[:, :, None]).mean(1), "number of classes"),
            "softmax again": (lambda f, p: eq3(f, F.softmax(p, dim=1)), "Another softmax"),
            "over pixels": (lambda f, p: eq3(f, p / p.flatten(2).sum(2)[..., None, None]), "sum over the pixels"),
            "argmax": (lambda f, p: eq3(f, one_class(p)), "argmax"),
            "read by columns": (read_by_columns, "read column by column"),
            "written by columns": (written_by_columns, "written column by column"),
            "first picture": (lambda f, p: torch.einsum("nc,bnhw->bchw", f[0], p), "centers of the first one"),
            "reshaped": (
                lambda f, p: (f.reshape(len(f), f.shape[2], f.shape[1]) @ p.flatten(2)).unflatten(2, p.shape[2:]),
                "a transpose was meant",
            ),
            "rows as channels": (
                lambda f, p: torch.einsum("bnc,bnhw->bhwc", f, p).reshape(len(f), -1, *p.shape[2:]),
                "transpose to (B, C, HW) first",
            ),
            "swapped": (lambda f, p: eq3(f, p).transpose(2, 3), "Height and width are swapped"),
            "rounded": (lambda f, p: eq3(f, p).round().long(), "floats"),
            "a list": (lambda f, p: eq3(f, p).tolist(), "not a tensor"),
            "the library": (functional.attend_sum, "calls `attend_sum` of acflib"),
            "a loop": (by_loop, "you loop"),
            "detached": (lambda f, p: eq3(f, p.detach()), "no gradient reaches `p`"),
            "scaled": (lambda f, p: eq3(f, p / p.sum(1, keepdim=True)), "scaled to the sum 1"),
            "absent class": (
                lambda f, p: eq3(f * (p.sum((2, 3)) / p.sum((2, 3)))[..., None], p),
                "An absent class has the center 0",
            ),
            "divided by the mass": (lambda f, p: eq3(f, p / (p * 0).sum(1, keepdim=True)), "NaN"),
        },
    },
    "attend_concat": {
        "right": [eq5],
        "mistakes": {
            "channels first": (
                lambda f, p: torch.einsum("bnc,bnhw->bcnhw", f, p).flatten(1, 2),
                "Channel i*C + c holds channel c of class i",
            ),
            "no weights": (lambda f, p: f.flatten(1)[..., None, None].expand(-1, -1, *p.shape[2:]), "center-only"),
            "blocks of P": (
                lambda f, p: torch.cat([p] * f.shape[2], dim=1) * f.flatten(1)[..., None, None],
                "repeated as a block",
            ),
            "no centers": (lambda f, p: eq5(torch.ones_like(f), p), "centers are forgotten"),
            "softmax again": (lambda f, p: eq5(f, p.softmax(1)), "Another softmax"),
            "over pixels": (lambda f, p: eq5(f, p / p.sum((2, 3), keepdim=True)), "sum over the pixels"),
            "argmax": (lambda f, p: eq5(f, one_class(p)), "argmax"),
            "read by columns": (lambda f, p: eq5(f, p.mT.reshape(p.shape)), "read column by column"),
            "written by columns": (
                lambda f, p: eq5(f, p).reshape(len(p), -1, p.shape[3], p.shape[2]).mT,
                "written column by column",
            ),
            "first picture": (lambda f, p: eq5(f[:1].expand_as(f), p), "centers of the first one"),
            "summed": (eq3, "must be"),
            "the library": (functional.attend_concat, "calls `attend_concat` of acflib"),
            "detached": (lambda f, p: eq5(f.detach(), p), "no gradient reaches `f`"),
        },
    },
    "attend_concat_conv": {
        "right": [factorized, in_place_sum],
        "mistakes": {
            "cut wrongly": (with_cut(lambda w, n, c: w.reshape(-1, c, n).transpose(1, 2)), "not (O, C, N)"),
            "first block": (with_cut(lambda w, n, c: w[:, None, :c].repeat(1, n, 1)), "same block"),
            "blocks added": (with_cut(lambda w, n, c: w.unflatten(1, (n, c)).sum(1, True).repeat(1, n, 1)), "add up"),
            "no P": (
                lambda f, p, w: (f.flatten(1) @ w[:, :, 0, 0].T)[..., None, None] + 0 * p[:, :1],
                "P is forgotten",
            ),
            "read by columns": (lambda f, p, w: factorized(f, p.mT.reshape(p.shape), w), "read column by column"),
            "written by columns": (
                lambda f, p, w: factorized(f, p, w).reshape(len(p), -1, p.shape[3], p.shape[2]).mT,
                "written column by column",
            ),
            "literal": (lambda f, p, w: F.conv2d(eq5(f, p), w), "you build the long vector"),
            "class by class": (class_by_class, "is not built"),
            "first picture": (lambda f, p, w: factorized(f[:1].expand_as(f), p, w), "centers of the first one"),
            "shape": (lambda f, p, w: eq5(f, p), "must be"),
            "the library": (functional.attend_concat_conv, "calls `attend_concat_conv` of acflib"),
            "pixel by pixel": (pixel_by_pixel, "loop over pixels or rows"),
            "detached": (lambda f, p, w: factorized(f, p, w.detach()), "no gradient reaches `w`"),
        },
    },
    "attend_top": {
        "right": [top_with_mask, top_with(lambda values: values / values.sum(1, keepdim=True)), top_added],
        "mistakes": {
            "not scaled": (top_with(lambda values: values), "new scale is missing"),
            "nothing dropped": (lambda f, p, k: eq3(f, p), "No class was dropped"),
            "all the same": (top_with(lambda values: torch.full_like(values, 1 / values.shape[1])), "count the same"),
            "softmax": (top_with(lambda values: values.softmax(1)), "softmax"),
            "smallest": (smallest, "k smallest"),
            "first classes": (
                lambda f, p, k: eq3(f[:, :k], p[:, :k] / p[:, :k].sum(1, keepdim=True)),
                "keep the first k classes",
            ),
            "first centers": (
                lambda f, p, k: eq3(f[:, :k], F.normalize(p.topk(k, dim=1).values, p=1, dim=1)),
                "meet the first k centers",
            ),
            "one too few": (lambda f, p, k: top(f, p, k - 1), "One class too few"),
            "once": (once_for_the_picture, "Each pixel chooses its own"),
            "equal ones": (top, "more than k classes"),
            "detached": (lambda f, p, k: top_with_mask(f, p.detach(), k), "no gradient reaches `p`"),
            "at most N - 1": (
                lambda f, p, k: top_with_mask(f, p, min(k, p.shape[1] - 1)),
                "With k = N no class is dropped",
            ),
            "at least 2": (lambda f, p, k: top_with_mask(f, p, max(k, 2)), "With k = 1"),
            "mean": (top_with(lambda values: values / values.shape[1]), "number of classes kept"),
            "over pixels": (top_of_pixels, "divide by the sum over the pixels"),
            "first picture": (lambda f, p, k: top(f[:1].expand_as(f), p, k), "centers of the first one"),
            "detached scale": (
                top_with(lambda values: values / values.sum(1, keepdim=True).detach()),
                "a part of the gradient in `p` is missing",
            ),
        },
    },
}
