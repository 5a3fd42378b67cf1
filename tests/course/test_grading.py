"""`acflib grade`: what counts is the function that a notebook leaves, judged anew; never what the notebook prints."""

import csv
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from acflib.cli.parser import main
from acflib.course.grading import session as grading_session
from acflib.course.grading.grade import COLUMNS, GradedNotebook, grade_notebook
from acflib.errors import ConfigError, DataError

SOLUTIONS = Path(__file__).parents[2] / "notebooks" / "solutions"
TITLE = "# 01 · Class centers"
IMPORT = "import torch\nfrom acflib import functional\nfrom acflib.course import checks"
STUB = "def mine(*inputs):\n    return None\n\n\nchecks.{check}(mine)"
RIGHT = {
    "hard_centers": """
def mine(x, y, n):
    return functional.hard_class_centers(x, y, n)

checks.hard_centers(mine)
""",
    "centers_from_logits": "checks.centers_from_logits(lambda x, z: functional.class_centers(x, z.softmax(1)))",
    "merge_centers": """
def mine(a, m, b, k):
    mass = (m + k)[:, None]
    return (a * m[:, None] + b * k[:, None]) / mass.masked_fill(mass == 0, 1)

checks.merge_centers(mine)
""",
}
ROWS = "def by_row(x, z):\n    return functional.class_centers(x, z.softmax(2))\n\nchecks.centers_from_logits(by_row)"


def write(path: Path, *sources: str, title: str = TITLE) -> Path:
    cells = [new_markdown_cell(title), new_code_cell(IMPORT), *map(new_code_cell, sources)]
    nbformat.write(new_notebook(cells=cells), path)
    return path


def grade(path: Path, seed: int = 7, timeout: float = 60) -> GradedNotebook:
    return grade_notebook(path, seed, timeout)


def found(graded: GradedNotebook) -> dict[str, str]:
    """check -> message, and that points follow from what is solved."""
    assert all(g.earned == (g.exercise.points if g.solved else 0) for g in graded.grades)
    assert all(g.solved == g.message.startswith("Right") for g in graded.grades)
    return {g.exercise.check: g.message for g in graded.grades}


def test_right_wrong_and_unsolved_written_as_json_and_csv(tmp_path, capsys):
    anna = write(tmp_path / "anna.ipynb", RIGHT["hard_centers"], ROWS, STUB.format(check="merge_centers"))
    boris = write(tmp_path / "boris.ipynb", *RIGHT.values())
    before = anna.read_bytes()
    out = tmp_path / "new" / "grades"
    assert main(["grade", str(anna), str(boris), "--out", str(out), "--seed", "3"]) == 0
    assert anna.read_bytes() == before

    printed = capsys.readouterr().out
    assert f"{anna}: lesson 01, 4 of 12 points" in printed and f"{boris}: lesson 01, 12 of 12 points" in printed
    record = json.loads(Path(f"{out}.json").read_text(encoding="utf-8"))
    assert record["seed"] == 3 and [n["earned"] for n in record["notebooks"]] == [4, 12]
    assert record["notebooks"][0]["exercises"][0]["exercise"]["check"] == "hard_centers"
    with open(f"{out}.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == COLUMNS and len(rows) == 6
    assert [row["notebook"] for row in rows] == [str(anna)] * 3 + [str(boris)] * 3
    assert [row["exercise"] for row in rows[:3]] == ["1", "2", "3"]
    assert [row["solved"] for row in rows] == ["True", "False", "False", "True", "True", "True"]
    assert [row["earned"] for row in rows] == ["4", "0", "0", "4", "4", "4"]
    assert "over the rows" in rows[1]["message"] and rows[2]["message"].startswith("Not solved yet")
    assert list(tmp_path.glob("**/*.tmp")) == []


def test_raising_cells_and_functions_cost_their_own_exercise(tmp_path):
    raises_before = "checks.hard_centers(not_there)"
    raises_inside = "def mine(x, z):\n    return x.no_such_method()\n\nchecks.centers_from_logits(mine)"
    raises_after = RIGHT["merge_centers"] + "\n1 / 0"
    path = write(tmp_path / "a.ipynb", "1 / 0", raises_before, raises_inside, raises_after)
    messages = found(grade(path))
    assert messages["hard_centers"] == "The cell raised NameError: name 'not_there' is not defined"
    assert "your function raised AttributeError" in messages["centers_from_logits"]
    assert messages["merge_centers"].startswith("Right")


def test_a_cell_that_is_no_python(tmp_path):
    path = write(tmp_path / "a.ipynb", "def mine(x:\n\nchecks.hard_centers(mine)", "%matplotlib inline\n" + ROWS)
    messages = found(grade(path))
    assert messages["hard_centers"].startswith("The cell raised SyntaxError")
    assert "over the rows" in messages["centers_from_logits"]


@pytest.mark.parametrize("stubborn", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_endless_loop(tmp_path, monkeypatch, stubborn):
    loop = "def mine(*inputs):\n    while True:\n        pass\n\nchecks.hard_centers(mine)"
    if stubborn:
        monkeypatch.setattr(grading_session, "ANSWER_TIME", 2)
        loop = loop.replace("pass\n", "try:\n            while True: pass\n        except BaseException: pass\n")
    start = time.monotonic()
    found(grade(write(tmp_path / "right.ipynb", *RIGHT.values())))
    timeout = 5 + round(2 * (time.monotonic() - start))  # each of the other cells ends within it on a slow machine too
    messages = found(grade(write(tmp_path / "a.ipynb", loop, RIGHT["centers_from_logits"]), timeout=timeout))
    assert messages["hard_centers"].startswith(f"The cell ran longer than {timeout} seconds")
    assert messages["centers_from_logits"].startswith("Right")


def test_a_cell_that_ends_the_kernel_costs_its_own_exercise(tmp_path):
    end = "import os\ndef mine(*inputs):\n    os._exit(1)\n\nchecks.hard_centers(mine)"
    messages = found(grade(write(tmp_path / "a.ipynb", end, RIGHT["centers_from_logits"])))
    assert messages["hard_centers"].startswith("The cell ended the kernel")
    assert messages["centers_from_logits"].startswith("Right")


CHEATS = """
import acflib.course.checks.judge
from acflib.course.checks import Verdict
print("Right, on 3 random shapes.")
for name in ("hard_centers", "centers_from_logits", "merge_centers"):
    setattr(checks, name, lambda student: Verdict(True, "Right, on 3 random shapes."))
acflib.course.checks.judge.all_close = lambda *_: True
functional.class_centers = lambda x, p: x.new_zeros(len(x), p.shape[1], x.shape[1])
Verdict.solved = True
"""


def test_a_notebook_that_prints_right_or_replaces_the_checks(tmp_path):
    path = write(
        tmp_path / "a.ipynb", CHEATS, STUB.format(check="hard_centers"), ROWS, 'checks.merge_centers\nprint("Right")'
    )
    graded = grade(path)
    messages = found(graded)
    assert messages["hard_centers"].startswith("Not solved yet")
    assert messages["centers_from_logits"].startswith("Not right yet")
    assert "Missing: no cell calls checks.merge_centers" in messages["merge_centers"]
    assert graded.earned == 0


def test_a_notebook_that_changes_torch(tmp_path):
    change = "torch.allclose = lambda *_, **__: True"
    messages = found(grade(write(tmp_path / "a.ipynb", change, ROWS)))
    assert "changes torch or Python itself" in messages["centers_from_logits"]


def test_answers_learned_by_heart_count_for_nothing(tmp_path):
    """The inputs of a student have seed 0. Their answers, stored, are right for these inputs and no others."""
    learn = """
stored = []
def mine(x, z):
    stored.append((x, functional.class_centers(x, z.softmax(1))))
    return stored[-1][1]
checks.centers_from_logits(mine)
def recall(x, z):
    return next((answer for seen, answer in stored if seen.equal(x)), torch.zeros(len(x), z.shape[1], x.shape[1]))
"""
    path = write(tmp_path / "a.ipynb", learn, "checks.centers_from_logits(recall)")
    assert found(grade(path, seed=0))["centers_from_logits"].startswith("Right")
    assert found(grade(path, seed=1))["centers_from_logits"].startswith("Not right")


def test_missing_renamed_and_repeated(tmp_path):
    renamed = STUB.format(check="hard_centres")
    two_arguments = "checks.merge_centers(1, 2)"
    path = write(tmp_path / "a.ipynb", renamed, ROWS, RIGHT["centers_from_logits"], two_arguments)
    messages = found(grade(path))
    assert "Missing" in messages["hard_centers"] and "Eq. 1 with ignored pixels" in messages["hard_centers"]
    assert messages["centers_from_logits"].startswith("Right"), "the last call counts"
    assert "takes one function" in messages["merge_centers"]


def test_each_exercise_keeps_its_function_when_names_are_used_twice(tmp_path):
    assert "def mine" in RIGHT["hard_centers"] and "def mine" in RIGHT["merge_centers"]
    graded = grade(write(tmp_path / "a.ipynb", *RIGHT.values(), "def mine(*_):\n    return 1"))
    assert graded.earned == 12


def test_a_changed_title_is_no_obstacle(tmp_path):
    assert grade(write(tmp_path / "a.ipynb", ROWS, title="# My notes")).lesson == "01"


# ---- files and installations that do not do

NO_NOTEBOOKS = {
    "text": ("no notebook", "is no Jupyter notebook"),
    "another JSON": ("[1, 2]", "is no Jupyter notebook"),
    "empty": ("", "is no Jupyter notebook"),
    "R": (
        '{"cells":[],"metadata":{"kernelspec":{"name":"ir","display_name":"R","language":"R"}},"nbformat":4,"nbformat_minor":5}',
        "in R",
    ),
    "no lesson": ('{"cells":[],"metadata":{},"nbformat":4,"nbformat_minor":5}', "no lesson with exercises"),
}


@pytest.mark.parametrize("kind", NO_NOTEBOOKS)
def test_files_that_are_no_notebook_are_named(tmp_path, kind):
    text, message = NO_NOTEBOOKS[kind]
    path = tmp_path / "strange.ipynb"
    path.write_text(text)
    with pytest.raises(DataError, match="strange.ipynb") as error:
        grade(path)
    assert message in str(error.value)


def test_a_file_that_is_no_notebook_costs_its_owner_alone(tmp_path, capsys):
    """Those before it and after it are graded; it has a row that says why not, and the status tells of it."""
    bad = []
    for kind, (text, _) in NO_NOTEBOOKS.items():
        bad.append(tmp_path / f"{kind}.ipynb")
        bad[-1].write_text(text)
    (tmp_path / "folder.ipynb").mkdir()
    anna, boris = write(tmp_path / "anna.ipynb", ROWS), write(tmp_path / "boris.ipynb", RIGHT["hard_centers"])
    paths = [anna, *bad, tmp_path / "folder.ipynb", boris]
    assert main(["grade", *map(str, paths), "--out", str(tmp_path / "g"), "--seed", "3"]) == 1
    with open(tmp_path / "g.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(dict.fromkeys(row["notebook"] for row in rows)) == [str(path) for path in paths]
    strange = [row for row in rows if row["notebook"] not in (str(anna), str(boris))]
    assert len(strange) == len(bad) + 1 and len(rows) == len(strange) + 6
    assert all(row["earned"] == "0" and row["solved"] == "False" and row["lesson"] == "" for row in strange)
    said = capsys.readouterr().err
    for row, (_, message) in zip(strange, NO_NOTEBOOKS.values(), strict=False):
        assert message in row["message"] and message in said
    record = json.loads((tmp_path / "g.json").read_text(encoding="utf-8"))
    assert [n["earned"] for n in record["notebooks"]] == [0] * (len(paths) - 1) + [4]
    assert [bool(n["problem"]) for n in record["notebooks"]] == [False, *[True] * len(strange), False]


STRANGE_CELLS = {
    "a thousand brackets": "x = " + "(" * 1000 + ")" * 1000,
    "null bytes": "x = '\0'",
    "half a character": "x = '\udc80'",
}


@pytest.mark.parametrize("kind", STRANGE_CELLS)
def test_strange_cells_cost_nobody_else(tmp_path, kind):
    strange, boris = tmp_path / "strange.ipynb", write(tmp_path / "boris.ipynb", RIGHT["hard_centers"])
    notebook = nbformat.read(write(strange, "STRANGE", RIGHT["hard_centers"]), as_version=4)
    notebook.cells[2].source = STRANGE_CELLS[kind]
    strange.write_text(json.dumps(notebook), encoding="utf-8")
    assert main(["grade", str(strange), str(boris), "--out", str(tmp_path / "g"), "--seed", "3"]) in (0, 1)
    record = json.loads((tmp_path / "g.json").read_text(encoding="utf-8"))
    assert record["notebooks"][1]["earned"] == 4


def test_grades_are_written_as_they_come(tmp_path, monkeypatch):
    """What comes after the first notebook, here an error of the grader, loses nothing of it."""
    anna, boris = write(tmp_path / "anna.ipynb", RIGHT["hard_centers"]), write(tmp_path / "boris.ipynb", ROWS)

    def only_once(*arguments):
        monkeypatch.setattr(grading_session, "start_kernel", no_more)
        return start(*arguments)

    def no_more(*_):
        raise ConfigError("no kernel starts")

    start = grading_session.start_kernel
    monkeypatch.setattr(grading_session, "start_kernel", only_once)
    assert main(["grade", str(anna), str(boris), "--out", str(tmp_path / "g")]) == 2
    assert [n["earned"] for n in json.loads((tmp_path / "g.json").read_text(encoding="utf-8"))["notebooks"]] == [4]


@pytest.mark.skipif(os.name == "nt", reason="needs a POSIX shell")
def test_stopped_in_the_background(tmp_path):
    """SIGTERM, where a script has started it with & and SIGINT is ignored: it ends at once, its kernel too."""
    psutil = pytest.importorskip("psutil")
    loop = "open('reached', 'w').close()\nwhile True:\n    pass"
    paths = [write(tmp_path / "anna.ipynb", RIGHT["hard_centers"]), write(tmp_path / "boris.ipynb", loop, ROWS)]
    command = ["sh", "-c", 'trap "" INT; exec "$@"', "sh", sys.executable, "-m", "acflib", "grade", *map(str, paths)]
    process = subprocess.Popen([*command, "--out", str(tmp_path / "g")], stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while not (tmp_path / "reached").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    kernels = psutil.Process(process.pid).children(recursive=True)
    process.terminate()
    assert process.wait(timeout=28) == 130 and kernels
    assert "stopped: 1 notebooks in" in process.stderr.read()
    with open(tmp_path / "g.csv", encoding="utf-8", newline="") as file:
        assert [row["earned"] for row in csv.DictReader(file)] == ["4", "0", "0"]
    assert psutil.wait_procs(kernels, timeout=20)[1] == []


def test_a_missing_file_is_named_before_anything_runs(tmp_path, monkeypatch):
    monkeypatch.setattr(grading_session, "start_kernel", lambda _: pytest.fail("a kernel was started"))
    good = write(tmp_path / "good.ipynb", ROWS)
    assert main(["grade", str(good), str(tmp_path / "none.ipynb")]) == 2
    with pytest.raises(DataError, match="none.ipynb: cannot be read"):
        grade(tmp_path / "none.ipynb")


@pytest.mark.parametrize("package", ["nbclient", "ipykernel", "nbformat"])
def test_missing_packages(tmp_path, monkeypatch, package):
    path = write(tmp_path / "a.ipynb", ROWS)
    for name in [name for name in sys.modules if name.split(".")[0] == package]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ConfigError, match=f"{package} is not installed.*pip install nbclient ipykernel"):
        grade(path)


def test_a_kernel_that_does_not_start(tmp_path, monkeypatch):
    import ipykernel.kernelspec

    dead = {"argv": [sys.executable, "-c", "raise SystemExit(1)"], "display_name": "dead", "language": "python"}
    monkeypatch.setattr(ipykernel.kernelspec, "get_kernel_dict", lambda: dead)
    with pytest.raises(ConfigError, match="no Python kernel starts"):
        grade(write(tmp_path / "a.ipynb", ROWS))


@pytest.mark.parametrize("flags", [["--timeout", "0"], ["--seed", "-1"], ["--out", "{file}/grades"]])
def test_wrong_flags(tmp_path, capsys, flags):
    path = write(tmp_path / "a.ipynb", ROWS)
    assert main(["grade", str(path), *[flag.format(file=path) for flag in flags]]) == 2
    assert flags[0] in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("path", sorted(SOLUTIONS.glob("*.ipynb")), ids=lambda path: path.stem)
def test_the_solutions_earn_all_points(path: Path):
    graded = grade_notebook(path, seed=11)
    assert graded.earned == graded.points > 0, found(graded)
