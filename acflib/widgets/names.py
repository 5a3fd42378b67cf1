"""Where the name of each class fits into a class map: colors alone do not tell all readers."""

import numpy as np

from acflib.datasets.labels import IGNORE_INDEX

MAX_DEPTH = 40  # steps to a border; more is deep enough for any name
LONGEST = 256  # a larger map is looked at in steps


def name_places(labels: np.ndarray, smallest: int = 8) -> list[tuple[int, int, int]]:
    """For each class the pixel farthest from all others, in the largest of its areas.

    Distance is counted in steps up, down, left and right, after which another class or the border is met.

    Args:
        labels: class map, uint8 (H, W); 255 has no name.
        smallest: classes that reach no such depth are left out: there is no room. Of a map with a side above 256 pixels
            every second (third ...) pixel is looked at, and the steps are between those.

    Returns:
        (class, row, column) of each, the deepest first.
    """
    step = -(-max(labels.shape) // LONGEST)
    seen = labels[step // 2 :: step, step // 2 :: step]
    depth = depths(seen)
    found = []
    for label in np.unique(seen[seen != IGNORE_INDEX]):
        inside = np.where(seen == label, depth, 0)
        row, column = np.unravel_index(inside.argmax(), inside.shape)
        if inside[row, column] >= smallest:
            found.append((-int(inside[row, column]), int(label), int(row), int(column)))
    return [(label, row * step + step // 2, column * step + step // 2) for _, label, row, column in sorted(found)]


def depths(labels: np.ndarray) -> np.ndarray:
    """Steps from each pixel to the nearest one of another class, or out of the map: 1 at borders, at most MAX_DEPTH."""
    framed = np.pad(labels.astype(np.int16), 1, constant_values=-1)
    near = [framed[1:-1, :-2], framed[1:-1, 2:], framed[:-2, 1:-1], framed[2:, 1:-1]]  # left, right, above, below
    same = [other == labels for other in near]
    depth = np.ones(labels.shape, dtype=np.int16)
    inside = np.logical_and.reduce(same)
    while inside.any() and depth.max() < MAX_DEPTH:
        depth += inside
        around = np.pad(inside, 1)
        inside = inside & around[1:-1, :-2] & around[1:-1, 2:] & around[:-2, 1:-1] & around[2:, 1:-1]
    return depth
