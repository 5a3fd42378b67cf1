"""Which places of a map a dilated 3x3 convolution reads: the right ones, and those that mistakes of lesson 03 read."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

Steps = list[tuple[int, int]]


def nine(rates: Sequence[int]) -> Steps:
    """The nine steps (rows, columns) of each rate."""
    return [(a, b) for rate in rates for a in (-rate, 0, rate) for b in (-rate, 0, rate)]


def square(reach: int) -> Steps:
    """All steps of at most ``reach`` rows and columns."""
    return [(a, b) for a in range(-reach, reach + 1) for b in range(-reach, reach + 1)]


def mixed(rates: Sequence[int]) -> Steps:
    """The steps whose rows go by one rate and whose columns by any other."""
    steps = [0, *rates, *(-rate for rate in rates)]
    return [(down, across) for down in steps for across in steps]


def places(row: int, column: int, height: int, width: int, steps: Steps) -> Tensor:
    """Bool (height, width): True at each step from (row, column) that lies on the map."""
    seen = torch.zeros(height, width, dtype=torch.bool)
    for a, b in steps:
        if 0 <= row + a < height and 0 <= column + b < width:
            seen[row + a, column + b] = True
    return seen


def read(row: int, column: int, height: int, width: int, rates: Sequence[int]) -> Tensor:
    """Bool (height, width): what an ASPP pixel at (row, column) reads."""
    return places(row, column, height, width, nine(rates))


def read_moved(
    row: int, column: int, height: int, width: int, rates: Sequence[int], move: Callable[[int, int], int]
) -> Tensor:
    """As :func:`read`, but places outside are moved inside by ``move(place, side)``."""
    seen = torch.zeros(height, width, dtype=torch.bool)
    for a, b in nine(rates):
        seen[move(row + a, height), move(column + b, width)] = True
    return seen


def edges(height: int, width: int) -> Tensor:
    """True in row 0 and column 0."""
    return (torch.arange(height)[:, None] == 0) | (torch.arange(width) == 0)
