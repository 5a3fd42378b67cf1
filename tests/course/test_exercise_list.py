"""The list of exercises that `acflib grade` goes by, and how their cells are found."""

from pathlib import Path

from nbformat.v4 import new_code_cell, new_notebook

from acflib.course.checks.catalog import FILE, exercises, exercises_of
from acflib.course.grading.cells import check_calls
from tools.list_exercises import listing


def test_calls_are_found_whatever_stands_around_them():
    sources = [
        "v = acflib.course.checks.hard_centers(f)",
        "hard_centers(f)",
        "print(checks.hard_centers(a.b))",
        "checks.Verdict(f)",
    ]
    notebook = new_notebook(cells=[new_code_cell(source) for source in sources])
    assert [(call.cell, call.answer) for call in check_calls(notebook, exercises())] == [(0, "f"), (2, "a.b")]


def test_the_list_of_exercises_is_up_to_date():
    assert FILE.read_text(encoding="utf-8") == listing(), "run: python tools/list_exercises.py"


def test_the_list_of_exercises():
    assert [(e.number, e.points, e.check) for e in exercises_of("01")] == [
        (1, 4, "hard_centers"),
        (2, 4, "centers_from_logits"),
        (3, 4, "merge_centers"),
    ]
    checks_of_the_course = [exercise.check for exercise in exercises()]
    assert len(set(checks_of_the_course)) == len(checks_of_the_course)


def test_the_list_is_in_the_wheel():
    """`tests/house/test_wheel.py` builds one; here it is asked for."""
    text = (Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8")
    assert '"acflib.course.checks" = ["*.json"]' in text
    assert '"acflib.course.checks"' in text.split("packages = [")[1].split("]")[0]
