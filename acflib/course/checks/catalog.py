"""Which exercises a lesson has. ``exercises.json`` is made from the notebooks by ``tools/list_exercises.py``.

Where the environment names a folder of an instructor's exercises (see :mod:`acflib.course.material`), those count.
"""

import json
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from acflib.errors import DataError

FILE = Path(__file__).with_name("exercises.json")
MATERIAL = "ACFLIB_MATERIAL"  # environment variable: such a folder


@dataclass(frozen=True)
class RubricLine:
    """A line of a rubric: "2 points for the right centers"."""

    points: int
    text: str


@dataclass(frozen=True)
class LinePoints:
    """A line of a rubric: what it is for, its points, and how many an answer has earned."""

    text: str
    points: int
    earned: int

    def __str__(self) -> str:
        return f"{self.text} {self.earned}/{self.points}"


@dataclass(frozen=True)
class Exercise:
    """One exercise.

    Attributes:
        lesson: its number, such as "01".
        number: of the exercise in its lesson, from 1.
        title: as in the notebook.
        minutes: that a student needs.
        points: sum of the points in its rubric.
        check: name of its function in :mod:`acflib.course.checks`.
        lines: those of its rubric; where it has none, all points are earned at once.
    """

    lesson: str
    number: int
    title: str
    minutes: int
    points: int
    check: str
    lines: tuple[RubricLine, ...] = ()


def exercises() -> tuple[Exercise, ...]:
    """All exercises of the course, in order; or, instead, those of the folder that the environment names.

    Raises:
        DataError: there is no such folder, or one of its files cannot be read.
    """
    folder = os.environ.get(MATERIAL)
    return exercises_in(Path(folder)) if folder else _of_the_course()


@cache
def _of_the_course() -> tuple[Exercise, ...]:
    return tuple(exercise_from(record) for record in json.loads(FILE.read_text(encoding="utf-8")))


def exercise_from(record: dict) -> Exercise:
    """The exercise of a record, as JSON holds it; one without "lines" has no rubric.

    Raises:
        TypeError: the record has other keys.
    """
    return Exercise(**{**record, "lines": tuple(RubricLine(**line) for line in record.get("lines", ()))})


def lines_beside(check: str) -> tuple[RubricLine, ...]:
    """The lines of the rubric in the exercise.json beside a check.py, which gives its ``__file__``.

    Raises:
        OSError, ValueError, TypeError: it cannot be read, or is no record of an exercise.
    """
    return exercise_from(json.loads(Path(check).with_name("exercise.json").read_text(encoding="utf-8"))).lines


def exercises_in(folder: Path) -> tuple[Exercise, ...]:
    """The exercises of a folder of material, those of a lesson in order.

    Raises:
        DataError: it holds none, or one of its files cannot be read.
    """
    found = []
    for path in sorted(folder.glob("*/exercise.json")):
        try:
            found.append(exercise_from(json.loads(path.read_text(encoding="utf-8"))))
        except (OSError, ValueError, TypeError) as error:
            raise DataError(
                f"{path}: is no record of an exercise ({error}); acflib course new-exercise writes one"
            ) from error
        if found[-1].check != path.parent.name:
            raise DataError(f'{path}: "check" is {found[-1].check!r}; it must be the name of its folder')
    if not found:
        raise DataError(f"{folder}: holds no exercises; acflib course new-exercise or acflib course forms writes some")
    return tuple(sorted(found, key=lambda exercise: (exercise.lesson, exercise.number)))


def exercises_of(lesson: str) -> tuple[Exercise, ...]:
    """The exercises of one lesson, in order; empty for a lesson that has none."""
    return tuple(exercise for exercise in exercises() if exercise.lesson == lesson)


def exercise_of(check: str) -> Exercise:
    """The exercise of the course that a check judges.

    Raises:
        StopIteration: there is none of this name.
    """
    return next(exercise for exercise in _of_the_course() if exercise.check == check)
