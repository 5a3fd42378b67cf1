"""Inputs for the exercises of lesson 02: class centers, class maps, and what comes with them."""

import torch

from acflib.course.checks.judge import Case, distinct_sizes


def centers_and_maps(random: torch.Generator) -> Case:
    """Centers (B, N, C) and probabilities (B, N, H, W)."""
    b, n, c, h, w = distinct_sizes(random, 5)
    logits = 2 * torch.randn(b, n, h, w, generator=random, dtype=torch.float64)
    return torch.randn(b, n, c, generator=random, dtype=torch.float64) + 1, logits.softmax(1)


def centers_maps_and_weight(random: torch.Generator) -> Case:
    """C is larger than N and O: so a convolution at each pixel shows in the size of a tensor."""
    b, n, o = distinct_sizes(random, 3, low=2, high=6)
    c, h, w = distinct_sizes(random, 3, low=8, high=14)
    logits = 2 * torch.randn(b, n, h, w, generator=random, dtype=torch.float64)
    weight = torch.randn(o, n * c, 1, 1, generator=random, dtype=torch.float64)
    return torch.randn(b, n, c, generator=random, dtype=torch.float64) + 1, logits.softmax(1), weight


def centers_maps_and_k(random: torch.Generator) -> Case:
    """k is at least 2, and at least one class is dropped."""
    b, n, c, h, w = distinct_sizes(random, 5, low=4, high=9)
    logits = 2 * torch.randn(b, n, h, w, generator=random, dtype=torch.float64)
    k = int(torch.randint(2, n, (1,), generator=random))
    return torch.randn(b, n, c, generator=random, dtype=torch.float64) + 1, logits.softmax(1), k


def with_absent_class(cases: list[Case]) -> dict[str, Case]:
    """The first case with class 0 absent: its center and its probability are 0."""
    centers, probabilities, *rest = cases[0]
    centers, probabilities = centers.clone(), probabilities.clone()
    centers[:, 0], probabilities[:, 0] = 0, 0
    return {
        "An absent class has the center 0 and the probability 0 everywhere. Divide by neither, and let it count 0.": (
            centers,
            probabilities / probabilities.sum(1, keepdim=True),
            *rest,
        )
    }


def many_classes() -> Case:
    """So many classes, and pixels, that a loop over either shows in the number of operations."""
    return torch.ones(2, 40, 3, dtype=torch.float64), torch.full((2, 40, 6, 7), 1 / 40, dtype=torch.float64)


def many_pixels() -> Case:
    """Two classes, and so many rows that a loop over them or over the pixels shows in the number of operations."""
    centers, weight = torch.ones(1, 2, 3, dtype=torch.float64), torch.ones(4, 6, 1, 1, dtype=torch.float64)
    return centers, torch.full((1, 2, 80, 82), 1 / 2, dtype=torch.float64), weight


def equal_classes() -> Case:
    """Classes 1 to 3 are equally probable, and have one center: which of them is kept does not show, how many does."""
    centers = torch.tensor([[[1.0, -2.0], [4.0, 3.0], [4.0, 3.0], [4.0, 3.0]]], dtype=torch.float64)
    probabilities = torch.tensor([0.4, 0.2, 0.2, 0.2], dtype=torch.float64).view(1, 4, 1, 1)
    return centers, probabilities.repeat(1, 1, 2, 3), 2
