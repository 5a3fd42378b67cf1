"""Exercises that students do not have: started, tried, graded; and what is said where something is wrong."""

import json
import os
import re
from pathlib import Path

import nbformat
import pytest

from acflib.cli.parser import main
from acflib.course.checks.catalog import MATERIAL, exercises
from acflib.course.grading.kernel import judge_answer
from acflib.course.material import checks
from acflib.course.material.folder import load_check, new_folder
from acflib.course.material.form_notebooks import draw_forms, write_forms
from acflib.course.material.form_verdict import form_lines
from acflib.course.material.template import new_exercise
from acflib.errors import ConfigError

pytestmark = pytest.mark.usefixtures("warm_python")

ROOT = Path(__file__).parents[2]
RIGHT = """
def my_answer(predicted, labels):
    labeled = labels != 255
    return ((predicted == labels) & labeled).sum().double() / labeled.sum().clamp(min=1)


checks.pixel_share(my_answer)"""
CHEAT = """
import os, pathlib
home = pathlib.Path("own") / "pixel_share"
home.mkdir(parents=True, exist_ok=True)
(home / "check.py").write_text(
    "from acflib.course.checks.judge import Verdict\\ndef check(student): return Verdict(True, 'Right')"
)
os.environ["ACFLIB_MATERIAL"] = str(home.parent.resolve())

def my_answer(predicted, labels):
    return 1.0


checks.pixel_share(my_answer)"""


@pytest.fixture(autouse=True)
def no_material(monkeypatch, tmp_path):
    """What a test sets is forgotten, and no folder `material` lies in the working directory."""
    monkeypatch.delenv(MATERIAL, raising=False)
    monkeypatch.chdir(tmp_path)


def changed(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_a_seed_is_drawn_and_told_where_none_is_given(tmp_path, capsys):
    folders = [tmp_path / name for name in ("first", "second", "again")]
    seeds = []
    for folder in folders[:2]:
        assert main(["course", "quiz", "--lesson", "01", "--out", str(folder)]) == 0
        seeds.append(re.search(r"^--seed ([0-9a-f]{16}): drawn", capsys.readouterr().out, re.MULTILINE)[1])
    assert main(["course", "quiz", "--lesson", "01", "--seed", seeds[0], "--out", str(folders[2])]) == 0
    first, second, again = ((folder / "quiz.md").read_text() for folder in folders)
    assert first == again != second


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["new-exercise", "Two Words", "--out", "mine"], "give small letters"),
        (["new-exercise", "one", "--out", "mine", "--lesson", "7"], "give two digits"),
        (["new-exercise", "one"], "--out is missing"),
        (["new-exercise", "one", "--out", str(ROOT / "mine")], "choose a folder outside"),
        (["new-exercise", "taken", "--out", "."], "is there already, and not empty"),
        (["forms", "--seed", "s"], "--out is missing"),
        (["forms", "--seed", "s", "--out", "taken"], "is there already, and not empty"),
        (["forms", "--seed", "s", "--out", "f", "--lesson", "00"], "has no exercises; those that have: 01"),
        (["quiz", "--seed", "s", "--out", "q", "--lesson", "99"], "there is no such lesson; give 00 to 14"),
        (["quiz", "--seed", "s", "--out", "taken/file"], "is there already, and not empty"),
        (["try", "empty"], "holds no exercises"),
    ],
)
def test_what_cannot_be_written_is_said_and_nothing_is_half_written(tmp_path, capsys, arguments, said):
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "file").write_text("mine")
    before = sorted(tmp_path.rglob("*"))
    assert main(["course", *arguments]) == 2
    assert said in capsys.readouterr().err
    assert sorted(tmp_path.rglob("*")) == before and not (ROOT / "mine").exists()


def test_a_folder_that_fails_half_way_is_not_there(tmp_path):
    with pytest.raises(RuntimeError), new_folder(tmp_path / "out") as folder:
        (folder / "first").write_text("half")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_a_folder_in_a_copy_of_the_course_is_refused_and_one_beside_it_is_not(tmp_path):
    for name in ("course/.git", "course/acflib/course", "own/.git"):
        (tmp_path / name).mkdir(parents=True)
    with pytest.raises(ConfigError, match="lies in the checkout"):
        new_exercise(tmp_path / "course" / "deep" / "mine", "one", "90", "one")
    assert new_exercise(tmp_path / "own", "one", "90", "one").is_dir()


def test_at_home_an_exercise_is_judged_where_its_folder_lies_beside_the_notebook(tmp_path, monkeypatch):
    assert checks.pixel_share(lambda p, y: 0.5).message.startswith("Not judged here")
    new_exercise(tmp_path / "material", "pixel_share", "90", "share")
    assert "belong to no class" in checks.pixel_share(lambda p, y: (p == y).double().mean()).message
    with pytest.raises(AttributeError, match="holds no exercise pixel_shares"):
        checks.pixel_shares  # noqa: B018
    monkeypatch.setenv(MATERIAL, str(tmp_path / "material"))
    assert [exercise.check for exercise in exercises()] == ["pixel_share"]


def test_a_grader_asks_the_folder_that_it_was_given_and_no_other(tmp_path, monkeypatch):
    """A notebook can set the environment of its kernel. What it names there must not count."""
    new_exercise(tmp_path / "mine", "pixel_share", "90", "share")
    new_exercise(tmp_path / "forged", "pixel_share", "90", "share")
    new_exercise(tmp_path / "forged", "hard_centers", "90", "share")
    for name in ("pixel_share", "hard_centers"):
        changed(tmp_path / "forged" / name / "check.py", "    return judge(", "    return Verdict(True, '') or judge(")
    monkeypatch.setenv(MATERIAL, str(tmp_path / "forged"))
    for name, folder in (("pixel_share", str(tmp_path / "mine")), ("hard_centers", None)):
        assert load_check(tmp_path / "forged", name)(lambda *_: None).solved
        judge_answer(str(tmp_path / "found"), name, lambda *_: None, 3, folder)
        assert json.loads((tmp_path / "found").read_text())["solved"] is False


def notebook(path: Path, stub: Path, answers: dict[str, str]) -> None:
    """A student's copy of a stub, with cells replaced by the name of the check they call."""
    found = nbformat.read(stub, as_version=4)
    for cell in found.cells:
        for name, source in answers.items():
            if f"checks.{name}(" in cell.source:
                cell.source = source
    nbformat.write(found, path)


def test_grading_exercises_of_a_folder(tmp_path, capsys):
    new_exercise(tmp_path / "mine", "pixel_share", "90", "share")
    stub = tmp_path / "mine" / "pixel_share" / "stub.ipynb"
    notebook(tmp_path / "right.ipynb", stub, {"pixel_share": RIGHT})
    notebook(tmp_path / "cheat.ipynb", stub, {"pixel_share": CHEAT})
    names = [str(tmp_path / f"{name}.ipynb") for name in ("right", "cheat")]
    assert main(["grade", *names, "--out", str(tmp_path / "grades"), "--material", "mine", "--seed", "5"]) == 0
    graded = json.loads((tmp_path / "grades.json").read_text())["notebooks"]
    assert [(one["lesson"], one["earned"], one["points"]) for one in graded] == [("90", 4, 4), ("90", 0, 4)]
    assert main(["grade", *names, "--material", "nothing"]) == 2
    assert "holds no exercises" in capsys.readouterr().err
    assert MATERIAL not in os.environ


def test_grading_forms(tmp_path):
    """A published solution pasted into a form earns nothing; what it means there earns all of its points."""
    write_forms(tmp_path / "out", "heath", ("01",))
    (_, pasted), (exercise, solved), (_, _) = draw_forms("heath", ("01",))
    cells = json.loads((ROOT / "notebooks/solutions/01_class_centers.ipynb").read_text(encoding="utf-8"))["cells"]
    sources = {
        name: "".join(c["source"])
        for c in cells
        for name in (pasted.check, solved.check)
        if f"checks.{name}(" in "".join(c["source"])[-60:]
    }
    paste, adapt = sources[pasted.check], "".join(cells[4]["source"])
    paste = paste.replace("from acflib.course import checks", "").replace(
        f"checks.{pasted.check}", f"checks.{pasted.word}"
    )
    adapt = adapt.replace(
        f"checks.{solved.check}(my_centers_from_logits)",
        "from acflib.course.material.forms import Form, solution\n"
        f"answer = solution({solved!r}, my_centers_from_logits)\nchecks.{solved.word}(answer)",
    )
    student = tmp_path / "student.ipynb"
    notebook(student, tmp_path / "out/students/01.ipynb", {pasted.word: paste, solved.word: adapt})
    material = str(tmp_path / "out/material")
    assert main(["grade", str(student), "--out", str(tmp_path / "grades"), "--material", material]) == 0
    (graded,) = json.loads((tmp_path / "grades.json").read_text())["notebooks"]
    points = sum(line.points for line in form_lines(solved))
    assert points > exercise.points
    assert [one["earned"] for one in graded["exercises"]] == [0, points, 0], graded
    assert "Not solved yet" in graded["exercises"][2]["message"]
