"""The list of mutations fits the library of today. `make mutate` then puts each one in."""

import ast
import json
from pathlib import Path

import pytest

from tests.house.mutants.lessons import LESSONS
from tests.house.mutations import MUTATIONS, judge, main, mutated
from tests.house.notebook_mutations import RESULTS, failed_cell, heading_of

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda m: m.name)
def test_mutation_fits(mutation):
    """Its old text is there once, the mutated file is Python and another program, its tests exist."""
    text = (ROOT / mutation.file).read_text(encoding="utf-8")
    changed = mutated(text, mutation)
    assert ast.dump(ast.parse(changed)) != ast.dump(ast.parse(text))
    assert mutation.tests
    for test in mutation.tests:
        path, _, name = test.partition("::")
        assert f"def {name}" in (ROOT / path).read_text(encoding="utf-8")


def test_names_are_unique_and_public_bugs_are_all_there():
    names = [mutation.name for mutation in MUTATIONS]
    assert len(set(names)) == len(names) >= 24
    assert sum(mutation.public_bug for mutation in MUTATIONS) >= 8


def test_old_text_that_is_gone_or_not_unique_is_an_error():
    for text in ("nothing", MUTATIONS[0].old * 2):
        with pytest.raises(ValueError, match="mend the mutation"):
            mutated(text, MUTATIONS[0])


@pytest.mark.parametrize(
    "status, output, caught, text",
    [
        (0, "3 passed", False, "SURVIVED"),
        (1, "FAILED tests/a.py::test_b[1-x] - AssertionError: no\n1 failed", True, "a.py::test_b"),
        (1, "FAILED tests/a.py::test_b\n1 failed", True, "a.py::test_b"),
        (1, "FAILED tests/a.py::test_b[a b - c] - ValueError: x[1]\n1 failed", True, "a.py::test_b"),
        (1, "FAILED tests/a.py::test_b - NameError: name 'x'\n1 failed", False, "does not run"),
        (1, "ERROR tests/a.py::test_b - OSError: no\n1 error", False, "did not run"),
        (2, "ERROR tests/a.py\n1 error", False, "did not run"),
        (5, "no tests ran", False, "did not run"),
    ],
)
def test_what_counts_as_caught(status, output, caught, text):
    found = judge(status, output)
    assert found[0] == caught and text in found[1]


# ---- what the lessons alone catch


def test_lessons_are_asked_for_ten_mutations_of_the_mathematics():
    files = {mutation.name: mutation.file for mutation in MUTATIONS}
    asked = [files[name] for names in LESSONS.values() for name in names]
    assert len(asked) >= 10
    assert set(asked) == {"acflib/functional.py", "acflib/losses.py", "acflib/metrics.py"}


def test_the_committed_table_is_of_these_mutations_and_lessons():
    """`make mutate NOTEBOOKS=1` wrote it; a lesson that changed since shows in the headings."""
    caught = json.loads(RESULTS.read_text(encoding="utf-8"))["caught"]
    expected = [(name, f"{stem}.ipynb") for stem, names in LESSONS.items() for name in names]
    assert [(each["mutation"], each["notebook"]) for each in caught] == expected
    for each in caught:
        assert heading_of(ROOT / "notebooks" / each["notebook"], each["cell"]) == each["heading"], each


@pytest.mark.parametrize(
    "status, output, cell",
    [
        (0, "21 passed", None),
        (1, "FAILED notebooks/01_x.ipynb::Cell 4 - Notebook cell execution failed\n1 failed", 5),
        (1, "FAILED notebooks/01_x.ipynb::Cell 0\n1 failed", 1),
    ],
)
def test_the_cell_that_failed(status, output, cell):
    assert failed_cell(status, output) == cell


@pytest.mark.parametrize(
    "status, output",
    [
        (1, "ERROR notebooks/01_x.ipynb - no kernel"),
        (1, "ImportError: cannot import name\nFAILED notebooks/01_x.ipynb::Cell 4"),
        (2, "interrupted"),
        (5, "no tests ran"),
    ],
)
def test_a_lesson_that_did_not_run_caught_nothing(status, output):
    with pytest.raises(ValueError):
        failed_cell(status, output)


@pytest.mark.parametrize("flags", [["--only", MUTATIONS[0].name], ["--list"]], ids=["only", "list"])
def test_part_of_the_lessons_is_refused(flags, monkeypatch, capsys):
    """A partial run would be written as the table of all."""
    monkeypatch.setattr("sys.argv", ["mutations.py", "--notebooks", *flags])
    with pytest.raises(SystemExit):
        main()
    assert "leave out --only and --list" in capsys.readouterr().err
