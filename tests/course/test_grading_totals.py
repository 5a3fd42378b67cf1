"""Totals: nobody is lost, no student reads what is meant for the instructor, nothing handed in is not 0 points."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from acflib.cli import grade as command
from acflib.cli.parser import main
from acflib.course.grading.grade import GradedNotebook, grade_or_say
from acflib.course.grading.totals import NAMES, folders_above, plain_beside, write_totals
from acflib.course.material.students import write_student_forms
from tests.course.test_grading_class import graded, table
from tests.course.test_student_forms import solved

pytestmark = pytest.mark.usefixtures("warm_python")

PLATFORMS = ("nbgrader", "moodle", "canvas")
# The folder that was given is /srv/class/in; lesson 01 has 12 points, 4 an exercise.
FOREIGN = "Forms of another student: they are those of anna, the path names dev."
IN = "/srv/class/in"


def handed_in(name: str, solved_ones: int, **more) -> GradedNotebook:
    return graded(f"{IN}/{name}", "01", solved_ones, name=name, **more)


CLASS = [
    handed_in("anna/01.ipynb", 3),
    handed_in("bert/01.ipynb", 0),
    GradedNotebook(Path(f"{IN}/carl/01.ipynb"), "", (), "carl/01.ipynb: is no Jupyter notebook", name="carl/01.ipynb"),
    handed_in("dev/01.ipynb", 3, notes=(FOREIGN,)),
]
EMPTY = {
    Path(f"{IN}/emma"): "emma",
    Path(f"{IN}/Fay Li_417_assignsubmission_file_"): "Fay Li_417_assignsubmission_file_",
}


def totals(tmp_path: Path, columns: str, notebooks: list = CLASS, **more) -> list[list[str]]:
    write_totals(notebooks, str(tmp_path / "t.csv"), columns, **more)
    return table(tmp_path / "t.csv")


def test_the_plain_totals_have_all_students_and_all_remarks(tmp_path: Path):
    rows = totals(tmp_path, "plain", empty=EMPTY)[1:]
    nothing = "nothing handed in, the folder holds no notebook"
    assert rows == [
        ["Fay Li", "", "12", "", f"Fay Li_417_assignsubmission_file_: {nothing}"],
        ["anna", "12", "12", "12", ""],
        ["bert", "0", "12", "0", ""],
        ["carl", "", "12", "", "carl/01.ipynb: is no Jupyter notebook"],
        ["dev", "12", "12", "12", f"dev/01.ipynb: {FOREIGN}"],
        ["emma", "", "12", "", f"emma: {nothing}"],
    ]


@pytest.mark.parametrize("columns", PLATFORMS)
def test_on_a_platform_only_what_was_earned_is_a_grade(tmp_path: Path, columns: str):
    """0 is bert's alone; who handed in nothing, a damaged file or another student's forms has no grade."""
    rows = totals(tmp_path, columns, empty=EMPTY)
    head, rows = rows[0], rows[2:] if columns == "canvas" else rows[1:]
    name, grade = {"nbgrader": ("student_id", "score"), "moodle": ("Full name", "Grade")}.get(
        columns, ("Student", "Lesson 01")
    )
    grades = {row[head.index(name)]: row[head.index(grade)] for row in rows}
    assert {student: float(points) for student, points in grades.items() if points} == {"anna": 12, "bert": 0}
    assert sorted(grades) == ["Fay Li", "anna", "bert", "carl", "dev", "emma"]


@pytest.mark.parametrize("columns", PLATFORMS)
def test_no_student_reads_of_another_or_of_the_disk(tmp_path: Path, columns: str):
    """The remarks lie beside the file for the platform, in the plain totals."""
    rows = totals(tmp_path, columns, empty=EMPTY)
    (dev,) = (row for row in rows if "dev" in row)
    assert "anna" not in " ".join(dev) and IN not in str(rows) and "Jupyter" not in str(rows)
    beside = table(plain_beside(str(tmp_path / "t.csv")))
    assert beside == totals(tmp_path, "plain", empty=EMPTY) and FOREIGN in str(beside) and IN not in str(beside)


def test_the_feedback_of_moodle_is_points(tmp_path: Path):
    rows = totals(tmp_path, "moodle", [*CLASS, graded(f"{IN}/anna/02.ipynb", "02", 0, name="anna/02.ipynb")])
    feedback = {row[1]: row[5] for row in rows[1:]}
    assert feedback == {"anna": "lesson 01: 12 of 12; lesson 02: 0 of 17", "bert": "lesson 01: 0 of 12"} | {
        name: "" for name in ("carl", "dev")
    }


def test_ones_own_forms_count_before_those_of_another(tmp_path: Path):
    both = [replace(CLASS[3], name="dev/copy.ipynb"), handed_in("dev/01.ipynb", 1)]
    for notebooks in (both, both[::-1]):
        (row,) = totals(tmp_path, "plain", notebooks)[1:]
        assert row[:4] == ["dev", "4", "12", "4"] and FOREIGN in row[4]
        assert totals(tmp_path, "moodle", notebooks)[1][2] == "4"


def test_where_the_folders_of_students_lie():
    names = ["week 1/anna/01.ipynb", "week 1/bert/01.ipynb"]
    assert [folders_above(names, student) for student in (None, *NAMES)] == [{None}, {None}, {2}, {1}, {None}]


def test_an_empty_folder_is_called_as_a_full_one(tmp_path: Path):
    notebooks = [handed_in("week 1/anna/01.ipynb", 3)]
    empty = {Path(f"{IN}/week 1/emma"): "week 1/emma"}
    assert [row[0] for row in totals(tmp_path, "plain", notebooks, student="folder", empty=empty)[1:]] == [
        "anna",
        "emma",
    ]
    notebooks = [handed_in("anna/lesson 1/01.ipynb", 3)]
    rows = totals(tmp_path, "plain", notebooks, student="outer-folder", empty={Path(f"{IN}/emma"): "emma"})
    assert [row[0] for row in rows[1:]] == ["anna", "emma"]


def test_a_damaged_file_is_called_by_its_path_from_the_folder_that_was_given(tmp_path: Path):
    path = tmp_path / "carl" / "01.ipynb"
    path.parent.mkdir()
    path.write_text("no notebook")
    assert grade_or_say(path, 1, name="carl/01.ipynb").problem.startswith("carl/01.ipynb: is no Jupyter notebook")
    assert grade_or_say(path, 1).problem.startswith(f"{path}: ")


def test_the_command_names_the_students_who_handed_in_nothing(tmp_path: Path, monkeypatch, capsys):
    def grade(path: Path, seed: int, timeout: float, kernels: object, name: str) -> GradedNotebook:
        return graded(str(path), "01", 3, name=name)

    monkeypatch.setattr(command, "grade_or_say", grade)
    for name in ("anna", "emma"):
        (tmp_path / "in" / "week 1" / name).mkdir(parents=True)
    (tmp_path / "in" / "week 1" / "anna" / "01.ipynb").write_text("{}")
    flags = ["--out", str(tmp_path / "g"), "--totals", str(tmp_path / "t.csv"), "--student", "folder"]
    assert main(["grade", str(tmp_path / "in"), "--columns", "canvas", *flags]) == 0
    assert [row[0] for row in table(tmp_path / "t.csv")[2:]] == ["anna", "emma"]
    said = capsys.readouterr()
    assert (
        "acflib: week 1/emma: holds no notebook" in said.err
        and f"remarks for you in {tmp_path / 't_plain.csv'}" in said.out
    )


def test_forms_of_another_student_from_notebook_to_platform(tmp_path: Path, monkeypatch):
    """dev hands in what anna has solved: judged, told to the instructor, and no grade."""
    monkeypatch.chdir(tmp_path)
    write_student_forms(tmp_path / "out", "heath", ("anna", "dev"), ("07",))
    solved(tmp_path / "out" / "students" / "anna" / "07.ipynb", "anna", 0, tmp_path / "in" / "dev" / "07.ipynb")
    flags = ["--material", "out/material", "--out", "g", "--totals", "t.csv", "--columns", "moodle", "--seed", "5"]
    assert main(["grade", str(tmp_path / "in"), *flags]) == 0
    (one,) = json.loads(Path("g.json").read_text(encoding="utf-8"))["notebooks"]
    assert one["earned"] > 0
    (dev,) = table(Path("t.csv"))[1:]
    assert dev[1:3] == ["dev", ""] and "anna" not in " ".join(dev)
    (dev,) = table(Path("t_plain.csv"))[1:]
    assert dev[1] == str(one["earned"]) and dev[-1].startswith("dev/07.ipynb: Forms of another student")


def test_a_note_is_about_a_whole_notebook_of_another(tmp_path: Path):
    """Single forms of others are not judged, so the points of such a notebook are its owner's."""
    note = "Forms of another student, not judged: checks.heron_12 of anna; the others are dev's."
    assert (
        not handed_in("dev/01.ipynb", 1, notes=(note,)).foreign
        and handed_in("dev/01.ipynb", 1, notes=(FOREIGN,)).foreign
    )


@pytest.mark.parametrize("student", [None, "top-folder", "folder"])
def test_a_date_in_the_name_of_a_file_is_no_number_of_canvas(tmp_path: Path, student):
    notebooks = [handed_in(f"{name}/homework_2026_01_14.ipynb", n) for name, n in (("anna", 3), ("ben", 0))]
    assert [row[:2] for row in totals(tmp_path, "plain", notebooks, student=student)[1:]] == [
        ["anna", "12"],
        ["ben", "0"],
    ]


def test_a_year_in_the_names_of_files_is_nobodys_number(tmp_path: Path):
    notebooks = [handed_in(f"{name}_2026_01_14.ipynb", 3) for name in ("anna", "ben")]
    rows = totals(tmp_path, "canvas", notebooks)[2:]
    assert [row[:2] for row in rows] == [["anna_2026_01_14", ""], ["ben_2026_01_14", ""]]


@pytest.mark.parametrize("folder", ["", "week 1/"])
def test_files_of_canvas(tmp_path: Path, folder):
    notebooks = [handed_in(f"{folder}{name}_01.ipynb", 3) for name in ("anna_101_2020", "ben_LATE_102_2021")]
    assert [row[:2] for row in totals(tmp_path, "canvas", notebooks)[2:]] == [["anna", "101"], ["ben", "102"]]


@pytest.mark.parametrize("end", ["", "_"])
def test_folders_of_moodle(tmp_path: Path, end):
    """Of versions that end the name with an underscore and of those that do not."""
    notebooks = [handed_in(f"Anna Muster_417_assignsubmission_file{end}/01.ipynb", 3)]
    assert totals(tmp_path, "moodle", notebooks)[1][:3] == ["Participant 417", "Anna Muster", "12"]


def test_two_folders_with_the_same_paths_do_not_name_students(tmp_path: Path, capsys):
    for group in ("first", "late"):
        for name in ("anna", "ben"):
            (tmp_path / group / name).mkdir(parents=True)
            (tmp_path / group / name / "01.ipynb").write_text("{}")
    flags = ["grade", str(tmp_path / "first"), str(tmp_path / "late"), "--out", str(tmp_path / "grades")]
    assert main([*flags, "--totals", str(tmp_path / "totals.csv")]) == 2
    assert "hold notebooks of the same paths" in capsys.readouterr().err


@pytest.mark.parametrize("out, more", [
    ("week1", ["--totals", "week1.csv"]), ("x_plain", ["--totals", "x.csv", "--columns", "moodle"]),
])  # fmt: skip
def test_two_tables_in_one_file_are_refused(tmp_path: Path, monkeypatch, capsys, out, more):
    monkeypatch.chdir(tmp_path)
    assert main(["grade", ".", "--out", out, *more]) == 2
    assert "would write one file" in capsys.readouterr().err
