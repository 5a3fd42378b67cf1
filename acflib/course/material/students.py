"""A form for each student: dealt from the secret seed by the place in the list, with one key for whoever grades.

In ``OUT/material`` lie key.csv and, for each student, a folder with the forms that are hers. A form is called by a word
and the student's code, such as ``plover_3fa09c1b``: what a notebook calls tells whose forms it carries.
"""

import csv
import hmac
import io
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from acflib.course.checks.catalog import Exercise
from acflib.course.material.folder import KEY, FormsOwner, new_folder, write_text
from acflib.course.material.form_notebooks import draw_forms, write_material, write_notebooks
from acflib.course.material.forms import Form
from acflib.errors import ConfigError

COLUMNS = ("student", "code", "lesson", "exercise", "form", "check", "layout", "units")
HEADS = ("id", "name", "student", "student_id", "student id")  # of a column of ids
NO_FOLDER = re.compile(r'[/\\:*?"<>|\x00-\x1f]|^[. ]|[. ]$')  # what a folder of some system cannot be called


def plain_id(text: str) -> str:
    """Text to compare: capitals and the ways to write an umlaut do not matter."""
    return unicodedata.normalize("NFC", text).casefold()


def read_students(path: Path) -> list[str]:
    """The ids of a list: one a line of a text file, or the first column of a .csv or .tsv file, with a head or without.

    Raises:
        ConfigError: it cannot be read, is empty, names somebody twice, or an id cannot be the name of a folder.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"--students {path}: cannot be read ({error}); give a text file in UTF-8") from error
    lines = list(enumerate(_first_column(path, text), 1))
    ids = [(k, unicodedata.normalize("NFC", line.strip())) for k, line in lines if line.strip()]
    if ids and plain_id(ids[0][1]) in HEADS:
        ids = ids[1:]
    if not ids:
        raise ConfigError(f"--students {path}: names nobody; give a file with one id a line")
    seen: dict[str, int] = {}
    for line, name in ids:
        if NO_FOLDER.search(name):
            raise ConfigError(
                f"--students {path}, line {line}: {name!r} cannot be the name of a folder; give another id"
            )
        if (first := seen.setdefault(plain_id(name), line)) != line:
            raise ConfigError(f"--students {path}, line {line}: {name!r} stands in line {first} already")
    return [name for _, name in ids]


def _first_column(path: Path, text: str) -> list[str]:
    """One entry for each line, empty where there is nothing."""
    if path.suffix.lower() not in (".csv", ".tsv"):
        return text.splitlines()
    head = text.partition("\n")[0]
    delimiter = next((sign for sign in ("\t", ";") if sign in head), ",")
    return [row[0] if row else "" for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)]


def student_of(seed: str, name: str, place: int) -> FormsOwner:
    """A student with the code that belongs to seed, id and place. It tells nobody who has not the seed whose it is.

    Whoever stands at another place has another code, so that nobody is judged by forms that were not handed out.
    """
    return FormsOwner(name, _drawn(seed, f"code {place}", name)[:8])


def _drawn(seed: str, what: str, name: str) -> str:
    return hmac.digest(seed.encode(), f"{what}/{plain_id(name)}".encode(), "sha256").hex()


def student_forms(
    seed: str, student: FormsOwner, place: int, lessons: Sequence[str] = ()
) -> list[tuple[Exercise, Form]]:
    """The forms of the student at a place of the list, from 0; who comes behind does not matter.

    Raises:
        ConfigError: the seed is empty, or a lesson has no exercises.
    """
    if not seed.strip():
        return draw_forms(seed, lessons)  # says so
    pairs = draw_forms(_drawn(seed, "forms", ""), lessons, place)  # others than without a list
    return [(exercise, replace(form, word=f"{form.word}_{student.code}")) for exercise, form in pairs]


def write_student_forms(out: Path, seed: str, names: Sequence[str], lessons: Sequence[str] = ()) -> int:
    """Write OUT/students/ID/LESSON.ipynb, OUT/material/CODE/ with the checks, and OUT/material/key.csv; their number.

    Raises:
        ConfigError: the seed is empty, a lesson has no exercises, or ``out`` is there and not empty.
        TrainingError: a file cannot be written.
    """
    students = [student_of(seed, name, place) for place, name in enumerate(names)]
    if len({student.code for student in students}) < len(students):
        raise ConfigError("--seed: two students have one code; give another seed")
    rows: list[tuple] = []
    with new_folder(out) as folder:
        for place, student in enumerate(students):
            forms = student_forms(seed, student, place, lessons)
            write_material(folder / "material" / student.code, forms)
            write_notebooks(folder / "students" / student.id, forms)
            rows += [_row(student, *pair) for pair in forms]
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator="\n").writerows([COLUMNS, *rows])
        write_text(folder / "material" / KEY, text.getvalue())
    return len(rows)


def _row(student: FormsOwner, exercise: Exercise, form: Form) -> tuple:
    changes = ["; ".join(f"{name}: {way}" for name, way in part.items()) for part in (form.axes, form.kinds)]
    return student.id, student.code, exercise.lesson, exercise.number, form.word, exercise.check, *changes
