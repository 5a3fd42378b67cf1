"""``acflib grade``: run students' notebooks, judge their exercises, write JSON and CSV."""

import argparse
import secrets
import sys
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from tqdm import tqdm

from acflib.cli.common import INTERRUPTED
from acflib.course.grading.alike import alike
from acflib.course.grading.cells import find_notebooks, without_notebooks
from acflib.course.grading.grade import GradedNotebook, check_paths, grade_or_say, make_folder, write_grades
from acflib.course.grading.parallel import Kernels, each_as_it_ends
from acflib.course.grading.totals import check_folders, check_totals, folders_above, plain_beside, write_totals
from acflib.course.material.folder import using_material
from acflib.datasets.folders import folded
from acflib.engine.machine import usable_cores
from acflib.errors import ConfigError
from acflib.options import from_flags, option

EPILOG = """The column "seconds" of OUT.csv is how long the judgment of an exercise took on the clock, without the cells
of the notebook; OUT.json also has the seconds of each notebook as a whole. With --jobs they grow, for the notebooks
share the processors."""


@dataclass(frozen=True)
class GradeConfig:
    """``acflib grade``."""

    out: str = option("grades", "the files OUT.json and OUT.csv, one row an exercise")
    seed: int | None = option(
        None, "of the random inputs, 0: those that students see; none: a new one, told at the end"
    )
    timeout: float = option(
        120.0,
        "seconds of the processor that a cell or a judgment may take, and as many on the clock; one that uses none "
        "(it sleeps) may take ten times as long",
    )
    jobs: int | None = option(None, "notebooks at once, each in a kernel; none: as many as there are processors")
    totals: str | None = option(
        None, "a CSV file of totals, one row a student; for a platform (--columns) the plain ones lie beside it"
    )
    columns: str = option("plain", "of the totals: plain, nbgrader, moodle or canvas")
    student: str | None = option(
        None,
        "what names a student: file, folder, outer-folder (of the folder), or top-folder (below the folder given); "
        "none: the file where all notebooks lie in one folder, else top-folder, or folder where files were given",
    )
    material: str | None = option(
        None, "judge the exercises of this folder (acflib course) instead; its check.py files are run"
    )


def run_grade(given: argparse.Namespace) -> int:
    """``acflib grade``: 0, whatever the grades are; 1 where a file could not be graded; 130 (stopped)."""
    config = from_flags(GradeConfig(), given)
    _check(config)
    seed = secrets.randbelow(10**9) + 1 if config.seed is None else config.seed
    for out in (config.out, config.totals or config.out):
        make_folder(out)
    check_paths(given.notebooks)
    notebooks = find_notebooks(given.notebooks)
    if config.totals and config.student in (None, "top-folder"):
        check_folders(given.notebooks, notebooks)
    empty: dict[Path, str] = {}
    for depth in folders_above(list(notebooks.values()), config.student):
        empty |= without_notebooks(given.notebooks, depth)
    for name in empty.values():
        print(f"acflib: {name}: holds no notebook", file=sys.stderr)
    found: dict[int, GradedNotebook] = {}
    try:
        with using_material(config.material):
            _grade_all(notebooks, empty, seed, config, found, given.quiet)
    except KeyboardInterrupt:
        print(f"stopped: {_written(found, config, seed)}", file=sys.stderr)
        return INTERRUPTED
    print(f"written: {_written(found, config, seed)}")
    return 1 if any(notebook.problem for notebook in found.values()) else 0


def _check(config: GradeConfig) -> None:
    if config.timeout <= 0:
        raise ConfigError(f"--timeout must be positive, got {config.timeout:g}")
    if config.seed is not None and config.seed < 0:
        raise ConfigError(f"--seed must be at least 0, got {config.seed}")
    if config.jobs is not None and config.jobs < 1:
        raise ConfigError(f"--jobs must be at least 1, got {config.jobs}")
    check_totals(config.totals, config.columns, config.student)
    files = [Path(f"{config.out}.json"), Path(f"{config.out}.csv")]
    files += [Path(config.totals), plain_beside(config.totals)] if config.totals else []
    if len({folded(str(file.resolve())) for file in files}) < len(files):
        raise ConfigError(f"--out {config.out} and --totals {config.totals} would write one file: choose another name")


def _grade_all(
    notebooks: Mapping[Path, str],
    empty: Mapping[Path, str],
    seed: int,
    config: GradeConfig,
    found: dict[int, GradedNotebook],
    quiet: bool,
) -> None:
    """Grade all, and put each into ``found``, by its place among the notebooks, as soon as it is written."""

    twins = alike(notebooks, config.material)

    def grade(path: Path, kernels: Kernels) -> GradedNotebook:
        graded = grade_or_say(path, seed, config.timeout, kernels, notebooks[path])
        return replace(graded, notes=(*graded.notes, *twins.get(path, ())))

    jobs = min(config.jobs or usable_cores(), len(notebooks))
    bar = tqdm(total=len(notebooks), desc="grading", unit="notebook", disable=quiet)
    with bar, closing(each_as_it_ends(grade, list(notebooks), jobs)) as graded:
        for place, notebook in graded:
            so_far = {**found, place: notebook}
            in_order = [so_far[k] for k in sorted(so_far)]
            write_grades(in_order, seed, config.out)  # before a word is printed: nothing that comes loses it
            if config.totals:
                write_totals(in_order, config.totals, config.columns, config.student, empty)
            found[place] = notebook
            bar.update()
            _show(notebook)


def _written(found: dict, config: GradeConfig, seed: int) -> str:
    totals = f", totals in {config.totals}" if config.totals else ""
    if config.totals and config.columns != "plain":
        totals += f", remarks for you in {plain_beside(config.totals)}"
    files = f"{len(found)} notebooks in {config.out}.json and {config.out}.csv{totals}"
    return f"{files if found else 'no notebook was graded'}; the same inputs again: --seed {seed}"


def _show(notebook: GradedNotebook) -> None:
    """Print the grades of a notebook, or why it has none."""
    if notebook.problem:
        tqdm.write(f"acflib: {notebook.problem}", file=sys.stderr)
        return
    lines = [f"{notebook.shown}: lesson {notebook.lesson}, {notebook.earned} of {notebook.points} points"]
    lines += [f"  {note}" for note in notebook.notes]
    for grade in notebook.grades:
        points = f"{grade.earned} of {grade.exercise.points}"
        lines.append(f"  {grade.exercise.number}. {grade.exercise.title} ({points}): {grade.message}")
        if 0 < grade.earned < grade.exercise.points:
            lines.append(f"     {', '.join(map(str, grade.lines))}")
    tqdm.write("\n".join(lines), file=sys.stdout)
