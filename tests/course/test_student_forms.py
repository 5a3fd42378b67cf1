"""A form for each student: dealt by seed and place, found again by what the notebook calls, never mixed up."""

import csv
import json
import unicodedata
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from acflib.cli.parser import main
from acflib.course.checks.catalog import MATERIAL, exercises_in
from acflib.course.grading.owners import named_in, own_material
from acflib.course.material.folder import KEY, FormsOwner, material_folders, read_key
from acflib.course.material.students import read_students, student_forms, student_of, write_student_forms
from acflib.errors import ConfigError, DataError

pytestmark = pytest.mark.usefixtures("warm_python")

NAMES = ("anna", "anna b", "Jörg Müller", "4711")


def owner(name: str) -> FormsOwner:
    return student_of("heath", name, NAMES.index(name))


def forms_of(name: str, lessons: tuple[str, ...] = ("07",)) -> list:
    return student_forms("heath", owner(name), NAMES.index(name), lessons)


@pytest.fixture(autouse=True)
def no_material(monkeypatch, tmp_path):
    monkeypatch.delenv(MATERIAL, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def forms(tmp_path: Path) -> Path:
    write_student_forms(tmp_path / "out", "heath", NAMES, ("07",))
    return tmp_path / "out"


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*.*"))}


# ---- the list


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("list.txt", "anna\n\n  Müller, Jörg  \n4711\n"),
        ("list.txt", "\ufeffstudent\r\nanna\r\nMüller, Jörg\r\n4711\r\n"),
        ("list.csv", 'id,mail\nanna,a@x\n"Müller, Jörg",m@x\n4711,\n'),
        ("list.CSV", '"Student ID";mail\nanna;a\n"Müller, Jörg";m\n4711;x\n'),
        ("list.tsv", "anna\ta\nMu\u0308ller, Jo\u0308rg\tm\n4711\tx"),
    ],
)
def test_a_list_is_text_or_a_table(tmp_path: Path, name: str, text: str):
    (tmp_path / name).write_text(text, encoding="utf-8", newline="")
    assert read_students(tmp_path / name) == ["anna", "Müller, Jörg", "4711"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"anna\nboris\nAnna\n", "line 3: 'Anna' stands in line 1 already"),
        (b"anna\n../boris\n", "line 2: '../boris' cannot be the name of a folder"),
        (b"a:b\n", "cannot be the name of a folder"),
        (b"\n \n", "names nobody"),
        (b"student\n", "names nobody"),
        (b"J\xf6rg\n", "cannot be read"),
    ],
)
def test_a_list_that_cannot_be_used(tmp_path: Path, capsys, content: bytes, said: str):
    (tmp_path / "list.txt").write_bytes(content)
    assert main(["course", "forms", "--seed", "s", "--out", "out", "--students", "list.txt"]) == 2
    assert said in capsys.readouterr().err and not (tmp_path / "out").exists()
    with pytest.raises(ConfigError, match="--students none: cannot be read"):
        read_students(Path("none"))


# ---- the forms


def test_the_same_seed_and_list_give_the_same_forms_and_who_comes_behind_changes_none(tmp_path: Path, forms: Path):
    write_student_forms(tmp_path / "again", "heath", NAMES, ("07",))
    write_student_forms(tmp_path / "longer", "heath", (*NAMES, "clara", "zoe"), ("07",))
    write_student_forms(tmp_path / "other", "heath2", NAMES, ("07",))
    assert files(forms) == files(tmp_path / "again")
    for name in NAMES:
        folder = f"students/{name}"
        assert files(forms / folder) == files(tmp_path / "longer" / folder)
        assert files(forms / folder) != files(tmp_path / "other" / folder)
        code = owner(name).code
        assert files(forms / "material" / code) == files(tmp_path / "longer" / "material" / code)


def test_who_stands_at_another_place_has_another_code_so_that_no_form_is_taken_for_another(tmp_path: Path):
    """A list in another order is noticed: what was handed out is not judged by forms of the same name."""
    write_student_forms(tmp_path / "turned", "heath", NAMES[::-1], ("07",))
    found, notes = own_material(
        calling("anna"), tmp_path / "anna/07.ipynb", "anna/07.ipynb", str(tmp_path / "turned/material")
    )
    words = {exercise.check for exercise in exercises_in(Path(found))}
    assert owner("anna").code not in Path(found).name and forms_of("anna")[0][1].word not in words


def test_no_two_students_have_the_same_forms_and_no_name_is_used_twice():
    drawn = {name: forms_of(name, ()) for name in NAMES}
    words = [form.word for pairs in drawn.values() for _, form in pairs]
    assert len(set(words)) == len(words) == 53 * len(NAMES) and all(word.isidentifier() for word in words)
    changes = [tuple((form.order, str(form.axes), str(form.kinds)) for _, form in pairs) for pairs in drawn.values()]
    assert len(set(changes)) == len(NAMES)
    same = sum(first == second for first, second in zip(*changes[:2], strict=True))
    assert same == 0, "two students have the same form only where there are more students than forms"


def test_students_get_neither_seed_nor_ids_of_others_and_the_key_has_all(forms: Path):
    for name in NAMES:
        text = (forms / "students" / name / "07.ipynb").read_text(encoding="utf-8")
        nbformat.validate(nbformat.reads(text, as_version=4))
        assert "heath" not in text and owner(name).code in text
        assert not any(owner(other).code in text for other in NAMES if other != name)
    with open(forms / "material" / KEY, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 4 * len(NAMES) and {row["student"] for row in rows} == set(NAMES)
    assert {row["check"] for row in rows} == {"interval_reading", "seed_interval", "paired_gain", "seeds_needed"}
    assert [student.id for student in read_key(forms / "material")] == list(NAMES)
    for folder in material_folders(forms / "material"):
        assert len(exercises_in(folder)) == 4


def test_a_key_that_cannot_be_used(forms: Path):
    (forms / "material" / owner("4711").code).rename(forms / "gone")
    with pytest.raises(DataError, match="with the forms of 4711, is missing"):
        read_key(forms / "material")
    (forms / "material" / KEY).write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match="is no key of forms"):
        read_key(forms / "material")
    (forms / "material" / KEY).write_text("student,code\n")
    with pytest.raises(DataError, match="names nobody"):
        read_key(forms / "material")


# ---- whose is it?


def calling(*students: str):
    """A notebook with one call of the first form of each of these students."""
    words = [forms_of(name)[0][1].word for name in students]
    return new_notebook(cells=[new_code_cell(f"checks.{word}(mine)") for word in words])


def asked(forms: Path, name: str, *students: str) -> tuple[str, tuple[str, ...]]:
    folder, notes = own_material(calling(*students), forms / name, name, str(forms / "material"))
    return Path(folder).name, notes


@pytest.mark.parametrize(
    "name", ["anna/07.ipynb", "07_anna.ipynb", "Week 1/ANNA_417_assignsubmission_file_/x/07.ipynb"]
)
def test_a_notebook_with_the_forms_of_its_student_has_no_remark(forms: Path, name: str):
    assert asked(forms, name, "anna") == (owner("anna").code, ())


def test_umlauts_and_ids_that_contain_others(forms: Path):
    decomposed = unicodedata.normalize("NFD", "Jörg Müller/07.ipynb")
    assert asked(forms, decomposed, "Jörg Müller")[1] == ()
    assert asked(forms, "anna b/07.ipynb", "anna b")[1] == ()
    (note,) = asked(forms, "anna b/07.ipynb", "anna")[1]
    assert note == "Forms of another student: they are those of anna, the path names anna b."
    assert "names no student" in asked(forms, "hanna/14711.ipynb", "anna")[1][0]


def test_forms_of_others_are_named(forms: Path):
    code, notes = asked(forms, "4711/07.ipynb", "anna")
    assert code == owner("anna").code, "judged as what it is"
    assert notes == ("Forms of another student: they are those of anna, the path names 4711.",)
    code, notes = asked(forms, "anna/07.ipynb", "anna", "anna", "4711")
    foreign = forms_of("4711")[0][1].word
    assert code == owner("anna").code
    assert notes == (f"Forms of another student, not judged: checks.{foreign} of 4711; the others are anna's.",)


def test_a_notebook_without_calls_is_known_by_its_path(forms: Path):
    assert asked(forms, "4711/07.ipynb") == (owner("4711").code, ())
    with pytest.raises(DataError, match="calls no check of anybody's forms"):
        asked(forms, "clara/07.ipynb")


def test_the_number_of_a_lesson_is_no_id():
    students = [FormsOwner(f"{number:02d}", "") for number in range(1, 30)]
    assert [one.id for one in named_in("12/07_ablations.ipynb", students)] == ["12"]
    assert [one.id for one in named_in("handed in/07.ipynb", students)] == ["07"]


def test_without_a_key_nothing_is_asked(tmp_path: Path):
    assert own_material(new_notebook(), tmp_path, "", None) == (None, ())
    assert own_material(new_notebook(), tmp_path, "", str(tmp_path)) == (str(tmp_path), ())


# ---- from list to grades


def solved(path: Path, student: str, place: int, target: Path) -> None:
    """The notebook of a student with the right answer to one exercise."""
    form = student_forms("heath", student_of("heath", student, place), place, ("07",))[0][1]
    notebook = nbformat.read(path, as_version=4)
    right = 'lambda mean, half: "above 0" if mean > half else "below 0" if mean < -half else "around 0"'
    for cell in notebook.cells:
        if f"checks.{form.word}(" in cell.source:
            cell.source = (
                "from acflib.course.material.forms import Form, solution\n"
                f"answer = solution({form!r}, {right})\nchecks.{form.word}(answer)"
            )
    target.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, target)


def test_each_is_graded_by_her_own_forms(tmp_path: Path, capsys):
    (tmp_path / "list.txt").write_text("anna\nboris\n")
    flags = ["--seed", "heath", "--out", "out", "--lesson", "07", "--students", "list.txt"]
    assert main(["course", "forms", *flags]) == 0
    assert "8 forms for 2 students" in capsys.readouterr().out
    for student, place, target in (
        ("anna", 0, "in/anna/07.ipynb"),
        ("boris", 1, "in/boris/07.ipynb"),
        ("anna", 0, "in/boris/copy.ipynb"),
    ):
        solved(tmp_path / "out" / "students" / student / "07.ipynb", student, place, tmp_path / target)
    assert main(["grade", "in", "--material", "out/material", "--out", "g", "--totals", "t.csv", "--seed", "5"]) == 0
    graded = {one["notebook"]: one for one in json.loads(Path("g.json").read_text(encoding="utf-8"))["notebooks"]}
    assert list(graded) == ["anna/07.ipynb", "boris/07.ipynb", "boris/copy.ipynb"]
    for one in graded.values():
        assert [exercise["earned"] for exercise in one["exercises"]] == [4, 0, 0, 0], one
    notes = [one["notes"] for one in graded.values()]
    assert notes[:2] == [[], []] and notes[2][0].startswith("Forms of another student: they are those of anna")
    assert "they are those of anna" in capsys.readouterr().out
    assert "they are those of anna" in Path("t.csv").read_text(encoding="utf-8")


def test_all_forms_of_all_students_can_be_tried(forms: Path, capsys):
    solutions = str(Path(__file__).parents[2] / "notebooks" / "solutions")
    assert main(["course", "try", str(forms / "material"), "--solutions", solutions]) == 0
    assert "16 of 16 exercises are as they should be" in capsys.readouterr().out
