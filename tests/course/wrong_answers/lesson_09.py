"""Wrong answers to the exercises of lesson 09, and right ones."""

import torch
import torch.nn.functional as F


def by_library(x):
    pixels = x.flatten(1).T
    return F.cosine_similarity(pixels[:, None], pixels[None], dim=2)


def dots(x):
    return torch.einsum("ci,cj->ij", x.flatten(1), x.flatten(1))


def lengths(x):
    return x.flatten(1).square().sum(0).sqrt()


def safe(numerator, denominator):
    return torch.where(denominator > 0, numerator / denominator.clamp_min(1e-12), 0.0)


def outer(x):
    return lengths(x)[:, None] * lengths(x)


def by_loops(x):
    pixels = x.flatten(1).T
    return torch.stack([torch.stack([F.cosine_similarity(a, b, dim=0) for b in pixels]) for a in pixels])


def at_least_1(x):
    pixels = x.flatten(1)
    units = pixels / pixels.norm(dim=0).clamp(min=1)
    return units.T @ units


def units_in_place(x):
    x /= x.norm(dim=0).clamp_min(1e-12)
    return dots(x)


def pair_means(x, y, itself=False, ignore=True, unit=True, eps=1e-12):
    pixels, y = x.flatten(1).T, y.flatten()
    if unit:
        pixels = pixels / pixels.norm(dim=1, keepdim=True).clamp(min=eps)
    similarity, y, same, other = (pixels @ pixels.T).tolist(), y.tolist(), [], []
    for i in range(len(y)):
        for j in range(len(y)):
            if (ignore and 255 in (y[i], y[j])) or (i == j and not itself):
                continue
            (same if y[i] == y[j] else other).append(similarity[i][j])
    return torch.tensor(same, dtype=x.dtype).mean(), torch.tensor(other, dtype=x.dtype).mean()


def class_means(x, y):
    found = []
    for i in (0, 2, 11):
        pixels = x[:, y == i].T
        pixels = pixels / pixels.norm(dim=1, keepdim=True)
        s = pixels @ pixels.T
        n = len(s)
        found.append((s.sum() - s.trace()) / (n * n - n))
    return torch.stack(found).mean(), pair_means(x, y)[1]


def class_means_both(x, y):
    found = []
    for i in (0, 2, 11):
        own, rest = F.normalize(x[:, y == i], dim=0), F.normalize(x[:, (y != i) & (y != 255)], dim=0)
        found.append((own.T @ rest).mean())
    return class_means(x, y)[0], sum(found) / 3


def pairs_of_three(x, y):
    """As if the classes were 0, 1 and 2."""
    return pair_means(x, torch.where(y < 3, y, 255))[0], pair_means(x, y)[1]


def pairs_by_value(x, y):
    units, y = F.normalize(x.flatten(1), dim=0), y.flatten()
    units, y = units[:, y != 255], y[y != 255]
    s, same = units.T @ units, y[:, None] == y
    return s[same & (s < 1 - 1e-9)].mean(), s[~same].mean()


def pairs_class_by_class(x, y):
    """Means of classes, weighted with their numbers of pairs: right unless a class has no pair at all."""
    total = count = 0
    for i in (i for i in y.unique() if i != 255):
        units = F.normalize(x[:, y == i], dim=0)
        s, n = units.T @ units, units.shape[1]
        pairs = n * n - n
        total, count = total + pairs * (s.sum() - s.trace()) / pairs, count + pairs
    return total / count, pair_means(x, y)[1]


def pairs_in_place(x, y):
    y[y == 255] = -1
    return pair_means(x, torch.where(y < 0, 255, y))


def pairs_at_least_1(x, y):
    return pair_means(x / x.norm(dim=0).clamp(min=1), y, unit=False)


def all_pairs(x, y):
    pixels = x[:, y != 255].T
    pixels = pixels / pixels.norm(dim=1, keepdim=True)
    s = pixels @ pixels.T
    return pair_means(x, y)[0], (s.sum() - s.trace()) / (len(s) ** 2 - len(s))


def cosines(x, centers):
    return F.cosine_similarity(centers[:, :, None, None], x[None], dim=1)


def present(centers):
    return centers.abs().sum(1) > 0


def nearest(x, centers):
    s = cosines(x, centers)
    s[~present(centers)] = -2
    return s.argmax(0)


def nearest_but(x, centers, absent, fill=-torch.inf):
    s = cosines(x, centers)
    s[absent] = fill
    return s.argmax(0)


def nearest_by_similarity(x, centers):
    s = cosines(x, centers)
    s[s == 0] = -2
    return s.argmax(0)


def nearest_in_place(x, centers):
    here = present(centers)
    centers /= centers.norm(dim=1, keepdim=True).clamp_min(1e-12)
    return by_product(x, torch.where(here[:, None], centers, 0.0))


def nearest_at_least_1(x, centers):
    return by_product(x, centers / centers.norm(dim=1, keepdim=True).clamp(min=1))


def by_distance(x, centers, all_classes=False):
    d = (x[None] - centers[:, :, None, None]).square().sum(1)
    if not all_classes:
        d[~present(centers)] = torch.inf
    return d.argmin(0)


def by_product(x, centers, all_classes=False):
    s = torch.einsum("nc,chw->nhw", centers, x)
    if not all_classes:
        s[~present(centers)] = -torch.inf
    return s.argmax(0)


def least(x, centers):
    s = cosines(x, centers)
    s[~present(centers)] = 2
    return s.argmin(0)


def order(s, y, row, column, tie=0.5, itself=False, ignore=True):
    won = pairs = 0
    for (i, j), label in [((i, j), y[i, j]) for i in range(len(y)) for j in range(len(y[0]))]:
        if label != y[row, column] or ((i, j) == (row, column) and not itself):
            continue
        rest = s[(y != y[row, column]) & ((y != 255) | (not ignore))]
        won += (s[i, j] > rest).sum().item() + tie * (s[i, j] == rest).sum().item()
        pairs += len(rest)
    return won / pairs


def order_by_value(s, y, row, column):
    """Leaves out whatever is as similar as the asked pixel is to itself."""
    first, rest = s[(y == y[row, column]) & (s < s[row, column])], s[(y != y[row, column]) & (y != 255)]
    return ((first[:, None] > rest).double() + 0.5 * (first[:, None] == rest)).mean().item()


def order_in_place(s, y, row, column):
    result = order(s, y, row, column)
    y[row, column] = 255
    return result


def mean_difference(s, y, row, column):
    same = (y == y[row, column]).clone()
    same[row, column] = False
    return (s[same].mean() - s[(y != y[row, column]) & (y != 255)].mean()).item()


ANSWERS = {
    "similarity_matrix": {
        "right": [by_library, lambda x: F.normalize(x.flatten(1), dim=0).T @ F.normalize(x.flatten(1), dim=0)],
        "mistakes": {
            "products": (dots, "scalar products"),
            "first length": (lambda x: safe(dots(x), lengths(x)[:, None] + 0 * dots(x)), "first pixel alone"),
            "second length": (lambda x: safe(dots(x), lengths(x) + 0 * dots(x)), "second pixel alone"),
            "squares": (lambda x: safe(dots(x), outer(x) ** 2), "square root is missing"),
            "channels": (lambda x: dots(F.normalize(x.flatten(1), dim=1)), "scale each channel over the picture"),
            "columns": (lambda x: by_library(x.permute(0, 2, 1)), "column by column"),
            "reshape": (lambda x: by_library(x.reshape(-1, len(x)).T[:, :, None]), "cuts a channel into pieces"),
            "correlation": (lambda x: by_library(x - x.mean(0, keepdim=True)), "a correlation"),
            "distance": (lambda x: (x.flatten(1)[:, :, None] - x.flatten(1)[:, None]).norm(dim=0), "distances"),
            "zero": (lambda x: dots(x) / outer(x), "NaN"),
            "channel pairs": (lambda x: x.flatten(1) @ x.flatten(1).T, "must be"),
            "loops": (by_loops, "from pixel to pixel"),
            "at least 1": (at_least_1, "shorter than 1"),
            "in place": (units_in_place, "changes its argument `x`"),
        },
    },
    "within_between": {
        "right": [
            pair_means,
            lambda x, y: pair_means(x / (x.norm(dim=0) + 1e-6), y, unit=False),
            lambda x, y: tuple(float(v) for v in pair_means(x, y)),
            lambda x, y: [float(v) for v in pair_means(x, y)],
        ],
        "mistakes": {
            "itself": (lambda x, y: pair_means(x, y, itself=True), "compared with itself, which"),
            "255": (lambda x, y: pair_means(x, y, ignore=False), "take part as if"),
            "both": (lambda x, y: pair_means(x, y, itself=True, ignore=False), "Both mistakes"),
            "products": (lambda x, y: pair_means(x, y, unit=False), "means of scalar products"),
            "swapped": (lambda x, y: pair_means(x, y)[::-1], "swapped: first within"),
            "classes": (class_means, "average the classes"),
            "classes, both": (class_means_both, "Both numbers are averages"),
            "all pairs": (all_pairs, "mean over all pairs"),
            "one number": (lambda x, y: pair_means(x, y)[0], "not a tuple"),
            "three classes": (pairs_of_three, "classes 0, 1 and 2"),
            "not protected": (lambda x, y: pair_means(x, y, eps=0), "A feature of zeros"),
            "by value": (pairs_by_value, "may have the same feature"),
            "class by class": (pairs_class_by_class, "has no pair"),
            "in place": (pairs_in_place, "changes its argument `y`"),
            "at least 1": (pairs_at_least_1, "shorter than 1"),
        },
    },
    "nearest_center_map": {
        "right": [nearest, lambda x, centers: nearest(x, centers).int()],
        "mistakes": {
            "absent": (lambda x, centers: cosines(x, centers).argmax(0), "An absent class is chosen"),
            "short list": (lambda x, centers: cosines(x, centers[present(centers)]).argmax(0), "full list"),
            "distance": (by_distance, "nearest centers by distance. "),
            "distance, absent": (lambda x, c: by_distance(x, c, True), "by distance, the absent class among them"),
            "product": (by_product, "largest scalar product. A"),
            "product, absent": (lambda x, c: by_product(x, c, True), "scalar product, the absent class among them"),
            "NaN": (
                lambda x, c: ((c / c.norm(dim=1, keepdim=True)) @ x.flatten(1)).argmax(0).view(x[0].shape),
                "is NaN",
            ),
            "least": (least, "least similar"),
            "one class": (lambda x, centers: cosines(x, centers), "must be"),
            "an entry of 0": (lambda x, c: nearest_but(x, c, (c == 0).any(1)), "ALL entries are 0"),
            "a first entry of 0": (lambda x, c: nearest_but(x, c, c[:, 0] == 0), "not the first alone"),
            "a sum of 0": (lambda x, c: nearest_but(x, c, c.sum(1) == 0), "may add up to 0"),
            "a fill of -1": (lambda x, c: nearest_but(x, c, ~present(c), -1), "the lowest cosine"),
            "a similarity of 0": (nearest_by_similarity, "right angle"),
            "at least 1": (nearest_at_least_1, "shorter than 1"),
            "floats": (lambda x, c: nearest(x, c).double(), "torch.float64. Whole numbers"),
            "in place": (nearest_in_place, "changes its argument `centers`"),
        },
    },
    "order_share": {
        "right": [order],
        "mistakes": {
            "ties lost": (lambda *case: order(*case, tie=0), "count it as lost"),
            "ties won": (lambda *case: order(*case, tie=1), "count it as won"),
            "itself": (lambda *case: order(*case, itself=True), "asked pixel is compared too"),
            "255": (lambda *case: order(*case, ignore=False), "count as another class"),
            "all three": (lambda *case: order(*case, tie=0, itself=True, ignore=False), "Three mistakes"),
            "turned": (lambda *case: 1 - order(*case), "Turn it around"),
            "means": (mean_difference, "difference of two mean similarities"),
            "percent": (lambda *case: 100 * order(*case), "These are percent"),
            "length": (
                lambda s, y, row, column: float((y == y[row, column]).sum()),
                "where",
            ),
            "in place": (order_in_place, "changes its argument `y`"),
            "by value": (order_by_value, "by its place"),
        },
    },
}
