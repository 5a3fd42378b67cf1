"""Static figures (matplotlib): the training curve, and the legend of a class map."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.patches import Patch

from acflib.datasets.labels import CITYSCAPES_CLASSES, CITYSCAPES_COLORS
from acflib.engine.files import replacing
from acflib.engine.runlog import read_csv

# Okabe and Ito's colors: told apart with any kind of color vision.
BLUE, ORANGE, GREEN, GRAY = "#0072B2", "#D55E00", "#009E73", "#666666"


def training_curve(folder: Path) -> Figure:
    """Loss and learning rate, and mIoU on the validation set, over the iterations of a run.

    Args:
        folder: of the run, with ``log.csv`` and ``evaluation.csv``.
    """
    log, evaluation = read_csv(folder / "log.csv"), read_csv(folder / "evaluation.csv")
    # One curve is of one split, the last; rows of an older acflib do not tell theirs.
    evaluation = [row for row in evaluation if row.get("split") in (None, "", evaluation[-1].get("split"))]
    figure = Figure(figsize=(12, 3.6), layout="constrained")
    losses, rate, scores = figure.subplots(1, 3)
    styles = (("fine", BLUE, "-"), ("coarse", ORANGE, "--"), ("aux", GREEN, ":"))
    for name, color, line in styles:
        points = [(int(row["iteration"]), float(row[name])) for row in log if row[name]]
        if points:
            losses.plot(*zip(*points, strict=True), line, color=color, label=name)
    losses.set(title="Training loss", ylabel="class-balanced cross entropy", ylim=(0, None))
    rate.plot([int(row["iteration"]) for row in log], [float(row["learning_rate"]) for row in log], color=GRAY)
    rate.set(title="Learning rate (poly)", ylim=(0, None))
    for name, color, line in styles[:2]:
        column = f"miou_{name}"
        points = [(int(row["iteration"]), 100 * float(row[column])) for row in evaluation if row[column]]
        if points:
            scores.plot(*zip(*points, strict=True), line, color=color, marker="o", label=name)
    scores.set(title="Validation", ylabel="mIoU (%)", ylim=(0, None))
    scores.set_visible(bool(scores.lines))
    for axes in (losses, rate, scores):
        axes.set_xlabel("iteration")
        axes.grid(alpha=0.3)
        if axes.get_legend_handles_labels()[0]:
            axes.legend()
    return figure


def save_training_curve(folder: Path) -> Path:
    """Write ``curve.png`` into the folder of a run; its path."""
    path = folder / "curve.png"
    with matplotlib.rc_context({"font.size": 11}):
        figure = training_curve(folder)
        with replacing(path) as temporary:
            figure.savefig(temporary, format="png", dpi=120)
    return path


def class_legend(
    figure: Figure,
    labels: Iterable[int],
    classes: Sequence[str] = CITYSCAPES_CLASSES,
    colors: Sequence[Sequence[int]] = CITYSCAPES_COLORS,
    **settings: Any,
) -> Legend:
    """A square of color and a name for each class, below the figure.

    Args:
        labels: the classes to list, in this order.
        classes, colors: name and RGB (0 to 255) of every class of the data set.
        settings: of ``figure.legend``, such as ``ncols``, ``fontsize`` or another ``loc``.
    """
    shown = [int(label) for label in labels]
    handles = [Patch(color=(red / 255, green / 255, blue / 255)) for red, green, blue in (colors[k] for k in shown)]
    names = [classes[label] for label in shown]
    defaults: dict[str, Any] = {"ncols": min(7, max(1, len(names))), "loc": "outside lower center"}
    return figure.legend(handles, names, **(defaults | settings))


def classes_in(*class_maps: Any, share: float = 0.002, num_classes: int = len(CITYSCAPES_CLASSES)) -> list[int]:
    """The classes with more than ``share`` of the pixels of at least one class map (arrays or tensors of labels)."""
    maps = [np.asarray(class_map) for class_map in class_maps]
    return [label for label in range(num_classes) if any((class_map == label).mean() > share for class_map in maps)]
