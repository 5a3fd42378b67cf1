"""Static figures (matplotlib): the training curve."""

from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

from acflib.engine.checkpoints import replacing
from acflib.engine.runlog import read_csv

# Okabe and Ito's colors: told apart with any kind of color vision.
BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#666666"


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
    rate.plot([int(row["iteration"]) for row in log], [float(row["learning_rate"]) for row in log], color=GREY)
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
