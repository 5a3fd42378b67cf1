"""Every check refuses the wrong answers that ``mutants.py`` makes from the right one, and says why."""

import re

import pytest

from tests.course import inputs_01_06, inputs_07_14
from tests.course.mutants import mutants
from tests.course.test_wrong_answers import CHECKS, EXERCISES, message, recorded_inputs, right_answers

ROWS = inputs_01_06.ROWS | inputs_07_14.ROWS
LESSON = {name: lesson for lesson, name in EXERCISES}
RECORDS = {"scales_mean": (1,), "fair_comparison": (0, 1), "cell_under_pixel": (2, 3)}  # pairs (H, W), and dicts
MUTANTS = {
    name: mutants(right_answers(LESSON[name], name)[0], recorded_inputs(name, 0)[0], row, RECORDS.get(name, ()))
    for name, row in ROWS.items()
}
ALL = [(name, label) for name in MUTANTS for label in MUTANTS[name]]
SAID = {"changed argument": "chang", "detached": "gradient", "NaN": "NaN"}
NOTHING_SAID = r"part \[|slightly off|not right[.:]?$|the equation"


def test_every_exercise_has_a_row():
    assert sorted(ROWS) == sorted(CHECKS)


@pytest.mark.parametrize(("name", "label"), ALL, ids=map("-".join, ALL))
def test_a_mutant_is_refused(name: str, label: str):
    for seed in (0, 1):
        found = message(name, MUTANTS[name][label], seed)  # refused, or there would be none
        assert not re.search(NOTHING_SAID, found), found
        words = [word for kind, word in SAID.items() if label.startswith(kind)]
        assert all(word in found for word in words), found
