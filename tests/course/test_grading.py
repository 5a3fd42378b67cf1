"""`acflib grade`: what counts is the function that a notebook leaves, judged anew; never what the notebook prints."""

import csv
import json
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from acflib.cli.parser import main
from acflib.course.grading import session as grading_session
from acflib.course.grading.cells import calls_in
from acflib.course.grading.grade import COLUMNS, GradedNotebook, grade_notebook

pytestmark = pytest.mark.usefixtures("warm_python")

SOLUTIONS = Path(__file__).parents[2] / "notebooks" / "solutions"
TITLE = "# 01 · Class centers"
IMPORT = "import torch\nfrom acflib import functional\nfrom acflib.course import checks"
STUB = "def mine(*inputs):\n    return None\n\n\nchecks.{check}(mine)"
RIGHT = {
    "hard_centers": """
def mine(x, y, n):
    Y = torch.stack([y == i for i in range(n)], dim=1).to(x.dtype)
    return torch.einsum("bchw,bnhw->bnc", x, Y) / Y.sum((2, 3)).clamp(min=1)[..., None]

checks.hard_centers(mine)
""",
    "centers_from_logits": """
def mine(x, z):
    P = z.softmax(1)
    return torch.einsum("bchw,bnhw->bnc", x, P) / P.sum((2, 3))[..., None]

checks.centers_from_logits(mine)
""",
    "merge_centers": """
def mine(a, m, b, k):
    mass = (m + k)[:, None]
    return (a * m[:, None] + b * k[:, None]) / mass.masked_fill(mass == 0, 1)

checks.merge_centers(mine)
""",
}
ABSENT = """
def with_nan(x, y, n):
    Y = torch.stack([y == i for i in range(n)], dim=1).to(x.dtype)
    return torch.einsum("bchw,bnhw->bnc", x, Y) / Y.sum((2, 3))[..., None]

checks.hard_centers(with_nan)
"""
ROWS = """
def by_row(x, z):
    P = z.softmax(2)
    return torch.einsum("bchw,bnhw->bnc", x, P) / P.sum((2, 3))[..., None]

checks.centers_from_logits(by_row)
"""

# Seconds of the processor for a cell: more than the first needs to load torch, where it is not loaded already.
LIMIT = 4 if sys.platform == "linux" else 15


def write(path: Path, *sources: str, title: str = TITLE) -> Path:
    cells = [new_markdown_cell(title), new_code_cell(IMPORT), *map(new_code_cell, sources)]
    nbformat.write(new_notebook(cells=cells), path)
    return path


def grade(path: Path, seed: int = 7, timeout: float = 60) -> GradedNotebook:
    return grade_notebook(path, seed, timeout)


def found(graded: GradedNotebook) -> dict[str, str]:
    """check -> message, and that points follow from the lines, and all of them from what is solved."""
    assert all(g.earned == sum(line.earned for line in g.lines) for g in graded.grades)
    assert all(g.solved == (g.earned == g.exercise.points) for g in graded.grades)
    assert all(g.solved == g.message.startswith("Right") for g in graded.grades)
    return {g.exercise.check: g.message for g in graded.grades}


def test_right_wrong_and_unsolved_written_as_json_and_csv(tmp_path, capsys):
    anna = write(tmp_path / "anna.ipynb", ABSENT, ROWS, STUB.format(check="merge_centers"))
    boris = write(tmp_path / "boris.ipynb", *RIGHT.values())
    before = anna.read_bytes()
    out = tmp_path / "new" / "grades"
    assert main(["grade", str(anna), str(boris), "--out", str(out), "--seed", "3"]) == 0
    assert anna.read_bytes() == before

    printed = capsys.readouterr().out
    assert f"{anna}: lesson 01, 5 of 12 points" in printed and f"{boris}: lesson 01, 12 of 12 points" in printed
    record = json.loads(Path(f"{out}.json").read_text(encoding="utf-8"))
    assert record["seed"] == 3 and [n["earned"] for n in record["notebooks"]] == [5, 12]
    first = record["notebooks"][0]["exercises"][0]
    assert first["exercise"]["check"] == "hard_centers" and first["earned"] == 3
    assert first["lines"] == [
        {"text": "the right centers", "points": 2, "earned": 2},
        {"text": "absent classes", "points": 1, "earned": 0},
        {"text": "ignored pixels", "points": 1, "earned": 1},
    ]
    with open(f"{out}.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == COLUMNS and len(rows) == 6
    assert [row["notebook"] for row in rows] == [str(anna)] * 3 + [str(boris)] * 3
    assert [row["exercise"] for row in rows[:3]] == ["1", "2", "3"]
    assert [row["solved"] for row in rows] == ["False", "False", "False", "True", "True", "True"]
    assert [row["earned"] for row in rows] == ["3", "2", "0", "4", "4", "4"]
    assert rows[0]["lines"] == "the right centers 2/2; absent classes 0/1; ignored pixels 1/1"
    assert "the right centers 2/2, absent classes 0/1, ignored pixels 1/1" in printed
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
    messages = found(grade(write(tmp_path / "a.ipynb", loop, RIGHT["centers_from_logits"]), timeout=LIMIT))
    assert messages["hard_centers"].startswith(f"The cell ran longer than {LIMIT} seconds")
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
    assert graded.earned == 2, "for the normalized sum, which is right"


def test_a_notebook_that_changes_torch(tmp_path):
    change = "torch.allclose = lambda *_, **__: True"
    messages = found(grade(write(tmp_path / "a.ipynb", change, ROWS)))
    assert "changes torch or Python itself" in messages["centers_from_logits"]


def test_answers_learned_by_heart_count_for_nothing(tmp_path):
    """The inputs of a student have seed 0. Their answers, stored, are right for these inputs and no others."""
    learn = """
stored = []
def mine(a, m, b, k):
    mass = (m + k)[:, None]
    stored.append(((a, m, b, k), (a * m[:, None] + b * k[:, None]) / mass.masked_fill(mass == 0, 1)))
    return stored[-1][1]
checks.merge_centers(mine)
def recall(*given):
    known = (answer for seen, answer in stored if all(x.equal(y) for x, y in zip(seen, given)))
    return next(known, torch.zeros_like(given[0]))
"""
    path = write(tmp_path / "a.ipynb", learn, "checks.merge_centers(recall)")
    assert found(grade(path, seed=0))["merge_centers"].startswith("Right")
    assert found(grade(path, seed=1))["merge_centers"].startswith("Not right")


def test_missing_renamed_and_repeated(tmp_path):
    renamed = STUB.format(check="hard_means")
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


HELPED = """
def mean(x, w):
    return torch.einsum("bchw,bnhw->bnc", x, w) / w.sum((2, 3)).clamp(min=1e-30)[..., None]

def mine(x, z):
    return mean(x, z.softmax(1))

print(checks.centers_from_logits(lambda x, z: mine(x, z)), checks.centers_from_logits(mine))
"""
LATER = """
mean = 3.5  # the name of a helper, used again
draw, drawn = torch.Generator().manual_seed(1), torch.rand(1)
torch.manual_seed(5)
"""
LEAVES_ALL = """
torch.manual_seed(3)
before = torch.rand(1)
torch.manual_seed(3)
network = functional.class_centers
"""
AS_IT_WAS = """
from acflib import functional as again
assert torch.equal(torch.rand(1), before) and again.class_centers is network
print("all is as it was")
checks.hard_centers(mine)
"""


def test_an_answer_is_judged_with_the_names_of_its_own_cell(tmp_path):
    """A later cell may call something else by the name of its helper: the student has read "Right"."""
    graded = grade(write(tmp_path / "helped.ipynb", HELPED, LATER, STUB.format(check="merge_centers")))
    assert found(graded)["centers_from_logits"].startswith("Right")


def test_judging_changes_nothing_for_the_cells_that_follow(tmp_path):
    """Random numbers and the modules of acflib; else the last cell would raise before it checks."""
    cell = RIGHT["hard_centers"].replace("checks.hard_centers(mine)", "")
    path = write(tmp_path / "same.ipynb", LEAVES_ALL + RIGHT["centers_from_logits"], cell + AS_IT_WAS)
    messages = found(grade(path))
    assert messages["centers_from_logits"].startswith("Right") and messages["hard_centers"].startswith("Right")


def test_gradients_are_asked_for_where_a_notebook_has_turned_them_off(tmp_path):
    source = RIGHT["centers_from_logits"].replace("z.softmax(1)", "z.softmax(1).detach()")
    messages = found(grade(write(tmp_path / "off.ipynb", "torch.set_grad_enabled(False)", source)))
    assert "no gradient reaches" in messages["centers_from_logits"]


def test_the_last_call_of_a_check_is_the_lowest():
    """However deep it stands in its line."""
    source = "print(checks.hard_centers(draft))\nchecks.hard_centers(final)"
    assert [call.answer for call in calls_in(source, 0)] == ["draft", "final"]
