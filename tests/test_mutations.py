"""The list of mutations fits the library of today. `make mutate` then puts each one in."""

import ast
from pathlib import Path

import pytest

from tests.mutations import MUTATIONS, judge, mutated

ROOT = Path(__file__).resolve().parents[1]


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
