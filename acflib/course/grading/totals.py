"""The points of each student as a table for a gradebook: ours, or with the columns of nbgrader, Moodle or Canvas."""

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from acflib.course.grading.grade import GradedNotebook, as_bytes
from acflib.engine.files import write_whole
from acflib.errors import ConfigError

COLUMNS = ("plain", "nbgrader", "moodle", "canvas")
NAMES = ("file", "folder", "outer-folder", "top-folder")
# What the platforms call what they let a teacher download: "Anna Muster_12345_assignsubmission_file_" of Moodle, a
# folder or the beginning of a file name; "musteranna_LATE_101_20202_01.ipynb" of Canvas.
OF_MOODLE = re.compile(r"(.+?)_(\d+)_assignsubmission_\w*?_")
OF_CANVAS = re.compile(r"([^_]+)_(?:LATE_)?(\d+)_\d+_.+")


@dataclass(frozen=True)
class Student:
    """A student's notebooks.

    Attributes:
        name: from a file or a folder.
        id: the number that Moodle or Canvas gave, where the name holds one; else empty.
        lessons: the best notebook of each lesson.
        remarks: what whoever grades should look at.
    """

    name: str
    id: str
    lessons: dict[str, GradedNotebook]
    remarks: tuple[str, ...]

    def earned(self) -> int:
        return sum(notebook.earned for notebook in self.lessons.values())


def write_totals(
    graded: Sequence[GradedNotebook], file: str, columns: str = "plain", student: str | None = None
) -> None:
    """Write the table, whole or not at all. The rows are sorted by name.

    Args:
        graded: all notebooks.
        file: of the table, CSV.
        columns: one of ``COLUMNS``.
        student: which part of a path names the student, one of ``NAMES``. None: the file where all notebooks lie in one
            folder; else the folder below the one that was given, or the notebook's folder where files were given.

    Raises:
        TrainingError: the file cannot be written.
    """
    students = students_of(graded, student)
    lessons = sorted({lesson for one in students for lesson in one.lessons})
    rows = {"plain": _plain, "nbgrader": _nbgrader, "moodle": _moodle, "canvas": _canvas}[columns](students, lessons)
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    write_whole(Path(file), as_bytes(text.getvalue()))


def check_totals(file: str | None, columns: str, student: str | None) -> None:
    """Look at the flags before a class is graded.

    Raises:
        ConfigError: naming the flag.
    """
    if columns not in COLUMNS:
        raise ConfigError(f'--columns must be one of {", ".join(COLUMNS)}, got "{columns}"')
    if student is not None and student not in NAMES:
        raise ConfigError(f'--student must be one of {", ".join(NAMES)}, got "{student}"')
    if file is None and columns != "plain":
        raise ConfigError(f"--columns {columns} is about a table of totals; give its file, too: --totals totals.csv")


def students_of(graded: Sequence[GradedNotebook], student: str | None = None) -> list[Student]:
    """The students, sorted by name; see :func:`write_totals`."""
    if student is None:
        in_one = len({notebook.path.resolve().parent for notebook in graded}) == 1
        student = "file" if in_one and not any(map(_folders, graded)) else "top-folder"
    found: dict[tuple[str, str], list[GradedNotebook]] = {}
    for notebook in graded:
        found.setdefault(_name_and_id(notebook, student), []).append(notebook)
    return [_student(*key, found[key]) for key in sorted(found)]


def _folders(notebook: GradedNotebook) -> list[str]:
    """Those between the folder that was given and the notebook; none where a file was given."""
    return list(PurePosixPath(notebook.name).parts[:-1]) if _in_a_folder(notebook) else []


def _in_a_folder(notebook: GradedNotebook) -> bool:
    return notebook.name not in ("", str(notebook.path))


def _name_and_id(notebook: GradedNotebook, student: str) -> tuple[str, str]:
    path, below = notebook.path.resolve(), _folders(notebook)
    matches = [*map(OF_MOODLE.match, (*below, path.parent.name, path.name)), OF_CANVAS.fullmatch(path.name)]
    if match := next(filter(None, matches), None):
        return match[1], match[2]
    names = {"file": path.stem, "folder": path.parent.name, "outer-folder": path.parent.parent.name}
    names["top-folder"] = below[0] if below else names["file" if _in_a_folder(notebook) else "folder"]
    return names[student], ""


def _student(name: str, number: str, notebooks: Sequence[GradedNotebook]) -> Student:
    lessons: dict[str, GradedNotebook] = {}
    remarks = []
    for notebook in notebooks:
        remarks += [notebook.problem] if notebook.problem else [f"{notebook.path}: {note}" for note in notebook.notes]
        if notebook.problem:
            continue
        if notebook.lesson in lessons:
            remarks.append(f"several notebooks of lesson {notebook.lesson}: the best one counts")
        if notebook.lesson not in lessons or notebook.earned > lessons[notebook.lesson].earned:
            lessons[notebook.lesson] = notebook
    return Student(name, number, lessons, tuple(dict.fromkeys(remarks)))


def _points(students: Sequence[Student], lesson: str) -> int:
    return max(one.lessons[lesson].points for one in students if lesson in one.lessons)


def _of_lesson(student: Student, lesson: str) -> int:
    """What a student has earned; 0 where nothing that can be graded was handed in."""
    return student.lessons[lesson].earned if lesson in student.lessons else 0


def _plain(students: Sequence[Student], lessons: Sequence[str]) -> list[list]:
    possible = sum(_points(students, k) for k in lessons)
    rows = [[one.name, one.earned(), possible, *(_shown(one, k) for k in lessons), _remarks(one)] for one in students]
    return [["student", "earned", "points", *(f"lesson {k}" for k in lessons), "remarks"], *rows]


def _shown(student: Student, lesson: str) -> int | str:
    return student.lessons[lesson].earned if lesson in student.lessons else ""


def _nbgrader(students: Sequence[Student], lessons: Sequence[str]) -> list[list]:
    """As ``nbgrader export`` writes: one row for each assignment of each student."""
    head = "assignment duedate timestamp student_id last_name first_name email raw_score late_submission_penalty"
    rows = []
    for k in lessons:
        for one in students:
            score = float(_of_lesson(one, k))
            rows.append([f"lesson-{k}", "", "", one.name, "", "", "", score, 0.0, score, float(_points(students, k))])
    return [[*head.split(), "score", "max_score"], *rows]


def _moodle(students: Sequence[Student], lessons: Sequence[str]) -> list[list]:
    """The columns that the offline grading worksheet of an assignment is read back by, and two to read."""
    head = ["Identifier", "Full name", "Grade", "Maximum Grade", "Last modified (grade)", "Feedback comments"]
    possible = sum(_points(students, k) for k in lessons)
    rows = [
        [f"Participant {one.id}" if one.id else "", one.name, one.earned(), possible, "", _remarks(one)]
        for one in students
    ]
    return [head, *rows]


def _canvas(students: Sequence[Student], lessons: Sequence[str]) -> list[list]:
    """As the gradebook of Canvas is imported: a column an assignment, and the row of possible points."""
    head = ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", *(f"Lesson {k}" for k in lessons)]
    possible = ["    Points Possible", "", "", "", "", *(_points(students, k) for k in lessons)]
    login = ["" if one.id else one.name for one in students]
    rows = [
        [one.name, one.id, "", name, "", *(_of_lesson(one, k) for k in lessons)]
        for one, name in zip(students, login, strict=True)
    ]
    return [head, possible, *rows]


def _remarks(student: Student) -> str:
    return "; ".join(student.remarks)
