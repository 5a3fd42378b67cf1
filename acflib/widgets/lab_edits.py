"""The ways to spoil, or to perfect, a coarse segmentation in the laboratory: functions of the class map P (N, h, w).

An edit is a small frozen value, and the edited map is the fold of all edits over the network's own P. So undo drops the
last edit, and reset drops all.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from acflib.errors import ConfigError
from acflib.functional import label_fractions, sum_to_one
from acflib.layers.alignment import CellGrid, map_size

MIN_TEMPERATURE, MAX_TEMPERATURE = 0.1, 10.0
MAX_RADIUS = 64.0
Point = tuple[float, float]


@dataclass(frozen=True)
class Stroke:
    """One stroke of the brush: the cells it covers belong to one class, with probability 1.

    Attributes:
        label: the class.
        radius: in pixels of the picture.
        points: rows and columns in the picture, pixels and their fractions; the stroke joins them by straight lines.
        number: tells the strokes of a view apart: further points of the same number continue the stroke.
    """

    label: int
    radius: float
    points: tuple[Point, ...]
    number: int = 0


@dataclass(frozen=True)
class Mix:
    """Two classes exchange a share of their probability: 0 nothing, 0.5 both become alike, 1 they swap."""

    first: int
    second: int
    share: float


@dataclass(frozen=True)
class Absent:
    """No pixel belongs to this class; the others of each pixel are scaled to sum 1."""

    label: int


@dataclass(frozen=True)
class Temperature:
    """P to the power 1/T, scaled to sum 1: below 1 sharper, above 1 flatter."""

    value: float


@dataclass(frozen=True)
class Truth:
    """The ground truth in place of P: the share of each cell that each class covers. With it Eq. 2 is Eq. 1."""


Edit = Stroke | Mix | Absent | Temperature | Truth


def add_edit(edits: tuple[Edit, ...], edit: Edit) -> tuple[Edit, ...]:
    """The edits with one more. A temperature replaces one right before it, a stroke goes on with one of its number."""
    last = edits[-1] if edits else None
    if isinstance(edit, Temperature) and isinstance(last, Temperature):
        return (*edits[:-1], edit)
    if isinstance(edit, Stroke) and isinstance(last, Stroke) and edit.number and edit.number == last.number:
        return (*edits[:-1], replace(last, points=last.points + edit.points))
    return (*edits, edit)


def edited_map(
    probabilities: Tensor, edits: Sequence[Edit], truth: np.ndarray | None, size: tuple[int, int] | CellGrid
) -> Tensor:
    """P after all edits, (N, h, w).

    Args:
        probabilities: of the network, (N, h, w).
        edits: in order.
        truth: labels of the picture, (H, W), for :class:`Truth`.
        size: height and width of the picture, for :class:`Stroke`; or, of a network with aligned corners, how its cells
            lie over the picture.
    """
    for edit in edits:
        probabilities = apply_edit(probabilities, edit, truth, size)
    return probabilities


def apply_edit(probabilities: Tensor, edit: Edit, truth: np.ndarray | None, size: tuple[int, int] | CellGrid) -> Tensor:
    """P after one edit; arguments as :func:`edited_map`.

    Raises:
        ConfigError: ground truth is asked for and there is none.
    """
    grid = size if isinstance(size, CellGrid) else CellGrid((size[0], size[1]), map_size(probabilities))
    if isinstance(edit, Truth):
        if truth is None:
            raise ConfigError("this picture has no ground truth to put in place of the coarse map")
        labels = torch.from_numpy(truth.astype(np.int64))[None]  # (1, H, W)
        return grid.average(label_fractions(labels, len(probabilities)))[0].to(probabilities)
    changed = probabilities.clone()
    if isinstance(edit, Stroke):
        covered = torch.from_numpy(covered_cells(edit.points, edit.radius, grid))
        changed[:, covered] = 0
        changed[edit.label, covered] = 1
    elif isinstance(edit, Mix):
        first, second = probabilities[edit.first], probabilities[edit.second]
        changed[edit.first] = (1 - edit.share) * first + edit.share * second
        changed[edit.second] = (1 - edit.share) * second + edit.share * first
    elif isinstance(edit, Absent):
        changed[edit.label] = 0
        changed = sum_to_one(changed)
    else:
        # From the largest of the pixel, so that no power underflows for all classes at once.
        largest = probabilities.amax(dim=0, keepdim=True)
        relative = probabilities / largest.masked_fill(largest == 0, 1.0)
        changed = sum_to_one(relative ** (1 / edit.value))
    return changed


def covered_cells(points: Sequence[Point], radius: float, grid: CellGrid) -> np.ndarray:
    """The cells that a stroke covers: those it passes through, and those with their middle within its radius.

    Args:
        points: (row, column) in the picture; 0.5 is the middle of the first pixel.
        radius: in pixels of the picture.
        grid: how the cells lie over the picture.

    Returns:
        bool (h, w).
    """
    cell_size = np.array(grid.steps)  # pixels of the picture, (2,)
    path = np.array(points, dtype=float).reshape(-1, 2)
    covered = np.zeros(grid.cells, dtype=bool)
    starts, ends = path[:-1], path[1:]
    if len(path) == 1:
        starts = ends = path
    middles = np.stack(np.meshgrid(*grid.centers(), indexing="ij"), axis=-1) + 0.5  # (h, w, 2)
    for start, end in zip(starts, ends, strict=True):
        step = end - start
        along = np.clip(((middles - start) @ step) / max(step @ step, 1e-12), 0, 1)  # (h, w)
        covered |= np.square(middles - start - along[..., None] * step).sum(-1) <= radius**2
        count = 1 + int(np.ceil(2 * np.abs(step / cell_size).max()))  # two samples a cell
        samples = start + np.linspace(0, 1, count + 1)[:, None] * step
        pixels = np.clip(np.floor(samples).astype(int), 0, np.array(grid.size) - 1)
        covered[grid.cell(pixels[:, 0], pixels[:, 1])] = True
    return covered


def describe_edit(edit: Edit, classes: Sequence[str]) -> str:
    """An edit in words."""
    if isinstance(edit, Stroke):
        return f"stroke of {classes[edit.label]}"
    if isinstance(edit, Mix):
        if edit.share == 1:
            return f"{classes[edit.first]} and {classes[edit.second]} swapped"
        return f"{classes[edit.first]} and {classes[edit.second]} mixed by {100 * edit.share:.0f} %"
    if isinstance(edit, Absent):
        return f"no {classes[edit.label]}"
    if isinstance(edit, Temperature):
        return f"temperature {edit.value:g}"
    return "ground truth as coarse"
