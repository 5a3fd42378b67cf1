"""Static figures (matplotlib): the training curve."""

from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

from acflib.checkpoints import replacing
from acflib.runlog import read_csv

# Okabe and Ito's colors: told apart with any kind of color vision.
BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#666666"


def training_curve(folder: Path) -> Figure:
    """Loss and learning rate, and mIoU on the validation set, over the iterations of a run.

    Args:
        folder: of the run, with ``log.csv`` and ``evaluation.csv``.
    """
    log, evaluation = read_csv(folder / "log.csv"), read_csv(folder / "evaluation.csv")
    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    styles = (("fine", BLUE, "-"), ("coarse", ORANGE, "--"), ("aux", GREEN, ":"))
    for name, color, line in styles:
        points = [(int(row["iteration"]), float(row[name])) for row in log if row[name]]
        if points:
            left.plot(*zip(*points, strict=True), color=color, linestyle=line, label=f"{name} loss")
    left.set(title="Training loss", xlabel="iteration", ylabel="class-balanced cross entropy", yscale="log")
    rate = left.twinx()
    rate.plot([int(r["iteration"]) for r in log], [float(r["learning_rate"]) for r in log], color=GREY, linewidth=0.8)
    rate.set_ylabel("learning rate (grey)")
    left.legend()
    for name, color, line in styles[:2]:
        column = f"miou_{name}"
        points = [(int(row["iteration"]), 100 * float(row[column])) for row in evaluation if row[column]]
        if points:
            right.plot(*zip(*points, strict=True), line, color=color, marker="o", label=name)
    right.set(title="Validation", xlabel="iteration", ylabel="mIoU (%)", ylim=(0, None))
    if right.lines:
        right.legend()
    for axes in (left, right):
        axes.grid(alpha=0.3)
    return figure


def save_training_curve(folder: Path) -> Path:
    """Write ``curve.png`` into the folder of a run; its path."""
    path = folder / "curve.png"
    with replacing(path) as temporary, matplotlib.rc_context({"font.size": 11}):
        training_curve(folder).savefig(temporary, format="png", dpi=120)
    return path
