"""The points of each student as a table for a gradebook: ours, or with the columns of nbgrader, Moodle or Canvas."""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from acflib.course.grading.cells import is_folder
from acflib.course.grading.grade import GradedNotebook, as_bytes
from acflib.engine.files import write_whole
from acflib.errors import ConfigError

COLUMNS = ("plain", "nbgrader", "moodle", "canvas")
NOTHING = "nothing handed in, the folder holds no notebook"
NAMES = ("file", "folder", "outer-folder", "top-folder")
# What the platforms call what they let a teacher download: "Anna Muster_12345_assignsubmission_file" of Moodle, a
# folder (an older Moodle puts "_" at its end) or the beginning of a file name; "musteranna_LATE_101_20202_01.ipynb" of
# Canvas, whose files lie in one folder: a date looks the same.
OF_MOODLE = re.compile(r"(.+?)_(\d+)_assignsubmission_[a-z]+(?:_|$)")
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
    graded: Sequence[GradedNotebook],
    file: str,
    columns: str = "plain",
    student: str | None = None,
    empty: Mapping[Path, str] | None = None,
) -> None:
    """Write the table, whole or not at all; where it is one for a platform, the plain one beside it, with all remarks.

    The rows are sorted by name.

    Args:
        graded: all notebooks.
        file: of the table, CSV.
        columns: one of ``COLUMNS``.
        student: which part of a path names the student, one of ``NAMES``. None: the file where all notebooks lie in one
            folder; else the folder below the one that was given, or the notebook's folder where files were given.
        empty: folders of students who handed in no notebook, and what each is called.

    Raises:
        TrainingError: a file cannot be written.
    """
    students = students_of(graded, student, empty or {})
    lessons = sorted({lesson for one in students for lesson in one.lessons})
    tables = {"plain": _plain, "nbgrader": _nbgrader, "moodle": _moodle, "canvas": _canvas}
    _write(Path(file), tables[columns](students, lessons))
    if columns != "plain":
        _write(plain_beside(file), _plain(students, lessons))


def plain_beside(file: str) -> Path:
    """Where the plain totals lie beside those for a platform: totals.csv -> totals_plain.csv."""
    return Path(file).with_name(f"{Path(file).stem}_plain{Path(file).suffix}")


def _write(path: Path, rows: Sequence[Sequence]) -> None:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    write_whole(path, as_bytes(text.getvalue()))


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


def check_folders(paths: Sequence[Path], notebooks: Mapping[Path, str]) -> None:
    """Look whether the folder below the one that was given can name students; ``notebooks`` as they were found.

    Raises:
        ConfigError: several folders were given, and hold notebooks of the same paths.
    """
    folders = [path for path in paths if is_folder(path)]
    twice = [path for path, name in notebooks.items() if name == str(path) and path not in paths]
    if len(folders) > 1 and twice:
        raise ConfigError(
            f"--totals: {' and '.join(map(str, folders))} hold notebooks of the same paths, such as {twice[0]}: grade "
            "them one by one, or say what names a student: --student folder (or outer-folder)"
        )


def students_of(
    graded: Sequence[GradedNotebook], student: str | None = None, empty: Mapping[Path, str] | None = None
) -> list[Student]:
    """The students, sorted by name; see :func:`write_totals`."""
    if student is None:
        in_one = len({notebook.path.resolve().parent for notebook in graded}) == 1
        student = "file" if in_one and not any(map(_folders, graded)) or _all_of_canvas(graded) else "top-folder"
    canvas = student == "file" and _numbers_tell(graded)
    folders = {} if student == "file" else empty or {}
    found: dict[tuple[str, str], list[GradedNotebook]] = {}
    for notebook in (*graded, *(_nothing_in(*pair, student) for pair in folders.items())):
        found.setdefault(_name_and_id(notebook, student, canvas), []).append(notebook)
    return [_student(*key, found[key]) for key in sorted(found)]


def _of_canvas(graded: Sequence[GradedNotebook]) -> list[re.Match[str]]:
    """The names that are as Canvas writes them, or as a file with a date."""
    return [match for notebook in graded if (match := OF_CANVAS.fullmatch(notebook.path.name))]


def _all_of_canvas(graded: Sequence[GradedNotebook]) -> bool:
    """Whether all names are of Canvas, with the numbers of several students: a date is the same for all."""
    found = _of_canvas(graded)
    return len(found) == len(graded) and len({match[2] for match in found}) > 1


def _numbers_tell(graded: Sequence[GradedNotebook]) -> bool:
    """Whether each name has a number of its own, as Canvas gives; a year is that of several."""
    found = _of_canvas(graded)
    return len({match[2] for match in found}) >= len({match[1] for match in found})


def _nothing_in(folder: Path, name: str, student: str) -> GradedNotebook:
    """Stands for the notebook that a student's folder should hold."""
    inside = "-/-" if student == "outer-folder" else "-"
    return GradedNotebook(folder / inside, "", (), f"{name}: {NOTHING}", name=f"{name}/{inside}")


def folders_above(names: Sequence[str], student: str | None) -> set[int | None]:
    """How deep folders of students lie in the one that was given, by the paths of its notebooks; None: just in it."""
    less = {"folder": 1, "outer-folder": 2}.get(student or "")
    depths = {len(PurePosixPath(name).parts) - less for name in names} if less else {None}
    return {depth for depth in depths if depth is None or depth > 0}


def _folders(notebook: GradedNotebook) -> list[str]:
    """Those between the folder that was given and the notebook; none where a file was given."""
    return list(PurePosixPath(notebook.name).parts[:-1]) if _in_a_folder(notebook) else []


def _in_a_folder(notebook: GradedNotebook) -> bool:
    return notebook.name not in ("", str(notebook.path))


def _name_and_id(notebook: GradedNotebook, student: str, canvas: bool) -> tuple[str, str]:
    path, below = notebook.path.resolve(), _folders(notebook)
    matches = [*map(OF_MOODLE.match, (*below, path.parent.name, path.name))]
    if canvas:
        matches.append(OF_CANVAS.fullmatch(path.name))
    if match := next(filter(None, matches), None):
        return match[1], match[2]
    names = {"file": path.stem, "folder": path.parent.name, "outer-folder": path.parent.parent.name}
    names["top-folder"] = below[0] if below else names["file" if _in_a_folder(notebook) else "folder"]
    return names[student], ""


def _student(name: str, number: str, notebooks: Sequence[GradedNotebook]) -> Student:
    lessons: dict[str, GradedNotebook] = {}
    remarks = []
    for notebook in notebooks:
        remarks += [notebook.problem] if notebook.problem else [f"{notebook.shown}: {note}" for note in notebook.notes]
        if notebook.problem:
            continue
        if notebook.lesson in lessons:
            remarks.append(f"several notebooks of lesson {notebook.lesson}: the best one counts")
        if notebook.lesson not in lessons or _worth(notebook) > _worth(lessons[notebook.lesson]):
            lessons[notebook.lesson] = notebook
    return Student(name, number, lessons, tuple(dict.fromkeys(remarks)))


def _worth(notebook: GradedNotebook) -> tuple[bool, int]:
    """One with forms of another student never counts before one's own."""
    return not notebook.foreign, notebook.earned


def _points(students: Sequence[Student], lesson: str) -> int:
    return max(one.lessons[lesson].points for one in students if lesson in one.lessons)


def _of_lesson(student: Student, lesson: str) -> int | str:
    """What goes to a platform: blank where nothing that can be graded was handed in, or another student's forms."""
    return "" if lesson in student.lessons and student.lessons[lesson].foreign else _shown(student, lesson)


def _plain(students: Sequence[Student], lessons: Sequence[str]) -> list[list]:
    possible = sum(_points(students, k) for k in lessons)
    rows = [
        [one.name, one.earned() if one.lessons else "", possible, *(_shown(one, k) for k in lessons), _remarks(one)]
        for one in students
    ]
    return [["student", "earned", "points", *(f"lesson {k}" for k in lessons), "remarks"], *rows]


def _shown(student: Student, lesson: str) -> int | str:
    return student.lessons[lesson].earned if lesson in student.lessons else ""


def _nbgrader(students: Sequence[Student], lessons: Sequence[str]) -> list[list]:
    """As ``nbgrader export`` writes: one row for each assignment of each student."""
    head = "assignment duedate timestamp student_id last_name first_name email raw_score late_submission_penalty"
    rows = []
    for k in lessons:
        for one in students:
            points = _of_lesson(one, k)
            score = points if points == "" else float(points)
            rows.append([f"lesson-{k}", "", "", one.name, "", "", "", score, 0.0, score, float(_points(students, k))])
    return [[*head.split(), "score", "max_score"], *rows]


def _moodle(students: Sequence[Student], lessons: Sequence[str]) -> list[list]:
    """The columns that the offline grading worksheet of an assignment is read back by, and two to read.

    Moodle shows the student the feedback, so it holds points alone. A blank grade is meant to change nothing there.
    """
    head = ["Identifier", "Full name", "Grade", "Maximum Grade", "Last modified (grade)", "Feedback comments"]
    possible = sum(_points(students, k) for k in lessons)
    rows = []
    for one in students:
        graded = bool(one.lessons) and not any(notebook.foreign for notebook in one.lessons.values())
        told = "; ".join(f"lesson {k}: {one.lessons[k].earned} of {_points(students, k)}" for k in sorted(one.lessons))
        number = f"Participant {one.id}" if one.id else ""
        rows.append([number, one.name, one.earned() if graded else "", possible, "", told if graded else ""])
    return [head, *rows]


def _canvas(students: Sequence[Student], lessons: Sequence[str]) -> list[list]:
    """As the gradebook of Canvas is imported: a column an assignment, and the row of possible points.

    A column of remarks would become an assignment there.
    """
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
