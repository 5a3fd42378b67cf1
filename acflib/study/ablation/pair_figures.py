"""The figures of ``docs/study-plan.md``: gains against the field of view, and the primary endpoint seed by seed.

What has not been run yet is not drawn; the figure says so. ``acflib ablate --figures FOLDER`` writes both.
"""

import math
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from acflib.engine.files import replacing
from acflib.errors import DataError
from acflib.study.ablation.conclusions import PRIMARY, collect, differences, gain, parts, seeds_planned
from acflib.study.ablation.pair_results import PairResults
from acflib.study.ablation.pairs import FIELDS, FIRST_SEED, planned_seeds
from acflib.study.ablation.stats import Interval, mean_interval
from acflib.study.ablation.verdicts import unpaired_difference
from acflib.study.figures import BLUE, GRAY, GREEN, ORANGE

# Worlds and parts differ in color, mark and line, so that each alone is enough.
WORLD_STYLES = {"own": (BLUE, "o", "-"), "turned": (GREEN, "s", "--"), "fixed": (ORANGE, "^", ":")}
PART_STYLES = {
    "presence": (BLUE, "o", "which classes occur"),
    "palette": (GREEN, "s", "the palette"),
    "looks": (ORANGE, "^", "what each class looks like"),
}
ROW_WORDS = {
    "sum": "ACF (sum)",
    "center": "class center",
    "concat": "ACF (concat)",
    "global": "global average",
    "psp": "pyramid pooling",
    "permuted": "sum with centers of other classes",
    "detach": "sum with P detached",
}
CONTROL = "global"
MARKS = (
    "Means with 95 % intervals over seeds; small and open: one seed. n: number of seeds, from left to right. Worlds: "
    "own, each class draws its hue for each image; turned, one turn of all hues an image; fixed, one palette."
)
OPEN: dict[str, Any] = {"markersize": 4.5, "fillstyle": "none", "alpha": 0.8, "linestyle": ""}
WHISKER: dict[str, Any] = {"capsize": 3, "linewidth": 1.6}
ENDPOINT = (
    ("gain at 47", BLUE, "o", gain("sum", "own-47")),
    ("gain at 239", ORANGE, "^", gain("sum", "own-239")),
    ("their difference", GREEN, "s", PRIMARY),
)


def gain_figure(results: PairResults) -> Figure:
    """Left: gains over ``self`` against the field of view, by world, the control in gray. Right: three parts by row.

    Raises:
        DataError: none of it has been run.
    """
    gains = {key: differences(gain(key[0], f"{key[1]}-{key[2]}"), results) for key in curve_keys()}
    shares = {(row, part): differences(c, results) for row in ROW_WORDS for part, c in parts(row).items()}
    curves, rows = any(gains.values()), [row for row in ROW_WORDS if any(shares[row, part] for part in PART_STYLES)]
    if not curves and not rows:
        raise DataError(f"there are no results of the study on {results.split} to draw yet: `make study` makes them")
    figure = Figure(figsize=(13 if curves and rows else 7.5, 6.4), layout="constrained")
    axes = list(figure.subplots(1, curves + bool(rows), squeeze=False)[0])
    if curves:
        draw_gains(axes.pop(0), gains)
    if rows:
        draw_parts(axes.pop(0), rows, shares)
    figure.suptitle(f"What a look at the whole image adds to an equal head, on {results.split}", fontweight="bold")
    say_below(figure, MARKS, [*absent_curves(gains), *absent_parts(shares)])
    return figure


def curve_keys() -> list[tuple[str, str, int]]:
    return [(row, world, field) for row in ("sum", CONTROL) for world in WORLD_STYLES for field in FIELDS]


def draw_gains(axes: Axes, gains: Mapping[tuple[str, str, int], Mapping[int, float]]) -> None:
    """A line a world. Worlds stand beside each other, so that no interval hides another; controls to the right."""
    for row, start in (("sum", -0.18), (CONTROL, 0.12)):
        for k, (world, (color, marker, line)) in enumerate(WORLD_STYLES.items()):
            found = {place: gains[row, world, field] for place, field in enumerate(FIELDS) if gains[row, world, field]}
            color = color if row == "sum" else GRAY
            means = {place: interval(values) for place, values in found.items()}
            places = {place: place + start + 0.1 * k for place in found}
            for place, values in found.items():
                axes.plot([places[place] - 0.035] * len(values), [*values.values()], marker, color=color, **OPEN)
                whisker(axes, places[place], means[place], color, marker)
            if found:
                label = f"{ROW_WORDS[row]}, {world}, n = {count_text([*means.values()])}"
                heights = [means[place].mean if place in means else math.nan for place in range(len(FIELDS))]
                across = [place + start + 0.1 * k for place in range(len(FIELDS))]  # no line across what was not run
                axes.plot(across, heights, line, color=color, marker=marker, label=label)
    axes.axhline(0, color=GRAY, linewidth=1, zorder=0)
    axes.set_xticks(range(len(FIELDS)), [str(field) for field in FIELDS])
    axes.set(xlim=(-0.4, len(FIELDS) - 0.5), xlabel="field of view of the base network, in pixels of 128 x 64")
    axes.set(ylabel="gain over the equal head (points of fine mIoU)", title="Gain against field of view")
    grid_and_legend(axes, "y")


def count_text(means: list[Interval]) -> str:
    """The number of seeds of a line; where its points differ, of each."""
    counts = list(dict.fromkeys(mean.n for mean in means))
    return str(counts[0]) if len(counts) == 1 else " / ".join(str(mean.n) for mean in means)


def draw_parts(axes: Axes, rows: list[str], shares: Mapping[tuple[str, str], Mapping[int, float]]) -> None:
    """The three parts of each row, from top to bottom."""
    for line, row in enumerate(rows):
        for k, (part, (color, marker, _)) in enumerate(PART_STYLES.items()):
            values, place = shares[row, part], line + 0.27 * (k - 1)
            if values:
                axes.plot([*values.values()], [place - 0.09] * len(values), marker, color=color, **OPEN)
                mean = interval(values)
                axes.errorbar(mean.mean, place + 0.03, xerr=mean.half, fmt=marker, color=color, **WHISKER)
    for part, (color, marker, words) in PART_STYLES.items():
        if any(shares[row, part] for row in rows):
            axes.plot([], [], marker, color=color, label=words)
    axes.axvline(0, color=GRAY, linewidth=1, zorder=0)
    axes.set_yticks(range(len(rows)), [textwrap.fill(ROW_WORDS[row], 16) for row in rows])
    axes.set(
        ylim=(len(rows) - 0.5, -0.5),
        xlabel="points of fine mIoU",
        title="Three differences of gains (no sum), field 47",
    )
    axes.tick_params(axis="y", length=0)
    grid_and_legend(axes, "x")


def grid_and_legend(axes: Axes, along: str) -> None:
    """Grid and a legend below, where it hides nothing."""
    axes.grid(axis=along, alpha=0.3)  # type: ignore[arg-type]
    axes.legend(fontsize=9, loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=2, frameon=False)


def whisker(axes: Axes, place: float, found: Interval, color: str, marker: str, **settings: Any) -> None:
    """A mean with its interval; one seed alone has none."""
    axes.errorbar(place, found.mean, yerr=found.half, fmt=marker, color=color, **(WHISKER | settings))


def interval(values: Mapping[int, float]) -> Interval:
    found = mean_interval([*values.values()])
    assert found is not None  # there are values
    return found


def absent_curves(gains: Mapping[tuple[str, str, int], Mapping[int, float]]) -> list[str]:
    """The points of the left panel that the plan has and no seed has yet, a text a row and world."""
    found: dict[str, list[str]] = {}
    for (row, world, field), values in gains.items():
        if not values and planned_seeds(f"{world}-{field}", row):
            found.setdefault(f"{ROW_WORDS[row]}, {world}", []).append(str(field))
    return [f"{name} at {', '.join(fields)}" for name, fields in found.items()]


def absent_parts(shares: Mapping[tuple[str, str], Mapping[int, float]]) -> list[str]:
    """The same of the right panel, a text a part."""
    found: dict[str, list[str]] = {}
    for (row, part), values in shares.items():
        if not values and seeds_planned(parts(row)[part]):
            found.setdefault(PART_STYLES[part][2], []).append(ROW_WORDS[row])
    return [f"{name} of {', '.join(rows)}" for name, rows in found.items()]


def seed_figure(results: PairResults) -> Figure:
    """Left: both gains and their difference, seed by seed. Right: their means, in pairs and as if independent.

    Raises:
        DataError: no seed has both ``sum`` and ``self`` at a field.
    """
    found = {name: collect(contrast, results).values for name, _, _, contrast in ENDPOINT}
    if not any(found.values()):
        raise DataError(f"there are no pairs of the primary endpoint on {results.split} yet: `make study` makes them")
    figure = Figure(figsize=(11, 5), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=(2, 1))
    shown = [(name, color, marker) for name, color, marker, _ in ENDPOINT if found[name]]
    for k, (name, color, marker) in enumerate(shown):
        places = [seed + 0.18 * (k - 1) for seed in found[name]]
        left.plot(places, [*found[name].values()], marker, color=color, markersize=7, label=name)
        left.vlines(places, 0, [*found[name].values()], color=color, alpha=0.4)
        whisker(right, k - 0.1, interval(found[name]), color, marker)
        if len(found[name]) > 1:
            whisker(right, k + 0.15, independent(name, found[name], results), GRAY, marker, fillstyle="none")
    seeds = sorted(set().union(*found.values()))
    left.set(
        xticks=seeds,
        xlim=(seeds[0] - 0.5, seeds[-1] + 0.5),
        xlabel="seed",
        ylabel="points of fine mIoU",
        title="Seed by seed, each class its own hue",
    )
    left.legend(fontsize=9, loc="best")
    right.set_xticks(range(len(shown)), [f"{textwrap.fill(name, 10)}\nn = {len(found[name])}" for name, _, _ in shown])
    right.set(xlim=(-0.5, len(shown) - 0.5), title="Mean, 95 % interval")
    for axes in (left, right):
        axes.axhline(0, color=GRAY, linewidth=1, zorder=0)
        axes.grid(axis="y", alpha=0.3)
    figure.suptitle(f"ACF (sum) minus an equal head, on {results.split}: the primary endpoint", fontweight="bold")
    text = (
        "Right: colored and filled, in pairs of one seed (Student); gray and open, as if all were independent (Welch)."
    )
    say_below(figure, text, [f"{name}: seeds {numbers}" for name, numbers in absent_seeds(found).items()])
    return figure


def absent_seeds(found: Mapping[str, Mapping[int, float]]) -> dict[str, str]:
    """The seeds of the plan that each quantity lacks, as a text."""
    lacking = {}
    for name, _, _, contrast in ENDPOINT:
        planned = range(FIRST_SEED, FIRST_SEED + seeds_planned(contrast))
        lacking[name] = ", ".join(str(seed) for seed in planned if seed not in found[name])
    return {name: numbers for name, numbers in lacking.items() if numbers}


def independent(name: str, values: Mapping[int, float], results: PairResults) -> Interval:
    """Welch's interval of the same seeds: of sum against self; of the one gain against the other."""
    contrast = next(c for known, _, _, c in ENDPOINT if known == name)
    if contrast is PRIMARY:
        a, b = (differences(c, results) for _, _, _, c in ENDPOINT[:2])
    else:
        a, b = (results.scores(names[0]) for names in (contrast.plus, contrast.minus))
    return unpaired_difference([a[seed] for seed in values], [b[seed] for seed in values])


def say_below(figure: Figure, text: str, absent: list[str]) -> None:
    """What the marks mean, and what is missing."""
    width = 13 * figure.get_figwidth()
    lines = [text, *([f"Not run yet: {'; '.join(absent)}."] if absent else [])]
    below = "\n".join(textwrap.fill(line, round(width)) for line in lines)
    figure.supxlabel(below, fontsize=9, x=0.01, ha="left")


def save_pair_figures(folder: Path, results: PairResults) -> list[Path]:
    """Write ``gain-by-field.png`` and ``primary-by-seed.png``; their paths.

    Raises:
        DataError: there is nothing to draw yet.
    """
    paths = []
    for name, draw in (("gain-by-field.png", gain_figure), ("primary-by-seed.png", seed_figure)):
        with matplotlib.rc_context({"font.size": 11}):
            figure = draw(results)
            with replacing(folder / name) as temporary:
                figure.savefig(temporary, format="png", dpi=100)
        paths.append(folder / name)
    return paths
