"""Who sees whom through class centers: the table of lesson 03, exercise 3, right and where a class is absent."""

import torch
from torch import Tensor

from acflib.course.checks.judge import Answer

HARDLY_THERE = (
    "A class may be hardly there: its sum of P over the pixels may lie far below 1. clamp(min=1) or clamp(min=0.1), a "
    "number added to the sum, or a threshold such as sum > 0.001, makes such a class too weak. Protect the sum 0 alone."
)


def over_pixels(maps: Tensor) -> Tensor:
    """(B, N, HW), each class divided by its sum over the pixels; 0 where that is 0."""
    mass = maps.sum(2, keepdim=True)  # (B, N, HW) -> (B, N, 1)
    return maps / mass.masked_fill(mass == 0, torch.inf)


def who_sees_whom(center: Tensor, attention: Tensor) -> Tensor:
    """A of two class maps (B, N, H, W)."""
    return product(over_pixels(center.flatten(2)), attention.flatten(2))


def without_a_class() -> dict[str, Answer]:
    """Message -> a mistake that shows only where a class is absent from the first map."""
    return {
        "You scale the rows of the table once more. A row sums to less than 1 where its pixel listens to a class that "
        "is absent: leave it so.": lambda c, a: who_sees_whom(c, a) / who_sees_whom(c, a).sum(2, keepdim=True),
        "An absent class hands out the mean of all pixels. It makes no center, so it hands out 0.": (
            lambda c, a: product(_or_all_pixels(c.flatten(2)), a.flatten(2))
        ),
        "Where a class is absent your table looks at all pixels alike. The other classes count as before.": (
            lambda c, a: torch.where(
                (c.sum((2, 3)) == 0).any(1)[:, None, None], 1 / c[0, 0].numel(), who_sees_whom(c, a)
            )
        ),
        "Where a class is absent your table is 0 everywhere. The other classes count as before.": (
            lambda c, a: who_sees_whom(c, a) * (c.sum((2, 3)) > 0).all(1)[:, None, None]
        ),
    }


def _or_all_pixels(maps: Tensor) -> Tensor:
    """As :func:`over_pixels`, but the mean of all pixels where the sum is 0."""
    return torch.where(maps.sum(2, keepdim=True) == 0, 1 / maps.shape[2], over_pixels(maps))


def product(gather: Tensor, hand_out: Tensor) -> Tensor:
    """The table (B, HW, HW) of two class maps (B, N, HW): the first makes the centers, the second hands them out."""
    return hand_out.mT @ gather  # (B, HW, N) @ (B, N, HW)


def class_0(maps: Tensor, mass: float) -> Tensor:
    """Factors (B, N, 1, 1) that bring the sum of class 0 over the pixels to ``mass``, and leave the others."""
    factor = torch.ones_like(maps[:, :, :1, :1])
    factor[:, 0, 0, 0] = mass / maps[:, 0].sum((1, 2))
    return factor
