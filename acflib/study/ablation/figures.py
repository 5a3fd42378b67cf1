"""The plot of the ablation (matplotlib): every run, means and intervals, and differences to the baseline in pairs."""

from pathlib import Path

import matplotlib
import matplotlib.lines
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from acflib.engine.files import replacing
from acflib.errors import DataError
from acflib.study.ablation.results import Loaded
from acflib.study.ablation.rows import Study
from acflib.study.ablation.stats import Interval, mean_interval
from acflib.study.ablation.table import make_table, scores
from acflib.study.figures import BLUE, GRAY, ORANGE

FINE, COARSE = -0.14, 0.2  # places within a line; y grows downwards


def ablation_plot(study: Study, loaded: Loaded, evaluation: str | None = None) -> Figure:
    """Left: fine and coarse mIoU of each run, their means and 95 % intervals. Right: fine - baseline, seed by seed.

    Args:
        study: its lines, from top to bottom.
        loaded: from :func:`acflib.study.ablation.results.load_results`.
        evaluation: shown instead of the study's main one.

    Raises:
        DataError: there are no results to draw.
    """
    main = evaluation or study.main
    table = make_table(study, loaded, main)
    lines = [line for line in study.lines if main == study.main or not line.evaluation]
    if not any(row.seeds for row in table.rows):
        raise DataError(f"there are no results of {study.name} to draw yet")
    figure = Figure(figsize=(12, 1.9 + 0.52 * len(lines)), layout=ConstrainedLayoutEngine(w_pad=0.12))
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=(1.25, 1))
    baseline = scores(loaded.runs[study.baseline], main)
    for place, (line, row) in enumerate(zip(lines, table.rows, strict=True)):
        runs, shown = loaded.runs[line.row], line.evaluation or main
        fine, coarse = scores(runs, shown), scores(runs, shown, "coarse")
        draw(left, place + FINE, [*fine.values()], row.fine, BLUE, "o")
        draw(left, place + COARSE, [*coarse.values()], row.coarse, ORANGE, "D")
        if row.gain is not None:
            gains = [fine[seed] - baseline[seed] for seed in sorted(fine.keys() & baseline.keys())]
            draw(right, place, gains, row.gain, BLUE, "o")
    mark = mean_interval([*baseline.values()])
    if mark is not None:
        left.axvline(mark.mean, color=GRAY, linestyle="--", linewidth=1, zorder=0)
    right.axvline(0, color=GRAY, linestyle="--", linewidth=1, zorder=0)
    left.set_yticks(range(len(lines)), [f"{row.title}  ({len(row.seeds)})" for row in table.rows])
    left.set(title=f"mIoU on {main}", xlabel="mIoU (%)", ylim=(len(lines) - 0.4, -0.6))
    right.set(title=f"fine − {study.baseline}, seed by seed", xlabel="points of mIoU")
    for axes in (left, right):
        axes.grid(axis="x", alpha=0.3)
        axes.tick_params(axis="y", length=0)
    figure.suptitle(f"{study.title} (in brackets: number of seeds)", fontweight="bold")
    add_row_legend(figure, study.baseline)
    return figure


def draw(axes: Axes, place: float, values: list[float], interval: Interval | None, color: str, marker: str) -> None:
    """Small open points for the runs; the mean filled, with its interval, a little below them."""
    if interval is None:
        return
    axes.plot(values, [place - 0.07] * len(values), marker, color=color, markersize=4.5, fillstyle="none", alpha=0.8)
    axes.errorbar(
        interval.mean,
        place + 0.09,
        xerr=interval.half,
        fmt=marker,
        color=color,
        markersize=6.5,
        capsize=3,
        linewidth=1.6,
    )


def add_row_legend(figure: Figure, baseline: str) -> None:
    """What the marks mean, below both panels."""
    handles = [
        matplotlib.lines.Line2D([], [], color=BLUE, marker="o", markersize=6.5, label="fine: mean, 95 % interval"),
        matplotlib.lines.Line2D([], [], color=ORANGE, marker="D", markersize=6, label="coarse: mean, 95 % interval"),
        matplotlib.lines.Line2D(
            [],
            [],
            color=GRAY,
            marker="o",
            markersize=4.5,
            fillstyle="none",
            linestyle="",
            label="one run: its shape, small and open",
        ),
        matplotlib.lines.Line2D([], [], color=GRAY, linestyle="--", linewidth=1, label=f"mean of the {baseline}"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=4, frameon=False)


def save_ablation_plot(path: Path, study: Study, loaded: Loaded, evaluation: str | None = None) -> None:
    """Write :func:`ablation_plot` as a PNG."""
    with matplotlib.rc_context({"font.size": 11}):
        figure = ablation_plot(study, loaded, evaluation)
        with replacing(path) as temporary:
            figure.savefig(temporary, format="png", dpi=120)
