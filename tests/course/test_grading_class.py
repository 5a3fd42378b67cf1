"""A whole class graded: several notebooks at once, totals for a gradebook, and cells that check nothing."""

import csv
import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from acflib.cli.parser import main
from acflib.course.checks.catalog import exercises_of
from acflib.course.grading import grade as grading
from acflib.course.grading.grade import Grade, GradedNotebook
from acflib.course.grading.parallel import Kernels, each_as_it_ends
from acflib.course.grading.totals import write_totals
from acflib.errors import ConfigError
from tests.course.test_grading import RIGHT, ROWS, found, grade, write

pytestmark = pytest.mark.usefixtures("warm_python")

# ---- several at once


def table(path: Path) -> list[list[str]]:
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


class NoKernel:
    """A session in which every answer is right, after a time that turns the order of a class round."""

    begun, most, lock = 0, 0, threading.Lock()

    def __init__(self, notebook, folder, timeout, lost, threads, material):
        self.notebook, self.slow = notebook, {}

    def run(self, calls, seed):
        with NoKernel.lock:
            NoKernel.begun += 1
            NoKernel.most = max(NoKernel.most, NoKernel.begun)
        time.sleep(0.05 if "first" in self.notebook.cells[-1].source else 0.01)
        with NoKernel.lock:
            NoKernel.begun -= 1
        return {call.check: {"solved": True, "message": "Right.", "seconds": 0.5} for call in calls}

    def kill(self):
        pass

    close = kill


@pytest.mark.parametrize("jobs", [1, 3])
def test_thirty_notebooks_of_which_three_are_damaged(tmp_path, monkeypatch, jobs: int):
    """The tables are those of one after another, whatever ends first; a damaged file costs its owner alone."""
    monkeypatch.setattr(grading, "Session", NoKernel)
    NoKernel.most = 0
    paths = [tmp_path / f"student-{k:02d}.ipynb" for k in range(30)]
    for k, path in enumerate(paths):
        write(path, RIGHT["hard_centers"], f"'{'first' if k % 5 == 0 else 'later'}'")
    damaged = {3: "no notebook", 14: "", 29: paths[0].read_text(encoding="utf-8")[:-200]}
    for k, text in damaged.items():
        paths[k].write_text(text, encoding="utf-8")
    flags = ["--out", str(tmp_path / "g"), "--totals", str(tmp_path / "t.csv"), "--jobs", str(jobs), "--quiet"]
    assert main(["grade", str(tmp_path), "--seed", "3", *flags]) == 1
    assert NoKernel.most == jobs

    rows = table(tmp_path / "g.csv")
    assert list(dict.fromkeys(row[0] for row in rows[1:])) == [path.name for path in paths]
    assert len(rows) == 1 + 27 * 3 + 3
    totals = table(tmp_path / "t.csv")
    assert totals[0] == ["student", "earned", "points", "lesson 01", "remarks"]
    assert [row[0] for row in totals[1:]] == [path.stem for path in paths]
    for k, row in enumerate(totals[1:]):
        assert row[1:4] == (["", "12", ""] if k in damaged else ["4", "12", "4"])
        assert bool(row[4]) == (k in damaged)
    assert [n["notebook"] for n in json.loads((tmp_path / "g.json").read_text())["notebooks"]] == [
        path.name for path in paths
    ]


def test_nothing_new_begins_where_nothing_can_be_graded():
    begun, go_on = [], threading.Event()

    def grade_one(path: Path, kernels: Kernels) -> str:
        begun.append(path.name)
        if path.name == "b":
            go_on.set()
            raise ConfigError("no kernel starts")
        assert go_on.wait(60)
        return path.name

    given = []
    with pytest.raises(ConfigError, match="no kernel starts"):
        for place, name in each_as_it_ends(grade_one, [Path(name) for name in "abcdefgh"], 2):
            given.append((place, name))
    assert (0, "a") in given, "what was begun is given first"
    assert len(begun) < 8


def test_whoever_breaks_off_ends_all_sessions():
    ended, running = threading.Event(), threading.Event()

    class Session:
        def kill(self):
            ended.set()

    def grade_one(path: Path, kernels: Kernels) -> str:
        if path.name == "endless":
            kernels.add(Session())
            running.set()
            assert ended.wait(60), "nobody ended it"
        running.wait(60)
        return path.name

    results = each_as_it_ends(grade_one, [Path("quick"), Path("endless"), Path("never")], 2)
    assert next(results) == (0, "quick")
    results.close()
    assert ended.is_set()


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="sends SIGTERM")
def test_stopped_while_two_run(tmp_path):
    """Both kernels end, and the grader with them."""
    psutil = pytest.importorskip("psutil")
    loop = "import os\nwith open('{0}', 'w') as file:\n    file.write(str(os.getpid()))\nwhile True:\n    pass"
    paths = [write(tmp_path / f"{name}.ipynb", loop.format(name), ROWS) for name in ("anna", "boris", "clara")]
    command = [sys.executable, "-m", "acflib", "grade", *map(str, paths), "--jobs", "2", "--out", str(tmp_path / "g")]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 200
    signs = [tmp_path / name for name in ("anna", "boris")]
    while not all(sign.exists() and sign.read_text() for sign in signs) and time.monotonic() < deadline:
        time.sleep(0.1)
    kernels = [psutil.Process(int(sign.read_text())) for sign in signs]
    process.terminate()
    assert process.wait(timeout=60) == 130
    assert "stopped: no notebook was graded" in process.stderr.read() and not (tmp_path / "clara").exists()
    assert psutil.wait_procs(kernels, timeout=20)[1] == []


@pytest.mark.slow  # the limit leaves time for imports on a busy machine, and the loop takes all of it
def test_an_endless_loop_before_the_first_exercise_leaves_a_line(tmp_path):
    loop = "while True:\n    pass"
    path = write(tmp_path / "a.ipynb", loop, RIGHT["hard_centers"])
    graded = grade(path, timeout=90)
    assert graded.notes == ("Cell 3 ran longer than 90 seconds.",)
    assert found(graded)["hard_centers"].startswith("Right"), "and costs nothing by itself"
    notes = [row for row in grading.rows([graded]) if "check" not in row]
    assert [row["message"] for row in notes] == list(graded.notes) and graded.seconds > 90


def test_an_exercise_without_lines_earns_all_points_or_none():
    exercise = replace(exercises_of("01")[0], lines=())
    assert [Grade(exercise, solved, "").earned for solved in (True, False)] == [4, 0]


# ---- totals


def graded(path: str, lesson: str, solved: int, **more) -> GradedNotebook:
    """A notebook of which the first exercises are solved."""
    grades = tuple(Grade(exercise, k < solved, "") for k, exercise in enumerate(exercises_of(lesson)))
    return GradedNotebook(Path(path), lesson, grades, **more)


def totals(tmp_path: Path, notebooks: list[GradedNotebook], *choices) -> list[list[str]]:
    write_totals(notebooks, str(tmp_path / "totals.csv"), *choices)
    return table(tmp_path / "totals.csv")


BY_FOLDER = [
    graded("in/boris/01.ipynb", "01", 1),
    graded("in/boris/02.ipynb", "02", 4),
    graded("in/anna/again.ipynb", "01", 2),
    graded("in/anna/01.ipynb", "01", 1),
    GradedNotebook(Path("in/clara/01.ipynb"), "", (), "in/clara/01.ipynb: is no Jupyter notebook"),
]


def test_one_row_a_student_with_all_lessons(tmp_path):
    """Lesson 01 has 12 points, of three exercises of 4; lesson 02 has 4 + 4 + 5 + 4."""
    anna, boris, clara = totals(tmp_path, BY_FOLDER)[1:]
    assert totals(tmp_path, BY_FOLDER)[0] == ["student", "earned", "points", "lesson 01", "lesson 02", "remarks"]
    assert boris == ["boris", "21", "29", "4", "17", ""]
    assert anna == ["anna", "8", "29", "8", "", "several notebooks of lesson 01: the best one counts"]
    assert clara[:5] == ["clara", "", "29", "", ""] and "is no Jupyter notebook" in clara[5]


@pytest.mark.parametrize(
    "paths, choice, names",
    [
        (["in/anna.ipynb", "in/boris.ipynb"], None, ["anna", "boris"]),
        (["in/anna/01.ipynb", "in/boris/01.ipynb"], None, ["anna", "boris"]),
        (["in/anna/01.ipynb", "in/boris/01.ipynb"], "file", ["01"]),
        (["in/anna.ipynb", "in/boris.ipynb"], "folder", ["in"]),
        (["in/anna/lesson-01/01.ipynb", "in/boris/lesson-01/01.ipynb"], "outer-folder", ["anna", "boris"]),
    ],
)
def test_what_names_a_student(tmp_path, paths, choice, names):
    rows = totals(tmp_path, [graded(path, "01", 3) for path in paths], "plain", choice)
    assert [row[0] for row in rows[1:]] == names


def test_the_columns_of_nbgrader(tmp_path):
    """Those of `nbgrader export`; where nothing was handed in there is no score, which is not 0.0."""
    head, *rows = totals(tmp_path, BY_FOLDER, "nbgrader")
    assert ",".join(head) == (
        "assignment,duedate,timestamp,student_id,last_name,first_name,email,raw_score,late_submission_penalty,score,max_score"
    )
    assert [row[0] for row in rows] == ["lesson-01"] * 3 + ["lesson-02"] * 3
    assert rows[0] == ["lesson-01", "", "", "anna", "", "", "", "8.0", "0.0", "8.0", "12.0"]
    assert rows[3] == ["lesson-02", "", "", "anna", "", "", "", "", "0.0", "", "17.0"]


def test_the_columns_of_moodle(tmp_path):
    """A worksheet is read back by Identifier, Grade and Last modified (grade); the number is in the folder's name."""
    folder, file = (
        "in/Anna Muster_417_assignsubmission_file_/01.ipynb",
        "in/B. O'Neil_52_assignsubmission_file_01.ipynb",
    )
    head, anna, boris = totals(tmp_path, [graded(file, "01", 0), graded(folder, "01", 2)], "moodle")
    assert {"Identifier", "Grade", "Last modified (grade)"} <= set(head)
    assert anna[:4] == ["Participant 417", "Anna Muster", "8", "12"]
    assert boris[:4] == ["Participant 52", "B. O'Neil", "0", "12"]


def test_the_columns_of_canvas(tmp_path):
    paths = ["in/musteranna_101_2020_01.ipynb", "in/oneilboris_LATE_102_2021_01-1.ipynb", "in/clara.ipynb"]
    head, possible, *rows = totals(tmp_path, [graded(path, "01", 1) for path in paths], "canvas")
    assert head == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "Lesson 01"]
    assert possible[0].strip() == "Points Possible" and possible[-1] == "12"
    assert rows == [
        ["clara", "", "", "clara", "", "4"],
        ["musteranna", "101", "", "", "", "4"],
        ["oneilboris", "102", "", "", "", "4"],
    ]
