"""Names beside points and inside the areas of a class map, where there is room: for readers who see no colors."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke
from matplotlib.transforms import Bbox

from acflib.widgets.names import name_places

Point = tuple[float, float]
NAME_PLACES = (  # beside a point: offset in points, and how the name is aligned there
    ((6, 0), ("left", "center")),
    ((-6, 0), ("right", "center")),
    ((0, 6), ("center", "bottom")),
    ((0, -6), ("center", "top")),
    ((5, 4), ("left", "bottom")),
    ((5, -4), ("left", "top")),
    ((-5, 4), ("right", "bottom")),
    ((-5, -4), ("right", "top")),
)


def name_points(axis: Axes, places: list[tuple[str, Point]]) -> None:
    """Write each name beside its point where it covers nothing; one that finds no room stays away."""
    frame = axis.get_window_extent()
    at = axis.transData.transform([place for _, place in places])
    boxes = [Bbox.from_bounds(x - 5, y - 5, 10, 10) for x, y in at]
    for name, place in places:
        for offset, side in NAME_PLACES:
            text = axis.annotate(name, place, offset, textcoords="offset points", fontsize=8, ha=side[0], va=side[1])
            box = text.get_window_extent()
            inside = frame.contains(box.x0, box.y0) and frame.contains(box.x1, box.y1)
            if name and inside and not any(box.overlaps(other) for other in boxes):
                boxes.append(box)
                break
            text.remove()


def name_areas(
    axis: Axes, labels: np.ndarray, classes: Sequence[str], corner: tuple[int, int] = (0, 0), smallest: int = 8
) -> None:
    """Write the names of the classes into the areas of a class map (H, W) that ``axis`` shows.

    What is drawn on the axis already, such as crosses, stays free. Call it after the figure was laid out.

    Args:
        corner: row and column where the map begins on the axis, for a part of a larger one.
        smallest: see :func:`acflib.widgets.names.name_places`.
    """
    marks = [axis.transData.transform(line.get_xydata()) for line in axis.lines]
    boxes = [Bbox.from_bounds(x - 8, y - 8, 16, 16) for places in marks for x, y in places]
    boxes += [text.get_window_extent() for text in axis.texts]
    for label, row, column in name_places(labels, smallest):
        rim = [withStroke(linewidth=1.6, foreground="black")]
        style: dict[str, Any] = {"color": "white", "fontsize": 7, "path_effects": rim}
        side, x = beside_border(column, labels.shape[1])
        text = axis.text(corner[1] + x, corner[0] + row, classes[label], ha=side, va="center", **style)
        box = text.get_window_extent()
        if any(box.overlaps(other) for other in boxes):
            text.remove()
        else:
            boxes.append(box)


def beside_border(column: int, width: int) -> tuple[str, float]:
    """How a name at a column is aligned, and where, so that it does not leave a picture of this width."""
    if column < 0.15 * width:
        return "left", 0.01 * width
    if column > 0.85 * width:
        return "right", 0.99 * width
    return "center", column
