"""Wrong answers to the exercises of lesson 10, and right ones."""

import torch


def net(coarse, fine, truth, n, by=None):
    by = truth if by is None else by
    found = [0] * n
    for c, f, t, i in zip(*(each.flatten().tolist() for each in (coarse, fine, truth, by)), strict=True):
        if t != 255:
            found[i] += int(f == t) - int(c == t)
    return torch.tensor(found)


def per_class(pixels, truth, n):
    return torch.stack([(pixels & (truth == i)).sum() for i in range(n)])


def fixed(c, t, f):
    return (c != t) & (f == t)


def changed(c, f, t, n):
    return per_class((c != f) & (f == t), t, n) - per_class((c != f) & (f != t), t, n)


def present_classes(c, f, t, n):
    return net(c, f, t, n)[t.unique()[:-1]]  # the last one is 255


def net_in_place(c, f, t, n):
    result = net(c, f, t, n)
    t[t == 255] = n
    return result


def swapped(P, a, b):
    order = torch.arange(P.shape[1])
    order[[a, b]] = order[[b, a]]
    return P[:, order]


def with_clone(P, a, b):
    Q = P.clone()
    Q[:, a], Q[:, b] = P[:, b], P[:, a]
    return Q


def through_a_view(P, a, b):
    Q = P.clone()
    Q[:, a], Q[:, b] = Q[:, b], Q[:, a]
    return Q


def one_by_one(P, a, b):
    Q = P.clone()
    Q[:, b] = Q[:, a]
    Q[:, a] = Q[:, b]
    return Q


def in_place(P, a, b):
    P[:, [a, b]] = P[:, [b, a]]
    return P


def in_pieces(P, a, b):
    return torch.cat([P[:, :a], P[:, b : b + 1], P[:, a + 1 : b], P[:, a : a + 1], P[:, b + 1 :]], 1)


def one_way(P, a, b):
    Q = P.clone()
    Q[:, b] = P[:, a] + P[:, b]
    Q[:, a] = 0
    return Q


def swap_on(axis):
    def swap(P, a, b):
        Q = P.clone().movedim(axis, 0)
        Q[[a, b]] = Q[[b, a]]
        return Q.movedim(0, axis)

    return swap


def picked(gains, k):
    order = sorted(range(len(gains)), key=lambda i: (-gains[i].item(), i))
    worst = sorted(range(len(gains)), key=lambda i: (gains[i].item(), i))
    return torch.tensor(order[:k]), torch.tensor(worst[:k])


def one_after_another(gains, k):
    best, worst = [], picked(gains, k)[1]
    for _ in range(k):
        best.append(int(gains.argmax()))
        gains[best[-1]] = -torch.inf
    return torch.tensor(best), worst


def largest_changes(gains, k):
    return gains.abs().argsort(descending=True, stable=True)[:k], picked(gains, k)[1]


def dull_ones(gains, k):
    return picked(gains, k)[0], gains.abs().argsort(stable=True)[:k]


def best_last(gains, k):
    order = sorted(range(len(gains)), key=lambda i: (-gains[i].item(), i))
    return torch.tensor(order[:k]), torch.tensor(order[k : 2 * k])


def last_equal(gains, k):
    order = sorted(range(len(gains)), key=lambda i: (-gains[i].item(), -i))
    worst = sorted(range(len(gains)), key=lambda i: (gains[i].item(), -i))
    return torch.tensor(order[:k]), torch.tensor(worst[:k])


def equals_inside(gains, k):
    """Right at both ends; two equal gains further inside are exchanged."""
    good, bad = picked(gains, k)
    for place in range(4, k - 1):
        if gains[good[place]] == gains[good[place + 1]]:
            good[[place, place + 1]] = good[[place + 1, place]]
            break
    return good, bad


def one_class(P, i):
    return torch.nn.functional.one_hot(torch.tensor(i), P.shape[1]).view(1, -1, 1, 1)


def shrunk_everywhere(P, mask, i, share):
    Q = P * (1 - share)
    Q[:, i] += share * mask
    return Q


def equal_parts(P, mask, i, share):
    Q = P.clone()
    for b, row, column in mask.nonzero().tolist():
        Q[b, :, row, column] = (1 - share) / (P.shape[1] - 1)
        Q[b, i, row, column] = share
    return Q


def exactly(P, mask, i, share):
    Q = P.clone()
    for b, row, column in mask.nonzero().tolist():
        Q[b, i, row, column] = 0
        Q[b, :, row, column] *= (1 - share) / Q[b, :, row, column].sum()
        Q[b, i, row, column] = share
    return Q


def divided(P, mask, i, share):
    Q = added(P, mask, i, share)
    return Q / Q.sum(dim=1, keepdim=True)


def painted(P, mask, i, share):
    Q = P.clone()
    for b, row, column in mask.nonzero().tolist():
        Q[b, :, row, column] *= 1 - share
        Q[b, i, row, column] += share
    return Q


def by_where(P, mask, i, share):
    return torch.where(mask[:, None], (1 - share) * P + share * one_class(P, i), P)


def added(P, mask, i, share):
    Q = P.clone()
    Q[:, i] += share * mask
    return Q


def only_set(P, mask, i, share, shrink=1.0):
    Q = torch.where(mask[:, None], shrink * P, P)
    Q[:, i] = torch.where(mask, share, Q[:, i])
    return Q


def painted_in_place(P, mask, i, share):
    P *= torch.where(mask, 1 - share, 1.0)[:, None]
    P[:, i] += share * mask
    return P


ANSWERS = {
    "net_by_class": {
        "right": [net, lambda c, f, t, n: per_class(f == t, t, n) - per_class(c == t, t, n)],
        "mistakes": {
            "sign": (lambda *case: -net(*case), "sign is wrong"),
            "fixed": (lambda c, f, t, n: per_class(fixed(c, t, f), t, n), "fixed pixels alone"),
            "added": (
                lambda c, f, t, n: per_class(fixed(c, t, f), t, n) + per_class(fixed(f, t, c), t, n),
                "You add fixed and broken",
            ),
            "fine": (lambda c, f, t, n: net(c, f, t, n, by=f), "class of the fine result"),
            "coarse": (lambda c, f, t, n: net(c, f, t, n, by=c), "class of the coarse result"),
            "changed": (changed, "all changed pixels"),
            "255": (lambda c, f, t, n: net(c, f, torch.where(t == 255, n - 1, t), n), "ignored pixels"),
            "right": (lambda c, f, t, n: per_class(f == t, t, n), "right fine pixels"),
            "tenths": (lambda *case: net(*case) / 10, "where"),
            "present classes": (present_classes, "Classes 2 and 4 do not occur"),
            "in place": (net_in_place, "changes its argument `t`"),
            "floats": (lambda *case: net(*case).double(), "torch.float64. Whole numbers"),
        },
    },
    "swap_classes": {
        "right": [swapped, with_clone],
        "mistakes": {
            "view": (through_a_view, "map of b"),
            "one by one": (one_by_one, "map of a"),
            "nothing": (lambda P, a, b: P.clone(), "Nothing"),
            "images": (swap_on(0), "dim 0"),
            "rows": (swap_on(2), "dim 2"),
            "columns": (swap_on(3), "dim 3"),
            "one way": (one_way, "A swap is both ways"),
            "in place": (in_place, "changes its argument `P`"),
            "in pieces": (in_pieces, "may be larger than"),
        },
    },
    "good_and_bad": {
        "right": [picked, lambda g, k: (g.sort(descending=True, stable=True)[1][:k], g.sort(stable=True)[1][:k])],
        "mistakes": {
            "absolute": (largest_changes, "either sign"),
            "dull": (dull_ones, "little happens"),
            "swapped": (lambda g, k: picked(g, k)[::-1], "Good and bad are swapped"),
            "order": (lambda g, k: (picked(g, k)[0], picked(g, k)[1].flip(0)), "the worst first"),
            "equals": (last_equal, "stable sort"),
            "topk": (lambda g, k: (g.topk(k).indices, (-g).topk(k).indices), "topk promises no order"),
            "argsort": (lambda g, k: (g.sort(descending=True)[1][:k], g.sort()[1][:k]), "argsort promises no order"),
            "the end turned": (
                lambda g, k: (picked(g, k)[0], g.argsort(descending=True, stable=True)[-k:].flip(0)),
                "from the smallest up",
            ),
            "the end turned up": (
                lambda g, k: (g.argsort(stable=True).flip(0)[:k], picked(g, k)[1]),
                "from the largest down",
            ),
            "equals inside": (equals_inside, "inside the lists, too"),
            "next": (best_last, "continues the first"),
            "gains": (lambda g, k: tuple(g[part] for part in picked(g, k)), "Asked are their positions"),
            "all": (lambda g, k: picked(g, len(g)), "must be"),
            "floats": (lambda g, k: tuple(part.double() for part in picked(g, k)), "torch.float64. Whole numbers"),
            "in place": (one_after_another, "changes its argument `gains`"),
            "no scene twice": (lambda g, k: tuple(p[: len(g) - 1] for p in picked(g, k)), "All scenes are asked for"),
            "from 1": (lambda g, k: tuple(part + 1 for part in picked(g, k)), "value 1 of 2"),
        },
    },
    "mixed_probs": {
        "right": [painted, by_where],
        "mistakes": {
            "added": (added, "no longer sum to 1"),
            "shrunk everywhere": (shrunk_everywhere, "All of the old probabilities shrink"),
            "0 outside": (lambda P, m, i, s: painted(P, m, i, s) * m[:, None], "your result is 0"),
            "1 on top": (lambda P, m, i, s: painted(P, m, i, s) + (1 - s) * one_class(P, i) * m[:, None], "1 on top"),
            "raised": (lambda P, m, i, s: P.maximum(s * one_class(P, i) * m[:, None]), "raised to share"),
            "equal parts": (equal_parts, "get equal parts"),
            "shrunk": (lambda P, m, i, s: torch.where(m[:, None], (1 - s) * P, P), "gets nothing"),
            "everywhere": (lambda P, m, i, s: painted(P, m | True, i, s), "mask is not used"),
            "outside": (lambda P, m, i, s: painted(P, ~m, i, s), "mask is used the wrong way"),
            "all of it": (lambda P, m, i, s: painted(P, m, i, 1), "share is not used"),
            "1 - share": (lambda P, m, i, s: painted(P, m, i, 1 - s), "share is used the wrong way"),
            "set": (only_set, "keep all of theirs"),
            "set and shrunk": (lambda P, m, i, s: only_set(P, m, i, s, 1 - s), "keep its part"),
            "exactly": (exactly, "has exactly share"),
            "others stay": (lambda P, m, i, s: only_set(P, m, i, s + (1 - s) * P[:, i]), "Only class cls shrinks"),
            "divided": (divided, "divide by 1 + share"),
            "in place": (painted_in_place, "changes its argument `P`"),
        },
    },
}
