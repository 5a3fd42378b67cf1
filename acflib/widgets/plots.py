"""What the widgets show, as static matplotlib figures: for pages without a kernel, for print, and for comparison."""

from collections.abc import Iterable

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from acflib.layers.alignment import CellGrid
from acflib.predict.pictures import color_labels
from acflib.similarity import principal_axes, project
from acflib.study.figures import class_legend
from acflib.widgets.attention_state import AttentionState, attention_pictures, shown_classes
from acflib.widgets.explorer_state import PINS, ExplorerState, color_range, layer_map, shown_layers
from acflib.widgets.lab_state import LabState
from acflib.widgets.lab_view import PRESENT, WhatIf, center_steps, mass_shares
from acflib.widgets.plot_names import Point, name_areas, name_points
from acflib.widgets.scene import Scene

WIDTH = 10.0  # inches
MAX_MAPS = 8  # of the attention figure: the classes with most probability


def explorer_figure(state: ExplorerState, scene: Scene) -> Figure:
    """Picture, ground truth and predictions, then the similarity maps of the pixel and of the pins (Fig. 5 and 6)."""
    layers = shown_layers(state, scene)
    rows = [("", state.pixel), *((name, pin) for name, pin in zip(PINS, state.pins, strict=True) if pin is not None)]
    maps = [[layer_map(layer, scene, pixel, state.smoothing) for layer in layers] for _, pixel in rows]
    low, high = color_range([values for group in maps for values in group], state.scale)
    still = {"picture": scene.picture.image, **class_pictures(scene)}
    columns = max(len(still), len(layers))
    figure = _figure(1 + len(rows), columns, scene, extra=0.9)
    axes = figure.subplots(1 + len(rows), columns, squeeze=False)
    for axis, (title, image) in zip(axes[0], still.items(), strict=False):
        axis.imshow(image, interpolation="nearest")
        axis.set_title(title, fontsize=10)
        for name, pixel in rows:
            _cross(axis, pixel, name)
    for line, (name, pixel), group in zip(axes[1:], rows, maps, strict=True):
        for axis, layer, values in zip(line, layers, group, strict=False):
            drawn = _map(axis, values, layer.grid, low, high, smooth=state.smoothing > 0)
            axis.set_title(f"{name}: {layer.title}" if name else layer.title, fontsize=10)
            _cross(axis, pixel, name)
    for axis in axes.flat:
        axis.axis("off")
    bar = figure.colorbar(drawn, ax=axes[1:], location="bottom", shrink=0.4, aspect=40, pad=0.03)
    bar.set_label("cosine similarity to the marked pixel")
    shown = list(class_maps(scene).values())
    _legend(figure, scene, shown)
    figure.draw_without_rendering()  # now all axes have their places
    for axis, labels in zip(axes[0, 1:], shown, strict=False):
        name_areas(axis, labels, scene.classes)
    return figure


def lab_figure(state: LabState, scene: Scene, edited: Tensor, result: WhatIf) -> Figure:
    """The edited coarse map, the fine result before and after, and the class centers in two dimensions."""
    figure = _figure(3, 2, scene, extra=1.2)
    axes = figure.subplots(3, 2)
    coarse = edited.argmax(dim=0).byte().masked_fill(edited.sum(dim=0) == 0, 255).numpy()
    changed = np.where((result.fine != scene.fine)[..., None], color_labels(result.fine, scene.colors), 225)
    panels = {
        "picture": scene.picture.image,
        "coarse map, edited": color_labels(scene.grid.spread(coarse), scene.colors),
        "fine result, before": color_labels(scene.fine, scene.colors),
        "fine result, after": color_labels(result.fine, scene.colors),
        "what changed in the fine result": changed.astype(np.uint8),
    }
    for axis, (title, image) in zip(axes.flat, panels.items(), strict=False):
        axis.imshow(image, interpolation="nearest")
        axis.set_title(title, fontsize=10)
        axis.axis("off")
        if title != "coarse map, edited":
            _cross(axis, state.pixel, "")
    places = _plane(axes[2, 1], state, scene, edited, result)
    _legend(figure, scene, [scene.fine, result.fine, coarse])
    figure.draw_without_rendering()  # now all axes have their places
    name_points(axes[2, 1], places)
    for axis, labels in zip(axes.flat[1:4], (scene.grid.spread(coarse), scene.fine, result.fine), strict=True):
        name_areas(axis, labels, scene.classes)
    return figure


def attention_figure(state: AttentionState, scene: Scene) -> Figure:
    """The attended feature, the class each pixel takes most from, and P of the classes with most probability."""
    pictures = attention_pictures(scene)
    assert scene.coarse is not None  # what attends has an ACF module
    numbers = shown_classes(state, scene)[:MAX_MAPS]
    rows = 1 + -(-len(numbers) // 4)
    figure = _figure(rows, 4, scene, extra=1.0)
    axes = figure.subplots(rows, 4, squeeze=False)
    first = {
        "picture": scene.picture.image,
        "coarse prediction": color_labels(scene.coarse, scene.colors),
        "center it takes most from": color_labels(scene.grid.spread(pictures["most_taken"]), scene.colors),
        "attended feature, false colors": scene.grid.spread(pictures["attended"]),
    }
    for axis, (title, image) in zip(axes[0], first.items(), strict=True):
        axis.imshow(image, interpolation="nearest")
        axis.set_title(title, fontsize=10)
        _cross(axis, state.pixel, "")
    for axis, number in zip(axes[1:].flat, numbers, strict=False):
        drawn = _map(axis, scene.probabilities[number].numpy(), scene.grid, 0, 1, smooth=False)
        axis.set_title(scene.classes[number], fontsize=10)
        _cross(axis, state.pixel, "")
    for axis in axes.flat:
        axis.axis("off")
    bar = figure.colorbar(drawn, ax=axes[1:], location="bottom", shrink=0.4, aspect=40, pad=0.03)
    bar.set_label("attention: the weight P of the class center")
    _legend(figure, scene, [scene.coarse, pictures["most_taken"]])
    figure.draw_without_rendering()
    for axis, labels in zip(axes[0, 1:], (scene.coarse, scene.grid.spread(pictures["most_taken"])), strict=False):
        name_areas(axis, labels, scene.classes)
    return figure


def class_maps(scene: Scene) -> dict[str, np.ndarray]:
    """The class maps that there are, by title."""
    fine = "fine prediction" if scene.coarse is not None else "prediction"
    found = {"ground truth": scene.picture.truth, "coarse prediction": scene.coarse, fine: scene.fine}
    return {title: labels for title, labels in found.items() if labels is not None}


def class_pictures(scene: Scene) -> dict[str, np.ndarray]:
    """:func:`class_maps` in the colors of the classes."""
    return {title: color_labels(labels, scene.colors) for title, labels in class_maps(scene).items()}


def _figure(rows: int, columns: int, scene: Scene, extra: float) -> Figure:
    panel = WIDTH / columns * scene.size[0] / scene.size[1] + 0.3  # inches, with its title
    return plt.figure(figsize=(WIDTH, rows * panel + extra), layout="constrained")


def _map(axis: Axes, values: np.ndarray, grid: CellGrid, low: float, high: float, smooth: bool):
    height, width = grid.size
    kind = "bilinear" if smooth else "nearest"
    (rows, columns), (down, right) = grid.centers(), grid.steps
    extent = (columns[0] - right / 2, columns[-1] + right / 2, rows[-1] + down / 2, rows[0] - down / 2)
    drawn = axis.imshow(values, vmin=low, vmax=high, cmap="viridis", interpolation=kind, extent=extent)
    axis.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5))
    return drawn


def _cross(axis: Axes, pixel: tuple[int, int], name: str) -> None:
    """A white cross with a black rim, seen on any color."""
    row, column = pixel
    axis.plot(column, row, "x", color="black", markersize=9, markeredgewidth=4)
    axis.plot(column, row, "x", color="white", markersize=8, markeredgewidth=1.8)
    if name:
        box = {"boxstyle": "round,pad=0.1", "facecolor": "black", "edgecolor": "none"}
        axis.annotate(name, (column, row), (7, -3), textcoords="offset points", color="white", fontsize=9, bbox=box)


def _plane(axis: Axes, state: LabState, scene: Scene, edited: Tensor, result: WhatIf) -> list[tuple[str, Point]]:
    """The class centers before (open) and after (filled), in the principal components of those before.

    Returns:
        Names and places of what is drawn, the most important first; "" for a place without a name.
    """
    before, after = scene.centers.cpu(), result.centers
    own, new = mass_shares(scene.probabilities), mass_shares(edited)
    present = [i for i, share in enumerate(own) if share >= PRESENT]
    shown = [i for i in range(len(own)) if max(own[i], new[i]) >= PRESENT]
    basis = principal_axes(before[present], 2)
    distances = center_steps(before, after, present)
    places = []
    for i in sorted(shown, key=lambda i: -distances[i]):
        (x0, y0), (x1, y1) = project(before[i][None], *basis)[0].tolist(), project(after[i][None], *basis)[0].tolist()
        color = np.array(scene.colors[i]) / 255
        axis.plot([x0, x1], [y0, y1], color="gray", linewidth=1)
        axis.plot(x0, y0, "o", markerfacecolor="none", markeredgecolor=color, markersize=7)
        axis.plot(x1, y1, "o", color=color, markeredgecolor="black", markeredgewidth=0.6, markersize=7)
        places += [(scene.classes[i], (x1, y1)), ("", (x0, y0))]
    x, y = project(scene.feature(state.pixel)[None], *basis)[0].tolist()
    axis.plot(x, y, "x", color="black", markersize=8, markeredgewidth=2)
    axis.set(xticks=[], yticks=[], xlabel="first component", ylabel="second component")
    axis.set_title("class centers before (open) and after (filled)", fontsize=10)
    axis.margins(0.12)
    return [("the pixel", (x, y)), *places]


def _legend(figure: Figure, scene: Scene, maps: Iterable[np.ndarray]) -> None:
    """The classes that occur, below the figure."""
    numbers = sorted(set().union(*(np.unique(labels).tolist() for labels in maps)) - {255})
    class_legend(figure, numbers, scene.classes, scene.colors, fontsize=9)
