"""Which exercises a lesson has. ``exercises.json`` is made from the notebooks by ``tools/list_exercises.py``."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FILE = Path(__file__).with_name("exercises.json")


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
    """

    lesson: str
    number: int
    title: str
    minutes: int
    points: int
    check: str


@cache
def exercises() -> tuple[Exercise, ...]:
    """All exercises of the course, in order."""
    return tuple(Exercise(**record) for record in json.loads(FILE.read_text(encoding="utf-8")))


def exercises_of(lesson: str) -> tuple[Exercise, ...]:
    """The exercises of one lesson, in order; empty for a lesson that has none."""
    return tuple(exercise for exercise in exercises() if exercise.lesson == lesson)
