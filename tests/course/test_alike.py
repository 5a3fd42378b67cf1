"""The same body in the forms of two students: seen through other names, remarked on, never graded."""

import ast
import json
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from acflib.cli.parser import main
from acflib.course.grading.alike import alike, plain_body
from acflib.course.material.students import student_forms, student_of, write_student_forms

pytestmark = pytest.mark.usefixtures("warm_python")

NAMES = ("anna", "boris", "clara", "dora", "emil")
BODY = """
    share = {0} // {1}
    for count in range(1, share + 1):
        if share % count == 0 and share // count <= {2}:
            return count
    return share
"""
RENAMED = """
    # the images of one GPU

    mine = {0} // {1}
    for k in range(1, mine + 1):
        if mine % k == 0 and mine // k <= {2}:  # fits
            return k
    return mine
"""
OTHER = """
    share = {0} // {1}
    count = 1
    while share % count or share // count > {2}:
        count += 1
    return count
"""


def body(source: str, arguments: str = "a, b, c") -> str:
    return plain_body(ast.parse(f"def f({arguments}):{source.format('a', 'b', 'c')}").body[0])


def test_names_comments_and_blank_lines_are_not_seen():
    assert body(BODY) == body(RENAMED) == body(BODY, "c, a, b") == body('\n    "Counts passes."' + RENAMED) != ""
    assert body(BODY) == body(BODY.replace("share", "c_").replace("{2}", "{2}"))


@pytest.mark.parametrize(
    "other",
    [OTHER, BODY.replace("<=", "<"), BODY.replace("range(1", "range(2"), BODY.replace("{0} // {1}", "{0} // {0}")],
)
def test_another_body_is_another(other: str):
    assert body(other) not in ("", body(BODY))


def test_names_of_python_and_of_attributes_are_seen():
    long = "\n    x = {0}.cumsum(0) + {1}\n    y = sum(x * {1} - {2})\n    return y / len(x) + {0} - {1} * {2}\n"
    assert body(long) not in ("", body(long.replace("cumsum", "cumprod")))
    assert body(long) != body(long.replace("sum(x *", "max(x *"))


@pytest.mark.parametrize("short", ["\n    return None", "\n    return {0} * {1} - {2} // 2", "\n    pass"])
def test_a_short_body_says_nothing(short: str):
    assert body(short) == ""
    assert plain_body(None) == plain_body(ast.parse("lambda x: x").body[0]) == ""


# ---- a folder of forms


def third(student: str):
    """The form of 11.3 of a student."""
    place = NAMES.index(student)
    forms = student_forms("heath", student_of("heath", student, place), place, ("11",))
    return next(form for exercise, form in forms if exercise.check == "micro_steps")


def hand_in(folder: Path, student: str, source: str, name: str = "11.ipynb") -> Path:
    form = third(student)
    code = f"def {form.word}({', '.join(form.names)}):{source.format(*form.names)}\n\nchecks.{form.word}({form.word})"
    path = folder / student / name
    path.parent.mkdir(parents=True, exist_ok=True)
    cells = [new_markdown_cell("# 11 · Exercises"), new_code_cell("from acflib.course.material import checks")]
    nbformat.write(new_notebook(cells=[*cells, new_code_cell(code)]), path)
    return path


@pytest.fixture
def material(tmp_path: Path) -> str:
    write_student_forms(tmp_path / "out", "heath", NAMES, ("11",))
    return str(tmp_path / "out" / "material")


def test_both_are_named_and_nobody_else(tmp_path: Path, material: str):
    anna, boris, clara = (hand_in(tmp_path, *pair) for pair in (("anna", BODY), ("boris", RENAMED), ("clara", OTHER)))
    found = alike([anna, boris, clara], material)
    (of_anna,), (of_boris,) = found[anna], found[boris]
    assert of_anna == "Exercise 11.3: anna has the same body, but for names, as boris. Costs nothing."
    assert "11.3: boris has" in of_boris and "as anna" in of_boris and found[clara] == ()
    assert alike([anna, boris], None) == {}


def test_a_student_is_no_twin_of_herself_and_many_are_counted(tmp_path: Path, material: str):
    paths = [hand_in(tmp_path, "anna", BODY), hand_in(tmp_path, "anna", BODY, "copy.ipynb")]
    assert set(alike(paths, material).values()) == {()}
    paths = [hand_in(tmp_path, name, BODY) for name in NAMES]
    assert "as boris, clara, dora and 1 more." in alike(paths, material)[paths[0]][0]


def test_what_is_no_notebook_is_left_to_the_grader(tmp_path: Path, material: str):
    (tmp_path / "broken.ipynb").write_text("nothing")
    path = hand_in(tmp_path, "anna", BODY)
    assert alike([tmp_path / "broken.ipynb", path], material) == {tmp_path / "broken.ipynb": (), path: ()}


def test_the_remark_is_in_the_files_and_costs_no_point(tmp_path: Path, material: str, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for student, source in (("anna", BODY), ("boris", RENAMED)):
        hand_in(tmp_path / "in", student, source)
    assert main(["grade", "in", "--material", material, "--out", "g", "--totals", "t.csv", "--seed", "5"]) == 0
    graded = json.loads(Path("g.json").read_text(encoding="utf-8"))["notebooks"]
    alone = hand_in(tmp_path / "alone", "anna", BODY)
    assert main(["grade", str(alone), "--material", material, "--out", "h", "--seed", "5"]) == 0
    (single,) = json.loads(Path("h.json").read_text(encoding="utf-8"))["notebooks"]
    assert [one["notes"] != [] for one in graded] == [True, True] and single["notes"] == []
    assert graded[0]["earned"] == single["earned"]
    for name in ("g.csv", "t.csv"):
        assert "the same body, but for names, as boris" in Path(name).read_text(encoding="utf-8")


def test_a_body_that_is_nested_too_deep_ends_nothing():
    """Python reads it, and walking through it would go too deep."""
    (function,) = ast.parse(f"def f(x):\n    return {'+'.join('x' * 800)}\n").body
    assert plain_body(function) == ""
