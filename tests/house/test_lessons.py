"""Every lesson has the form of the course, and each demand of the form refuses a lesson that breaks it."""

import ast
import inspect
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from acflib.metrics import confusion_matrix
from tests.house.lesson_form import (
    check_copies,
    check_exercises,
    check_figures,
    check_hand_cells,
    check_header,
    check_next,
    check_sections,
    check_solutions,
    check_tags,
    check_text_share,
)
from tests.house.test_notebooks import NOTEBOOKS, PATHS, code_cells
from tools.notebook_cells import lessons

LESSONS = lessons(NOTEBOOKS)
LAST = max(int(path.name[:2]) for path in LESSONS)
every_notebook = pytest.mark.parametrize("path", PATHS, ids=lambda path: path.relative_to(NOTEBOOKS).as_posix())
every_lesson = pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
with_exercises = pytest.mark.parametrize("path", [p for p in LESSONS if p.name[:2] != "00"], ids=lambda path: path.stem)


@every_notebook
def test_notebook(path: Path):
    notebook = nbformat.read(path, as_version=4)
    checks = (check_text_share, check_figures, check_tags, check_copies)
    assert [complaint for check in checks for complaint in check(notebook)] == []


@every_lesson
def test_lesson(path: Path):
    notebook, number = nbformat.read(path, as_version=4), int(path.name[:2])
    complaints = check_header(notebook) + check_sections(notebook, exercises=number > 0)
    complaints += check_next(notebook, number, LAST) + check_hand_cells(notebook)
    assert notebook.cells[0].source.startswith(f"# {path.name[:2]} · ")
    assert complaints == []


@with_exercises
def test_exercises(path: Path):
    assert check_exercises(path) + check_solutions(path) == []


def test_lessons_are_numbered_without_a_gap():
    assert LAST >= 12
    assert [path.name[:2] for path in LESSONS] == [f"{number:02d}" for number in range(LAST + 1)]


def test_each_solution_belongs_to_a_lesson():
    solutions = sorted((NOTEBOOKS / "solutions").glob("*.ipynb"))
    assert [path.name for path in solutions if not (NOTEBOOKS / path.name).is_file()] == []


# ---- the demands themselves are tried on a lesson that keeps them, and on spoiled copies of it

HEAD = """# 01 · A lesson

**Question.** Why?

| | |
| --- | --- |
| **What you will learn** | to read a table |
| **Prerequisites** | Python, arrays |
| **Paper** | section 3.1.1 |
| **Time and memory** | one hour; the cells run in about 5 seconds on 2 CPU cores and need 0.8 GB |"""
STUB = "from acflib.course import checks\n\n\ndef mine(x):\n    return None\n\n\nchecks.{}(mine)"
UNSOLVED = "Not solved yet: the function returns nothing."
CHECKS = ("hard_centers", "centers_from_logits", "merge_centers")
PNG = {"image/png": "iVBORw0=", "text/plain": "<Figure size 100x100 with 1 Axes>"}


def code(source: str, *outputs, tags: tuple = (), number: int = 1) -> nbformat.NotebookNode:
    return new_code_cell(source, outputs=list(outputs), metadata={"tags": list(tags)}, execution_count=number)


def text(value: str) -> nbformat.NotebookNode:
    return new_output("stream", text=value, name="stdout")


def result(value: str) -> nbformat.NotebookNode:
    return new_output("execute_result", data={"text/plain": value}, execution_count=1)


def good_lesson() -> nbformat.NotebookNode:
    cells = [
        new_markdown_cell(HEAD),
        code("total = 1 + 2\nprint(total)", text("3\n"), tags=("hand", "eq-1")),
        code("from acflib.functional import class_centers\nprint(class_centers)", text("same\n")),
        code("plt.show()", new_output("display_data", data=PNG)),
        new_markdown_cell("## 2. Common mistakes\n\nNone.\n\n## 3. Exercises"),
    ]
    for number, check in enumerate(CHECKS, 1):
        heading = f"### Exercise {number}: A task (10 minutes)\n\nDo it.\n*Rubric: 2 points for this, 1 for that.*"
        cells += [new_markdown_cell(heading), code(STUB.format(check), result(UNSOLVED), tags=("exercise",))]
    cells.append(new_markdown_cell("## Summary\n\nAll said.\n\n## What next\n\n**Lesson 02**."))
    return new_notebook(cells=cells)


def good_solutions() -> nbformat.NotebookNode:
    cells = [code(STUB.format(check), result("Right, on 3 random shapes.")) for check in CHECKS]
    return new_notebook(cells=[new_markdown_cell("# Solutions 01 · A lesson"), *cells])


ON_NOTEBOOKS = {
    check.__name__: check
    for check in (check_text_share, check_figures, check_tags, check_copies, check_header, check_sections)
} | {"check_hand_cells": check_hand_cells, "check_next": lambda notebook: check_next(notebook, 1, LAST)}


@pytest.mark.parametrize("name", ON_NOTEBOOKS)
def test_a_good_lesson_has_no_complaint(name: str):
    assert ON_NOTEBOOKS[name](good_lesson()) == []


def head(old: str, new: str) -> Callable:
    assert old in HEAD
    return lambda notebook: notebook.cells[0].update(source=HEAD.replace(old, new))


def last(source: str) -> Callable:
    return lambda notebook: notebook.cells[-1].update(source=source)


def cell(index: int, **changes) -> Callable:
    return lambda notebook: code_cells(notebook)[index].update(changes)


def renamed_copy() -> str:
    """acflib.metrics.confusion_matrix under another name and without its docstring."""
    function = ast.parse(inspect.getsource(confusion_matrix)).body[0]
    function.name, function.body = "count", function.body[1:]
    return ast.unparse(function)


SPOILED = {
    "cells without text": ("check_text_share", lambda n: [c.update(outputs=[]) for c in code_cells(n)[:2]]),
    "text that is a figure's name": (
        "check_text_share",
        lambda n: [c.update(outputs=[new_output("display_data", data=PNG)]) for c in code_cells(n)[:2]],
    ),
    "text that is ignored": (
        "check_text_share",
        lambda n: [c.metadata.update(tags=["nbval-ignore-output"]) for c in code_cells(n)[:2]],
    ),
    "figure without PNG": ("check_figures", cell(2, outputs=[result("<Figure size 100x100 with 1 Axes>")])),
    "shown figure without output": ("check_figures", cell(2, outputs=[])),
    "wrong tag": ("check_tags", cell(0, metadata={"tags": ["eq1"]})),
    "tag on text": ("check_tags", lambda n: n.cells[0].metadata.update(tags=["hand"])),
    "no number": ("check_header", head("# 01 · ", "# ")),
    "no question": ("check_header", head("**Question.** ", "")),
    "no prerequisites": ("check_header", head("| **Prerequisites** | Python, arrays |\n", "")),
    "rows in another order": ("check_header", head("**Paper**", "**Article**")),
    "no time": ("check_header", head("about 5 seconds on 2 CPU cores", "a while")),
    "no memory": ("check_header", head("0.8 GB", "some memory")),
    "no summary": ("check_sections", last("## What next\n\nLesson 02.")),
    "summary last": ("check_sections", last("## What next\n\nLesson 02.\n\n## Summary\n\nAll said.")),
    "next lesson not named": ("check_next", last("## What next\n\nSee lesson 03.")),
    "no hand computation": ("check_hand_cells", cell(0, metadata={})),
    "hand imports acflib": ("check_hand_cells", cell(0, source="from acflib import functional\nprint(3)")),
    "hand imports a module of acflib": ("check_hand_cells", cell(0, source="import acflib.losses as l\nprint(3)")),
    "hand uses what was imported": (
        "check_hand_cells",
        lambda n: n.cells.insert(3, code("print(class_centers(1, 2))", tags=("hand",))),
    ),
    "defines a name of the library": ("check_copies", cell(1, source="def class_centers(x, p):\n    return x @ p")),
    "copies a body": ("check_copies", lambda n: code_cells(n)[1].update(source=renamed_copy())),
}


@pytest.mark.parametrize("name", SPOILED)
def test_a_spoiled_lesson_is_caught(name: str):
    check, spoil = SPOILED[name]
    notebook = good_lesson()
    spoil(notebook)
    assert ON_NOTEBOOKS[check](notebook), f"{check} did not see: {name}"


def test_a_hand_computation_may_have_the_name_of_what_it_derives():
    notebook = good_lesson()
    code_cells(notebook)[0].update(source="def attend_sum(f, p):\n    return f @ p\n\n\nprint(3)")
    assert check_copies(notebook) == []


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "solutions").mkdir()
    nbformat.write(good_lesson(), tmp_path / "01_x.ipynb")
    nbformat.write(good_solutions(), tmp_path / "solutions" / "01_x.ipynb")
    return tmp_path


def respoil(path: Path, spoil: Callable) -> None:
    notebook = nbformat.read(path, as_version=4)
    spoil(notebook)
    nbformat.write(notebook, path)


def test_good_exercises_and_solutions(folder):
    assert check_exercises(folder / "01_x.ipynb") == check_solutions(folder / "01_x.ipynb") == []


BAD_EXERCISES = {
    "two alone": lambda n: n.cells.__delitem__(slice(9, 11)),
    "no minutes": lambda n: n.cells[5].update(source=n.cells[5].source.replace("(10 minutes)", "")),
    "no rubric": lambda n: n.cells[5].update(source=n.cells[5].source.replace("Rubric", "Points")),
    "wrong number": lambda n: n.cells[7].update(source=n.cells[7].source.replace("Exercise 2", "Exercise 4")),
    "no tag": lambda n: n.cells[6].metadata.update(tags=[]),
    "no check": lambda n: n.cells[6].update(source="def mine(x):\n    return None"),
    "already solved": lambda n: n.cells[6].update(outputs=[result("Right, on 3 random shapes.")]),
    "message ignored": lambda n: n.cells[6].metadata.update(tags=["exercise", "nbval-ignore-output"]),
    "message printed nowhere": lambda n: n.cells[6].update(outputs=[]),
}


@pytest.mark.parametrize("name", BAD_EXERCISES)
def test_bad_exercises_are_caught(folder, name: str):
    respoil(folder / "01_x.ipynb", BAD_EXERCISES[name])
    assert check_exercises(folder / "01_x.ipynb")


BAD_SOLUTIONS = {
    "one is missing": lambda n: n.cells.pop(),
    "one is wrong": lambda n: n.cells[2].update(outputs=[result("Not right yet: no.")]),
    "one is ignored": lambda n: n.cells[2].metadata.update(tags=["nbval-ignore-output"]),
    "one is of another exercise": lambda n: n.cells[2].update(source=STUB.format("hard_centers")),
}


@pytest.mark.parametrize("name", BAD_SOLUTIONS)
def test_bad_solutions_are_caught(folder, name: str):
    respoil(folder / "solutions" / "01_x.ipynb", BAD_SOLUTIONS[name])
    assert check_solutions(folder / "01_x.ipynb")


def test_missing_solutions_are_caught(folder):
    (folder / "solutions" / "01_x.ipynb").unlink()
    assert check_solutions(folder / "01_x.ipynb")
