"""`acflib grade FOLDER`: notebooks as learning platforms pack them, a folder a student, archives one level deeper."""

import csv
import json
import os
from pathlib import Path

import pytest

from acflib.cli import grade as command
from acflib.cli.parser import main
from acflib.course.grading.cells import find_notebooks, without_notebooks
from acflib.course.grading.grade import GradedNotebook
from acflib.errors import DataError

pytestmark = pytest.mark.usefixtures("warm_python")

MOODLE = "Jörg Müller_417_assignsubmission_file_"
NOTEBOOKS = (
    "anna/01_class_centers.ipynb",
    f"{MOODLE}/meine Abgabe/01 class centers.ipynb",
    "van den Berg, Eva/Lösung/neu/01_class_centers (1).IPYNB",
    "lone.ipynb",
)
OTHERS = (
    "anna/.ipynb_checkpoints/01_class_centers-checkpoint.ipynb",
    "anna/._01_class_centers.ipynb",
    f"{MOODLE}/__MACOSX/meine Abgabe/._01 class centers.ipynb",
    "clara/report.pdf",
)


@pytest.fixture
def handed_in(tmp_path: Path) -> Path:
    folder = tmp_path / "handed in"
    for name in (*NOTEBOOKS, *OTHERS):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("{}", encoding="utf-8")
    return folder


def test_notebooks_at_any_depth_are_found_and_called_by_their_path(handed_in: Path):
    found = find_notebooks([handed_in])
    assert sorted(found.values()) == sorted(NOTEBOOKS)
    assert all(path == handed_in / name for path, name in found.items())


def test_two_folders_and_files(handed_in: Path, tmp_path: Path):
    again = tmp_path / "week 2" / "anna"
    again.mkdir(parents=True)
    (again / "01_class_centers.ipynb").write_text("{}")
    found = find_notebooks([handed_in, tmp_path / "week 2"])
    twice = [name for name in found.values() if name.endswith("01_class_centers.ipynb")]
    assert twice == [str(handed_in / "anna/01_class_centers.ipynb"), str(again / "01_class_centers.ipynb")]
    lone = handed_in / "lone.ipynb"
    assert find_notebooks([lone]) == {lone: str(lone)}
    assert len(find_notebooks([handed_in, lone, handed_in / "anna"])) == 4, "none is graded twice"


def test_a_folder_called_as_a_notebook_costs_its_owner_alone(tmp_path: Path):
    (tmp_path / "anna" / "01.ipynb").mkdir(parents=True)
    (tmp_path / "anna" / "01.ipynb" / "real.ipynb").write_text("{}")
    assert list(find_notebooks([tmp_path]).values()) == ["anna/01.ipynb"]


@pytest.mark.parametrize(("file", "hint"), [("notes.txt", "give files"), ("abgabe.zip", "unpack the archives")])
def test_where_nothing_is_found_it_is_said(tmp_path: Path, capsys, file: str, hint: str):
    (tmp_path / "in" / "anna").mkdir(parents=True)
    (tmp_path / "in" / "anna" / file).write_text("")
    with pytest.raises(DataError, match="in: holds no notebooks, nor do the folders below it; " + hint):
        find_notebooks([tmp_path / "in"])
    assert main(["grade", str(tmp_path / "in"), "--out", str(tmp_path / "g")]) == 2
    assert hint in capsys.readouterr().err and not (tmp_path / "g.csv").exists()


def test_folders_of_students_without_a_notebook_are_named(handed_in: Path):
    clara = handed_in / "clara"
    assert without_notebooks([handed_in]) == {clara: "clara"}
    assert without_notebooks([handed_in / "anna", clara]) == {clara: "clara"}
    assert without_notebooks([handed_in / "lone.ipynb"]) == {}
    (handed_in / "week 1" / "dora").mkdir(parents=True)
    assert without_notebooks([handed_in], 2) == {handed_in / "week 1" / "dora": "week 1/dora"}


def not_graded(path: Path, seed: int, timeout: float, kernels: object, name: str) -> GradedNotebook:
    return GradedNotebook(path, "", (), f"{path.name}: no lesson", name=name)


def test_the_tables_have_one_row_a_student(handed_in: Path, tmp_path: Path, monkeypatch, capsys):
    """A kernel is not needed: what is graded is not the matter here."""
    monkeypatch.setattr(command, "grade_or_say", not_graded)
    flags = ["--out", str(tmp_path / "g"), "--totals", str(tmp_path / "t.csv"), "--jobs", "1", "--quiet"]
    assert main(["grade", str(handed_in), *flags]) == 1
    names = [one["notebook"] for one in json.loads((tmp_path / "g.json").read_text(encoding="utf-8"))["notebooks"]]
    assert sorted(names) == sorted(NOTEBOOKS)
    with open(tmp_path / "t.csv", encoding="utf-8", newline="") as file:
        students = [row[0] for row in list(csv.reader(file))[1:]]
    assert students == ["Jörg Müller", "anna", "clara", "lone", "van den Berg, Eva"]
    assert "acflib: clara: holds no notebook" in capsys.readouterr().err


def test_one_student_alone_keeps_her_name(tmp_path: Path, monkeypatch):
    """The table is written after each notebook, when there is only one yet."""
    (tmp_path / "in" / "anna" / "deeper").mkdir(parents=True)
    (tmp_path / "in" / "anna" / "deeper" / "01.ipynb").write_text("{}")
    monkeypatch.setattr(command, "grade_or_say", not_graded)
    flags = ["--out", str(tmp_path / "g"), "--totals", str(tmp_path / "t.csv"), "--jobs", "1", "--quiet"]
    monkeypatch.chdir(tmp_path)
    assert main(["grade", "in" + os.sep, *flags]) == 1
    assert "anna," in (tmp_path / "t.csv").read_text(encoding="utf-8")
