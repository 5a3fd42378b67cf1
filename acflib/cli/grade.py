"""``acflib grade``: run students' notebooks, judge their exercises, write JSON and CSV."""

import argparse
import secrets
import sys
from dataclasses import dataclass

from acflib.cli.common import INTERRUPTED
from acflib.course.grading.cells import find_notebooks
from acflib.course.grading.grade import check_paths, grade_or_say, make_folder, write_grades
from acflib.errors import ConfigError
from acflib.options import from_flags, option


@dataclass(frozen=True)
class GradeConfig:
    """``acflib grade``."""

    out: str = option("grades", "the files OUT.json and OUT.csv")
    seed: int | None = option(
        None, "of the random inputs, 0: those that students see; none: a new one, told at the end"
    )
    timeout: float = option(120.0, "seconds that a cell or a judgment may take")


def run_grade(given: argparse.Namespace) -> int:
    """``acflib grade``: 0, whatever the grades are; 1 where a file could not be graded; 130 (stopped)."""
    config = from_flags(GradeConfig(), given)
    if config.timeout <= 0:
        raise ConfigError(f"--timeout must be positive, got {config.timeout:g}")
    seed = secrets.randbelow(10**9) + 1 if config.seed is None else config.seed
    if seed < 0:
        raise ConfigError(f"--seed must be at least 0, got {seed}")
    make_folder(config.out)
    check_paths(given.notebooks)
    notebooks = find_notebooks(given.notebooks)
    graded = []
    for path in notebooks:
        print(f"{path} ...", file=sys.stderr, flush=True)
        try:
            graded.append(grade_or_say(path, seed, config.timeout))
        except KeyboardInterrupt:
            print(f"stopped: {_written(graded, config.out, seed)}", file=sys.stderr)
            return INTERRUPTED
        write_grades(graded, seed, config.out)  # after each, before a word is printed: nothing that comes loses it
        _show(graded[-1])
    print(f"written: {_written(graded, config.out, seed)}")
    return 1 if any(notebook.problem for notebook in graded) else 0


def _written(graded: list, out: str, seed: int) -> str:
    files = f"{len(graded)} notebooks in {out}.json and {out}.csv" if graded else "no notebook was graded"
    return f"{files}; the same inputs again: --seed {seed}"


def _show(notebook) -> None:
    """Print the grades of a notebook, or why it has none."""
    if notebook.problem:
        print(f"acflib: {notebook.problem}", file=sys.stderr)
        return
    print(f"{notebook.path}: lesson {notebook.lesson}, {notebook.earned} of {notebook.points} points")
    for grade in notebook.grades:
        points = f"{grade.earned} of {grade.exercise.points}"
        print(f"  {grade.exercise.number}. {grade.exercise.title} ({points}): {grade.message}")
