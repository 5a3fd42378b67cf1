"""What a feature map says about one pixel: cosine similarity maps (the paper's Fig. 5 and 6) and what goes with them.

Everything here is a pure function of tensors or arrays; :mod:`acflib.widgets` paints the results. One picture at a
time: features are (C, h, w), class maps (N, h, w), class centers (N, C), label maps (H, W).
"""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from acflib.errors import ConfigError
from acflib.functional import IGNORE_INDEX
from acflib.layers.alignment import CellGrid, map_size

WRONG_KINDS = ("corrected", "broken")


def unit_features(features: Tensor) -> Tensor:
    """Scale the feature of each pixel to length 1. A zero feature stays zero, and is similar to nothing.

    Args:
        features: (C, h, w), any floating dtype.

    Returns:
        float32 or float64, (C, h, w).

    Raises:
        ConfigError: unless there are three dimensions.
    """
    if features.dim() != 3:
        raise ConfigError(f"features must be (C, h, w), those of one picture, got {tuple(features.shape)}")
    wide = features.to(torch.promote_types(features.dtype, torch.float32))
    return F.normalize(wide, dim=0, eps=torch.finfo(wide.dtype).tiny)


def similarity_map(units: Tensor, row: int, column: int) -> Tensor:
    """The cosine similarity of every pixel to one pixel (Fig. 5 and 6).

    Args:
        units: from :func:`unit_features`, (C, h, w). Scaling once and asking often is what makes a click quick.
        row, column: the pixel, in the feature map.

    Returns:
        (h, w), -1 to 1; 1 at the pixel itself, unless its feature is zero.

    Raises:
        ConfigError: if the pixel is outside.
    """
    check_pixel(row, column, map_size(units))
    pixels = units.flatten(1)  # (C, h, w) -> (C, hw)
    found = units[:, row, column] @ pixels  # (C,) @ (C, hw) -> (hw,)
    return found.clamp(-1, 1).unflatten(0, units.shape[-2:])  # (hw,) -> (h, w)


def cosine_similarity_map(features: Tensor, row: int, column: int) -> Tensor:
    """:func:`similarity_map` of features (C, h, w) of any length."""
    return similarity_map(unit_features(features), row, column)


def similarity_to_centers(feature: Tensor, centers: Tensor) -> Tensor:
    """The cosine similarity of one pixel to each class center: (C,) and (N, C) -> (N,). 0 for an absent class."""
    if centers.dim() != 2 or feature.shape != centers.shape[1:]:
        raise ConfigError(
            f"the feature must be (C,) and the centers (N, C), got {tuple(feature.shape)} and {tuple(centers.shape)}"
        )
    tiny = torch.finfo(centers.dtype).tiny
    return F.normalize(centers, dim=1, eps=tiny) @ F.normalize(feature, dim=0, eps=tiny)


def smooth_map(values: Tensor, sigma: float) -> Tensor:
    """Smooth a map with a Gaussian of ``sigma`` cells; 0 leaves it as it is.

    At the border the weights that fall outside are left out and the rest is scaled to sum 1, so that a constant map
    stays constant.

    Args:
        values: (h, w).
        sigma: standard deviation, in cells of the map.

    Raises:
        ConfigError: if sigma is negative or not finite.
    """
    if not 0 <= sigma < math.inf:
        raise ConfigError(f"smoothing must be a number of cells of at least 0, got {sigma}")
    if sigma == 0:
        return values
    return _gaussian(values.shape[0], sigma, values) @ values @ _gaussian(values.shape[1], sigma, values).T


def _gaussian(length: int, sigma: float, like: Tensor) -> Tensor:
    """Row i holds the weights of all positions for position i, (length, length)."""
    position = torch.arange(length, dtype=like.dtype, device=like.device)
    return (-((position[:, None] - position) ** 2) / (2 * sigma**2)).softmax(dim=1)


def cell_of_pixel(
    row: int,
    column: int,
    picture: tuple[int, int],
    cells: tuple[int, int],
    align_corners: bool = False,
    stride: int | None = None,
) -> tuple[int, int]:
    """The cell of a feature map that a pixel of the picture falls on, nearest in the sense of the network's upsampling.

    Args:
        row, column: the pixel.
        picture: height and width of the picture.
        cells: height and width of the feature map.
        align_corners: as in the network. False: each cell covers an equal part of the picture. True: cell j lies on
            pixel ``stride * j``.
        stride: pixels from one cell to the next, ``ACFNet.stride``; None: the centers of the corner cells lie on the
            corner pixels.

    Raises:
        ConfigError: if the pixel is outside the picture.
    """
    check_pixel(row, column, picture)
    return CellGrid(picture, cells, align_corners, stride).cell(row, column)


def check_pixel(row: int, column: int, size: tuple[int, int]) -> None:
    """Raise ConfigError unless the pixel lies in a picture of ``size`` = (height, width)."""
    for name, place, length in (("row", row, size[0]), ("column", column, size[1])):
        if not 0 <= place < length:
            raise ConfigError(f"{name} {place} is outside: the {name}s go from 0 to {length - 1}")


def principal_axes(points: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The directions in which points spread most (principal component analysis).

    The sign of an axis is arbitrary; here its entry of largest magnitude is positive, so that a picture made of them is
    the same every time.

    Args:
        points: (n, C), n at least 1.
        count: number of axes.

    Returns:
        The mean (C,) and the axes (count, C), of length 1 and at right angles, largest spread first. Where the points
        spread in fewer directions than ``count``, the axes left over are zero.

    Raises:
        ConfigError: if there are no points.
    """
    if points.dim() != 2 or len(points) == 0:
        raise ConfigError(f"points must be (n, C) with n at least 1, got {tuple(points.shape)}")
    wide = points.double()
    mean = wide.mean(dim=0)
    centered = wide - mean
    if len(centered) > centered.shape[1]:  # the smaller square matrix of the two has the same axes
        values, vectors = torch.linalg.eigh(centered.T @ centered)  # (C,), (C, C), smallest first
        axes = vectors.T.flip(0)  # (C, C), one axis a row
    else:
        values, vectors = torch.linalg.eigh(centered @ centered.T)  # (n,), (n, n)
        axes = F.normalize(vectors.T.flip(0) @ centered, dim=1, eps=1e-300)  # (n, n) @ (n, C) -> (n, C)
    spread = values.flip(0).clamp_min(0)[:count]
    axes = axes[:count] * (spread > 1e-12 * spread[:1].clamp_min(1e-300))[:, None]
    largest = axes.gather(1, axes.abs().argmax(dim=1, keepdim=True))  # (count, 1)
    axes = axes * torch.where(largest < 0, -1.0, 1.0)
    axes = F.pad(axes, (0, 0, 0, count - len(axes)))  # (fewer, C) -> (count, C)
    return mean.to(points.dtype), axes.to(points.dtype)


def project(points: Tensor, mean: Tensor, axes: Tensor) -> Tensor:
    """Coordinates along principal axes: (n, C) -> (n, count)."""
    return (points - mean) @ axes.T


def feature_picture(features: Tensor) -> np.ndarray:
    """A feature map as a picture: red, green and blue are its first three principal components.

    Each component is stretched so that its 1st and 99th percentile become 0 and 255. Similar colors mean similar
    features; the colors themselves mean nothing, and are not comparable between pictures.

    Args:
        features: (C, h, w).

    Returns:
        uint8 (h, w, 3).
    """
    pixels = features.flatten(1).T  # (C, h, w) -> (C, hw) -> (hw, C)
    components = project(pixels, *principal_axes(pixels, 3)).double()  # (hw, 3)
    low, high = (torch.quantile(components, q, dim=0) for q in (0.01, 0.99))
    width = high - low
    scaled = torch.where(width > 0, (components - low) / width.clamp_min(1e-300), 0.5).clamp(0, 1)
    return (255 * scaled).round().byte().view(*features.shape[-2:], 3).cpu().numpy()  # (hw, 3) -> (h, w, 3)


def taken_shares(centers: Tensor, probabilities: Tensor, variant: str = "sum") -> Tensor:
    """How much of each pixel's attended feature comes from each class center.

    In Eq. 3 the attended feature is ``a = sum_i P_i c_i``. Its squared length splits into one part a class, ``a.a =
    sum_i P_i c_i.a``; these parts, divided by ``a.a``, are the shares. They sum to 1. A share differs from the weight
    P_i: a short center gives little, and one that points away from the rest takes something back (a share below 0). In
    Eq. 5 the classes have places of their own, so the parts are ``P_i^2 c_i.c_i``.

    Args:
        centers: (N, C).
        probabilities: (N, h, w).
        variant: "sum" (Eq. 3) or "concat" (Eq. 5).

    Returns:
        (N, h, w); 0 everywhere at a pixel whose attended feature is zero.

    Raises:
        ConfigError: for another variant.
    """
    weights = probabilities.to(centers.dtype)
    if variant == "sum":
        attended = torch.einsum("nc,nhw->chw", centers, weights)  # Eq. 3
        parts = weights * torch.einsum("nc,chw->nhw", centers, attended)
    elif variant == "concat":
        parts = weights.square() * centers.square().sum(dim=1)[:, None, None]
    else:
        raise ConfigError(f'variant must be "sum" or "concat", got {variant!r}')
    total = parts.sum(dim=0)  # (h, w), the squared length of the attended feature
    return parts / total.masked_fill(total <= 0, torch.inf)


def most_taken_class(centers: Tensor, probabilities: Tensor, variant: str = "sum") -> Tensor:
    """The class whose center each pixel takes most from, int64 (h, w); arguments as :func:`taken_shares`."""
    return taken_shares(centers, probabilities, variant).argmax(dim=0)


def wrong_pixels(
    kind: str, coarse: np.ndarray, fine: np.ndarray, truth: np.ndarray, grid: tuple[int, int] | CellGrid
) -> list[tuple[int, int]]:
    """Where coarse and fine differ in being right, one pixel for each cell of a grid.

    Neighboring wrong pixels tell the same story, so each cell gives the one that lies nearest to its middle. The cell
    with most such pixels comes first; among equals, the upper left one.

    Args:
        kind: "corrected" (coarse wrong, fine right) or "broken" (coarse right, fine wrong).
        coarse, fine, truth: class maps (H, W); ignored pixels of the truth (255) do not count.
        grid: rows and columns of the grid, which parts the picture equally; or the grid of a feature map,
            ``ACFNet.grid``.

    Returns:
        (row, column) of each.

    Raises:
        ConfigError: for another kind.
    """
    if kind not in WRONG_KINDS:
        raise ConfigError(f"kind must be one of {', '.join(WRONG_KINDS)}, got {kind!r}")
    grid = grid if isinstance(grid, CellGrid) else CellGrid(truth.shape, (grid[0], grid[1]))
    right, wrong = (fine, coarse) if kind == "corrected" else (coarse, fine)
    rows, columns = np.nonzero((truth != IGNORE_INDEX) & (right == truth) & (wrong != truth))
    cell_rows, cell_columns = grid.cell(rows, columns)
    cells = cell_rows * grid.cells[1] + cell_columns
    counts = np.bincount(cells, minlength=grid.cells[0] * grid.cells[1])
    middle_rows, middle_columns = grid.centers()
    off_row = (rows - middle_rows[cell_rows]) / grid.steps[0]
    off_column = (columns - middle_columns[cell_columns]) / grid.steps[1]
    order = np.lexsort((columns, rows, np.round(off_row**2 + off_column**2, 9), cells, -counts[cells]))
    _, first = np.unique(cells[order], return_index=True)
    return [(int(rows[i]), int(columns[i])) for i in order[np.sort(first)]]


def next_wrong_pixel(pixels: list[tuple[int, int]], current: tuple[int, int]) -> tuple[int, int] | None:
    """The pixel after ``current`` in a list of :func:`wrong_pixels`; the first one after the last, or from elsewhere.

    None if the list is empty.
    """
    if not pixels:
        return None
    place = pixels.index(current) + 1 if current in pixels else 0
    return pixels[place % len(pixels)]
