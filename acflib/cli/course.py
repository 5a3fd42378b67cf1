"""``acflib course``: material that students do not have: exercises of one's own, parallel forms, quizzes."""

import argparse
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from acflib.cli.common import require
from acflib.course.checks.catalog import exercises_in
from acflib.course.material.dealing import counts_table
from acflib.course.material.folder import material_folders, run_file
from acflib.course.material.form_notebooks import write_forms
from acflib.course.material.quiz import LESSONS, write_quiz
from acflib.course.material.students import read_students, write_student_forms
from acflib.course.material.template import new_exercise
from acflib.course.material.trial import lines_lost, published_solutions, try_exercise, try_form
from acflib.options import from_flags, option

OUTSIDE = "folder to write, outside of the course's checkout"
FORMS_EPILOG = """With --students, OUT/students/ID is what one student gets; OUT/material/key.csv says whose forms are
whose. acflib grade NOTEBOOKS --material OUT/material knows a student's forms by what the notebook calls, and has a
line for a notebook with the forms of another student. Forms are dealt by the place in the list, so that as few
students as can be have the same. The same seed and list make the same forms. Who joins goes to the end of the list:
nobody's forms change. Leave the line of who drops out: everybody behind it would get other forms."""
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
    """``acflib course quiz``: what a seed draws."""

    seed: str = option("", SECRET)
    out: str = option("", OUTSIDE)
    lesson: tuple[str, ...] = option((), "two digits, one lesson or several; none given: all")


@dataclass(frozen=True)
class FormsConfig(DrawnConfig):
    """``acflib course forms``."""

    students: str = option(
        "", "a text or CSV file, one id a line: each student gets forms of her own; none: all the same"
    )


@dataclass(frozen=True)
class TryConfig:
    """``acflib course try``."""

    solutions: str = option("notebooks/solutions", "the published solutions, for parallel forms; they are run")


Drawn = TypeVar("Drawn", bound=DrawnConfig)


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
    text = (
        "try all exercises of a folder: right answers pass, wrong ones are told why and which lines they lose; its "
        "Python files are run"
    )
    tried = add(kinds, "try", run_try, text, TryConfig)
    tried.add_argument("folder", type=Path, help="what new-exercise wrote into, or the folder material of forms")
    text = "a parallel form of every exercise: other names, order, layout and units, so that no published solution fits"
    forms = add(kinds, "forms", run_forms, text, FormsConfig)
    forms.epilog = FORMS_EPILOG
    text = "how many forms each exercise has: changes, these with an order of the arguments, texts; the fewest first"
    counts = kinds.add_parser("counts", help=text, description=text)
    counts.set_defaults(run=run_counts)
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
    found = [(one, exercise) for one in material_folders(folder) for exercise in exercises_in(one)]
    published = None
    faulty = 0
    for folder, exercise in found:
        if hasattr(run_file(folder / exercise.check / "check.py"), "FORM"):
            published = published or published_solutions(Path(config.solutions))
            faults, lines = try_form(folder, exercise, published), []
        else:
            faults, lines = try_exercise(folder, exercise), lines_lost(folder, exercise)
        print(f"{exercise.check}: {'as it should be' if not faults else 'FAULTS'}", flush=True)
        for line in (*faults, *lines):
            print(f"  {line}")
        faulty += bool(faults)
    print(f"{len(found) - faulty} of {len(found)} exercises are as they should be")
    return 1 if faulty else 0


def run_forms(given: argparse.Namespace) -> int:
    """``acflib course forms``.

    Raises:
        ConfigError: seed, lesson or folder cannot be used.
        TrainingError: a file cannot be written.
    """
    config = drawn_config(given, FormsConfig())
    names = read_students(Path(config.students)) if config.students else []
    if names:
        count = write_student_forms(Path(config.out), config.seed, names, config.lesson)
        print(f"written: {count} forms for {len(names)} students; each gets a folder of {config.out}/students")
        print(f"Whose forms are whose: {config.out}/material/key.csv")
    else:
        count = write_forms(Path(config.out), config.seed, config.lesson)
        print(f"written: {count} forms; students get {config.out}/students")
    print(f"Try them: acflib course try {config.out}/material")
    print(f"Grade: acflib grade NOTEBOOKS --material {config.out}/material")
    return 0


def run_counts(given: argparse.Namespace) -> int:
    """``acflib course counts``."""
    print("\n".join(counts_table()))
    return 0


def run_quiz(given: argparse.Namespace) -> int:
    """``acflib course quiz``.

    Raises:
        ConfigError: seed, lesson or folder cannot be used.
        TrainingError: a file cannot be written.
    """
    config = drawn_config(given, DrawnConfig())
    count = write_quiz(Path(config.out), config.seed, config.lesson or LESSONS)
    print(f"written: {count} questions: quiz.md for students, key.md and moodle.gift for you, in {config.out}")
    return 0


def drawn_config(given: argparse.Namespace, config: Drawn) -> Drawn:
    """The settings, with a seed that no dictionary holds where none is given; it is told, so that it can be kept."""
    config = from_flags(config, given)
    require(config.out, "--out", NEW_FOLDER)
    if config.seed:
        return config
    config = replace(config, seed=secrets.token_hex(8))
    print(f"--seed {config.seed}: drawn for you; keep it, the same again needs it")
    return config
