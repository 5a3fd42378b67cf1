"""``acflib grade``: run students' notebooks, judge their exercises, write JSON and CSV."""

import argparse
import secrets
import sys
from dataclasses import dataclass

from acflib.errors import ConfigError
from acflib.options import from_flags, option


@dataclass(frozen=True)
class GradeConfig:
    """``acflib grade``."""

    out: str = option("grades", "the files OUT.json and OUT.csv")
    seed: int | None = option(
        None, "of the random inputs, 0: those that students see; none: a new one, told at the end"
    )
    timeout: float = option(120.0, "seconds that a cell or a judgement may take")


def run_grade(given: argparse.Namespace) -> int:
    """``acflib grade``: 0, whatever the grades are."""
    from acflib.grading.cells import find_notebooks
    from acflib.grading.grade import grade_notebook, make_folder, read_all, write_grades

    config = from_flags(GradeConfig(), given)
    if config.timeout <= 0:
        raise ConfigError(f"--timeout must be positive, got {config.timeout:g}")
    seed = secrets.randbelow(10**9) + 1 if config.seed is None else config.seed
    if seed < 0:
        raise ConfigError(f"--seed must be at least 0, got {seed}")
    make_folder(config.out)
    notebooks = find_notebooks(given.notebooks)
    read_all(notebooks)
    graded = []
    for path in notebooks:
        print(f"{path} ...", file=sys.stderr, flush=True)
        graded.append(grade_notebook(path, seed, config.timeout))
        print(f"{path}: lesson {graded[-1].lesson}, {graded[-1].earned} of {graded[-1].points} points")
        for grade in graded[-1].grades:
            points = f"{grade.earned} of {grade.exercise.points}"
            print(f"  {grade.exercise.number}. {grade.exercise.title} ({points}): {grade.message}")
    json_path, csv_path = write_grades(graded, seed, config.out)
    print(f"written: {json_path} and {csv_path}; the same inputs again: --seed {seed}")
    return 0
