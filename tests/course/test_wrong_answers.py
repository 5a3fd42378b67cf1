"""Every exercise: right answers pass, each wrong answer gets the message that names it, on inputs of any seed.

The answers stand in ``tests/course/wrong_answers/lesson_NN.py``, one dict ``ANSWERS`` for each lesson.
"""

import importlib
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from acflib.course import checks
from acflib.course.checks.catalog import exercise_of
from acflib.course.checks.compare import all_close
from acflib.course.checks.judge import Verdict, without_points
from tests.course.lost_lines import LOST, ONE_POINT

FOLDER = Path(__file__).with_name("wrong_answers")
LESSONS = sorted(path.stem for path in FOLDER.glob("lesson_*.py"))
ANSWERS = {lesson: importlib.import_module(f"tests.course.wrong_answers.{lesson}").ANSWERS for lesson in LESSONS}
EXERCISES = [(lesson, name) for lesson in LESSONS for name in ANSWERS[lesson]]
WRONG = [(lesson, name, label) for lesson, name in EXERCISES for label in ANSWERS[lesson][name]["mistakes"]]
CHECKS = [name for name in checks.__all__ if name not in ("Verdict", "prediction", "with_seed")]
SEEDS = (0, 1, 2, 3)  # 0 is what students see

every_exercise = pytest.mark.parametrize(("lesson", "name"), EXERCISES)


def verdict(name: str, answer: Callable, seed: int = 0) -> Verdict:
    with checks.with_seed(seed):
        return getattr(checks, name)(answer)


def message(name: str, answer: Callable, seed: int = 0) -> str:
    """Of a wrong answer."""
    with without_points():
        found = verdict(name, answer, seed)
    assert not found.solved and found.lines == ()
    return found.message


def points(name: str, label: str) -> list[int]:
    """What each line earns, by the tables."""
    full = [line.points for line in exercise_of(name).lines]
    for line, labels in ONE_POINT.get(name, {}).items():
        if label in labels:
            return [have - (place == line) for place, have in enumerate(full)]
    lines = next((lines for lines, labels in LOST[name].items() if label in labels), range(len(full)))
    return [0 if place in lines else have for place, have in enumerate(full)]


def recorded_inputs(name: str, seed: int) -> list[tuple]:
    """What the check hands to a student's function."""
    inputs = []

    def student(*arguments):
        inputs.append(arguments)
        raise NotImplementedError

    verdict(name, student, seed)
    return inputs


def right_answers(lesson: str, name: str) -> list[Callable]:
    right = ANSWERS[lesson][name]["right"]
    return right if isinstance(right, list) else [right]


def test_each_check_has_wrong_answers():
    assert sorted(name for _, name in EXERCISES) == sorted(CHECKS)


@every_exercise
def test_a_check_stands_in_the_file_of_its_lesson(lesson: str, name: str):
    assert getattr(checks, name).__module__ == f"acflib.course.checks.{lesson}"
    assert re.search(r"exercise \d", getattr(checks, name).__doc__, re.IGNORECASE), "the docstring names the exercise"


@every_exercise
@pytest.mark.parametrize("seed", SEEDS)
def test_right_answers_pass(lesson: str, name: str, seed: int):
    for answer in right_answers(lesson, name):
        found = verdict(name, answer, seed)
        assert found.solved and re.fullmatch(r"Right, on \d+ random (shapes|inputs)\.", repr(found)), found


@every_exercise
def test_unsolved(lesson: str, name: str):
    def stub(*_):
        raise NotImplementedError

    for unsolved in (stub, lambda *_: None):
        found = verdict(name, unsolved)
        assert not found.solved and found.message.startswith("Not solved yet"), found


@pytest.mark.parametrize(("lesson", "name", "label"), WRONG, ids=["-".join(names) for names in WRONG])
def test_mistakes_are_named_and_cost_the_lines_that_they_are_about(lesson: str, name: str, label: str):
    answer, piece = ANSWERS[lesson][name]["mistakes"][label]
    found = verdict(name, answer)
    assert not found.solved and piece in found.message, found
    assert [line.earned for line in found.lines] == points(name, label), found
    assert piece in message(name, answer, seed=1)


@pytest.mark.slow
@pytest.mark.parametrize(("lesson", "name"), EXERCISES)
@pytest.mark.parametrize("seed", SEEDS[1:])
def test_mistakes_on_other_inputs(lesson: str, name: str, seed: int):
    for label, (answer, piece) in ANSWERS[lesson][name]["mistakes"].items():
        found = verdict(name, answer, seed)
        assert not found.solved and piece in found.message, f"{label}: {found}"
        assert [line.earned for line in found.lines] == points(name, label), f"{label}: {found}"


@pytest.mark.parametrize("lesson", LESSONS)
def test_a_mistake_is_named_by_whatever_way_it_came(lesson: str):
    """AGAIN: answers that get the very message of one in ANSWERS."""
    again = getattr(importlib.import_module(f"tests.course.wrong_answers.{lesson}"), "AGAIN", {})
    for name, answer, piece in ((name, *pair) for name, pairs in again.items() for pair in pairs):
        for seed in SEEDS:
            found = verdict(name, answer, seed)
            assert not found.solved and piece in found.message, f"seed {seed}: {found}"


@every_exercise
def test_at_least_three_wrong_answers_each_with_its_own_message(lesson: str, name: str):
    messages = [message(name, answer) for answer, _ in ANSWERS[lesson][name]["mistakes"].values()]
    assert len(messages) >= 3
    assert len(set(messages)) == len(messages), messages


@every_exercise
def test_another_seed_gives_other_inputs(lesson: str, name: str):
    """Or a private variant would be no secret. Asked without inputs, there is nothing to draw."""
    first, second, again = recorded_inputs(name, 0), recorded_inputs(name, 1), recorded_inputs(name, 0)
    assert all_close(first, again, 0, 0), "the same seed must give the same inputs"
    assert not all_close(first, second, 0, 0)


@every_exercise
def test_checks_leave_global_randomness_alone(lesson: str, name: str):
    state = torch.random.get_rng_state()
    verdict(name, right_answers(lesson, name)[0])
    assert torch.equal(state, torch.random.get_rng_state())
