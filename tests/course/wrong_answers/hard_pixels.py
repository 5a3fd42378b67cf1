"""Answers to exercise 3 of lesson 05, which pixels count: right ones, wrong ones and their parts."""

import torch
import torch.nn.functional as F


def true_p(z, y):
    """The probability of the true class, infinity where ignored."""
    valid = y != 255
    p = z.softmax(1).gather(1, torch.where(valid, y, 0)[:, None])[:, 0]
    return torch.where(valid, p, torch.inf)


def lowest(p, k):
    mask = torch.zeros(p.numel(), dtype=torch.bool)
    mask[p.flatten().argsort()[:k]] = True
    return mask.view_as(p) & p.isfinite()


def hard(z, y, t, k):
    p = true_p(z, y)
    return (p < t) | lowest(p, k)


def hard_by_sorting(z, y, t, k):
    p = true_p(z, y)
    if (p < t).sum() >= k:
        return p < t
    rank = p.flatten().argsort(stable=True).argsort().view_as(p)
    return (rank < k) & p.isfinite()


def hard_of_losses(z, y, t, k):
    """Ignored pixels have the loss 0, so the probability 1, and take places where labeled ones have it too."""
    p = torch.exp(-F.cross_entropy(z, y, ignore_index=255, reduction="none"))
    mask = (p < t) if (p < t).sum() >= k else lowest(p, k)
    return mask & (y != 255)


def with_all_equal_ones(z, y, t, k):
    p = true_p(z, y)
    finite = p[p.isfinite()].sort().values
    if (finite < t).sum() >= k:
        return p < t
    return p <= finite[min(k, len(finite)) - 1]


def without_equal_ones(z, y, t, k):
    p = true_p(z, y)
    finite = p[p.isfinite()].sort().values
    return (p < t) | (p < torch.cat([finite, torch.tensor([9.0])])[min(k, len(finite))])


def at_places(places):
    """The right mask where enough pixels are labeled; ``places(p, k)``: of the lowest k among probabilities (M,)."""

    def answer(z, y, t, k):
        p = true_p(z, y)
        if (p < t).sum() >= k:
            return p < t
        mask, labeled = torch.zeros_like(y, dtype=torch.bool), p.isfinite()
        kept = torch.zeros(int(labeled.sum()), dtype=torch.bool)
        kept[places(p[labeled], k)] = True
        mask[labeled] = kept
        return mask

    return answer


def filled_up(z, y, t, k):
    """Ignored pixels take the places that no labeled one can."""
    p = true_p(z, y).flatten()
    mask = torch.zeros_like(p, dtype=torch.bool)
    mask[p.argsort(stable=True)[:k]] = True
    return mask.view_as(y) | (true_p(z, y) < t)


def keeping_ignored(z, y, t, k):
    p = z.softmax(1).gather(1, torch.where(y == 255, 0, y)[:, None])[:, 0]
    return (p < t) | lowest(p, k)


def of_best_class(z, y, t, k):
    p = torch.where(y == 255, torch.inf, z.softmax(1).amax(1))
    return (p < t) | lowest(p, k)
