"""``acflib course``: material that students do not have: exercises of one's own, parallel forms, quizzes."""

import argparse
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from acflib.cli.common import require
from acflib.course.checks.catalog import exercises_in
from acflib.course.material.folder import run_file
from acflib.course.material.form_notebooks import write_forms
from acflib.course.material.quiz import LESSONS, write_quiz
from acflib.course.material.template import new_exercise
from acflib.course.material.trial import published_solutions, try_exercise, try_form
from acflib.options import from_flags, option

OUTSIDE = "folder to write, outside of the course's checkout"
NEW_FOLDER = "a folder that is not there yet, outside of the course's checkout"
SECRET = "what draws everything; the same makes the same again. None: one is drawn and told. A word can be guessed"


@dataclass(frozen=True)
class NewExerciseConfig:
    """``acflib course new-exercise``."""

    lesson: str = option("90", 'two digits; the notebook begins with "# 90 · TITLE"')
    title: str = option("", "of the exercise; empty: its name")
    out: str = option("", "folder of your exercises, outside of the course's checkout; gets a folder NAME")


@dataclass(frozen=True)
class DrawnConfig:
    """``acflib course forms`` and ``acflib course quiz``: what a seed draws."""

    seed: str = option("", SECRET)
    out: str = option("", OUTSIDE)
    lesson: tuple[str, ...] = option((), "two digits, one lesson or several; none given: all")


@dataclass(frozen=True)
class TryConfig:
    """``acflib course try``."""

    solutions: str = option("notebooks/solutions", "the published solutions, for parallel forms; they are run")


def add_course(subparsers, add: Callable) -> None:
    """Add the command group to the parser; ``add(subparsers, name, run, text, config)`` adds a command."""
    text = "material that students do not have: exercises of your own, parallel forms, quizzes"
    group = subparsers.add_parser("course", help=text, description=f"{text}. How to use it: docs/instructors.md")
    kinds = group.add_subparsers(title="kinds", metavar="KIND", required=True)
    text = (
        "start an exercise: a stub for students, a check, answers that try it; all of it works and is yours to change"
    )
    new = add(kinds, "new-exercise", run_new_exercise, text, NewExerciseConfig)
    new.add_argument("name", help="what the check is called, such as pixel_share: checks.pixel_share(my_answer)")
    text = "try all exercises of a folder: right answers pass, wrong ones are told why; its Python files are run"
    tried = add(kinds, "try", run_try, text, TryConfig)
    tried.add_argument("folder", type=Path, help="what new-exercise wrote into, or the folder material of forms")
    text = "a parallel form of every exercise: other names, order, layout and units, so that no published solution fits"
    add(kinds, "forms", run_forms, text, DrawnConfig)
    text = "questions on each lesson with numbers of their own, and the key: quiz.md, key.md, moodle.gift"
    add(kinds, "quiz", run_quiz, text, DrawnConfig)


def run_new_exercise(given: argparse.Namespace) -> int:
    """``acflib course new-exercise NAME``.

    Raises:
        ConfigError: a name or folder cannot be used.
        TrainingError: a file cannot be written.
    """
    config = from_flags(NewExerciseConfig(), given)
    require(config.out, "--out", "a folder for your exercises, outside of the course's checkout")
    title = config.title or given.name.replace("_", " ")
    written = new_exercise(Path(config.out), given.name, config.lesson, title)
    print(f"written: {written}: change it line by line, and try it: acflib course try {config.out}")
    print(f"Students get stub.ipynb alone. Grade: acflib grade NOTEBOOKS --material {config.out}")
    return 0


def run_try(given: argparse.Namespace) -> int:
    """``acflib course try FOLDER``: 0, or 1 where an exercise has a fault.

    Raises:
        DataError: the folder holds no exercises, or a file cannot be run.
    """
    config, folder = from_flags(TryConfig(), given), given.folder
    found, published = exercises_in(folder), None
    faulty = 0
    for exercise in found:
        if hasattr(run_file(folder / exercise.check / "check.py"), "FORM"):
            published = published or published_solutions(Path(config.solutions))
            faults = try_form(folder, exercise, published)
        else:
            faults = try_exercise(folder, exercise)
        print(f"{exercise.check}: {'as it should be' if not faults else 'FAULTS'}", flush=True)
        for fault in faults:
            print(f"  {fault}")
        faulty += bool(faults)
    print(f"{len(found) - faulty} of {len(found)} exercises are as they should be")
    return 1 if faulty else 0


def run_forms(given: argparse.Namespace) -> int:
    """``acflib course forms``.

    Raises:
        ConfigError: seed, lesson or folder cannot be used.
        TrainingError: a file cannot be written.
    """
    config = drawn_config(given)
    count = write_forms(Path(config.out), config.seed, config.lesson)
    print(f"written: {count} forms; students get {config.out}/students")
    print(f"Try them: acflib course try {config.out}/material")
    print(f"Grade: acflib grade NOTEBOOKS --material {config.out}/material")
    return 0


def run_quiz(given: argparse.Namespace) -> int:
    """``acflib course quiz``.

    Raises:
        ConfigError: seed, lesson or folder cannot be used.
        TrainingError: a file cannot be written.
    """
    config = drawn_config(given)
    count = write_quiz(Path(config.out), config.seed, config.lesson or LESSONS)
    print(f"written: {count} questions: quiz.md for students, key.md and moodle.gift for you, in {config.out}")
    return 0


def drawn_config(given: argparse.Namespace) -> DrawnConfig:
    """The settings, with a seed that no dictionary holds where none is given; it is told, so that it can be kept."""
    config = from_flags(DrawnConfig(), given)
    require(config.out, "--out", NEW_FOLDER)
    if config.seed:
        return config
    config = replace(config, seed=secrets.token_hex(8))
    print(f"--seed {config.seed}: drawn for you; keep it, the same again needs it")
    return config
