"""What an answer to a form earns and what its student is told: the units are a line, the words are the form's."""

import re
from itertools import combinations
from pathlib import Path

import pytest
import torch

from acflib.course.checks.catalog import exercise_of
from acflib.course.checks.judge import Verdict
from acflib.course.material.dealing import draw_form
from acflib.course.material.form_verdict import UNITS, form_check, form_lines
from acflib.course.material.forms import Form, said, solution, tasks, units_of
from acflib.course.material.kinds import KINDS
from acflib.course.material.trial import published_solutions
from tests.course.test_forms import SOLUTIONS, all_changes, written
from tests.course.test_wrong_answers import ANSWERS, EXERCISES, points

every_exercise = pytest.mark.parametrize("check", sorted(tasks()))
LESSON = {name: lesson for lesson, name in EXERCISES}


# Mistakes that are the missed conversion of forms with a view of a kind, such as the power T where 1 / T is handed out.
AS_A_CONVERSION = {
    ("interval_reading", "whole width"): ("half", "width"),
    ("taps_inside", "outside"): ("taps", "lost"),
    ("good_and_bad", "swapped"): ("sign", "other"),
    ("mixed_probs", "outside"): ("bools", "inverted"),
    ("fair_comparison", "inverted"): ("yes", "inverted"),
    ("seeds_needed", "one more"): ("runs", "degrees"),
    ("tempered", "power T"): ("temperature", "sharpness"),
}


AS_A_LAYOUT = {("affinity", "transposed")}  # and one that is the missed layout of a form whose result is turned


@pytest.fixture(scope="module")
def published() -> dict:
    return published_solutions(Path(SOLUTIONS))


def lesson_units(form: Form) -> Form:
    return Form(form.check, form.word, form.names, form.order, form.axes, {})


def is_units_alone(found: Verdict) -> bool:
    return not found.solved and [line.text for line in found.lines if not line.earned] == [UNITS.text]


@every_exercise
def test_an_answer_in_the_units_of_the_lesson_loses_the_line_of_the_units_alone(check: str, published: dict):
    """Each way to write a value, and two at once."""
    units = [change for change in all_changes(check) if change[0][0] == "kinds"]
    pairs = [pair for pair in combinations(units, 2) if pair[0][0] != pair[1][0]]
    for changes in [(change,) for change in units] + pairs[:6]:
        form = written(check, changes)
        answer = solution(lesson_units(form), published[check][0])
        found = form_check(form, answer)
        assert is_units_alone(found), (changes, found)
        assert found.message.startswith("Not right yet: right, but for the form's units and layout.")
        assert all(KINDS[key].views[view].text in found.message for (_, key), view in changes)


@every_exercise
def test_all_forms_of_an_exercise_have_the_same_points(check: str):
    """Whoever draws another form can earn as much."""
    points = sum(line.points for line in form_lines(draw_form(check, "heron", "0")))
    assert points == exercise_of(check).points + 1
    for seed in range(8):
        form = draw_form(check, "heron", str(seed))
        assert bool(form.kinds) == bool(units_of(tasks()[check]))
        assert len(form.kinds) + len(form.axes) == min(2, len({change for change, _ in all_changes(check)}))


@every_exercise
def test_a_mistake_costs_the_lines_of_the_lesson_and_no_units(check: str):
    form = draw_form(check, "heron", "heath")
    for label, (answer, _) in list(ANSWERS[LESSON[check]][check]["mistakes"].items())[:4]:
        found = form_check(form, solution(form, answer))
        kind, view = AS_A_CONVERSION.get((check, label), ("", ""))
        if (kind and form.kinds.get(kind) == view) or ((check, label) in AS_A_LAYOUT and "returns" in form.axes):
            assert is_units_alone(found)
            continue
        earned = points(check, label)
        assert [line.earned for line in found.lines] == [*earned, 1 * any(earned)], (label, found)


@pytest.mark.parametrize("share", [{}, {("kinds", "share"): "percent"}])
@pytest.mark.parametrize("moved", ["P", "returns"])
def test_an_answer_that_forgets_the_last_permute_loses_the_line_of_the_form_alone(moved: str, share: dict):
    """Exercise 4 of lesson 10: 2 points for the sum, 1 for the mask, 1 for P, 1 for the form."""
    form = written("mixed_probs", ((("axes", moved), "b h w n"), *share.items()))

    def in_the_wrong_layout(maps, mask, cls, s):
        last = maps if moved == "P" else maps.permute(0, 2, 3, 1)  # (B, H, W, N)
        s = s / 100 if share else s
        painted = torch.where(mask[..., None], (1 - s) * last, last)
        painted[..., cls] += s * mask
        return painted if moved == "P" else painted.permute(0, 3, 1, 2)

    found = form_check(form, in_the_wrong_layout)
    assert not found.solved and [line.earned for line in found.lines] == [2, 1, 1, 0], found
    wanted = "(B, N, H, W)" if moved == "P" else "(B, H, W, N)"
    assert found.message.startswith("Not right yet: right, but for the form's units and layout. Here the result is ")
    assert f"the result is {wanted}" in found.message
    if share:
        twice = form_check(form, lambda maps, mask, cls, s: in_the_wrong_layout(maps, mask, cls, 100 * s))
        assert sum(line.earned for line in twice.lines) < 4, "a published solution as it is misses both"


@every_exercise
def test_an_answer_without_sense_earns_nothing(check: str):
    form = draw_form(check, "heron", "heath")
    for answer in (lambda *case: case[0], lambda *_: None, lambda *_: 0):
        assert not any(line.earned for line in form_check(form, answer).lines)


def test_half_of_an_odd_number_is_not_cut_off():
    """Of 11 runs nobody makes pairs: 11 // 2 is what is right."""
    form = written("seeds_needed", ((("kinds", "runs"), "runs"),))
    runs = solution(form, ANSWERS["lesson_07"]["seeds_needed"]["right"][0])
    assert form_check(form, runs).solved
    assert not form_check(form, lambda *case: runs(*case) + 1).solved


# ---- messages


@every_exercise
def test_a_message_has_the_names_of_the_form_and_none_of_the_lesson(check: str):
    form = draw_form(check, "heron", "heath")
    old = [value.name for value in tasks()[check].arguments if value.name not in form.names]
    for answer, _ in list(ANSWERS[LESSON[check]][check]["mistakes"].values())[:3]:
        message = form_check(form, solution(form, answer)).message
        assert not [name for name in old if f"`{name}`" in message or "_" in name and name in message], message
        if " is right." in message:
            assert all(f"`{name}`" in message for name in form.names), message


def test_inputs_and_values_of_a_message_are_those_that_the_student_has():
    form = written("hard_shares", ((("kinds", "share"), "percent"), (("kinds", "labels"), "from 1, ignore 0")))
    calls = []

    def heron(probability, labels, threshold, num_classes):
        calls.append((probability, labels, threshold, num_classes))
        return torch.full((num_classes,), 12.5, dtype=torch.float64)

    message = form_check(form, heron).message
    shape, limit, classes = tuple(calls[0][0].shape), calls[0][2], calls[0][3]
    assert limit > 1  # percent
    assert f"`probability` of shape {shape}" in message and f"`threshold` = {limit:.6g}" in message
    assert f"`num_classes` = {classes}" in message
    got, wanted = re.search(r"at \[\d\] ([\d.]+), where ([\d.]+) is right", message).groups()
    hard = (calls[0][0] < limit / 100) & (calls[0][1] == 1)
    assert got == "12.5" and float(wanted) == pytest.approx(
        100 * float(hard.sum()) / int((calls[0][1] == 1).sum()), rel=1e-4
    )


def test_the_ignored_label_of_a_message_is_that_of_the_form():
    form = written("within_between", ((("kinds", "marks"), "ignore -1"),))
    wrong, _ = ANSWERS["lesson_09"]["within_between"]["mistakes"]["255"]
    message = form_check(form, solution(form, wrong)).message
    assert "(-1)" in message.split("(The words")[0] and "(255)" not in message


def test_a_result_of_another_shape_is_told_in_the_layout_of_the_form():
    form = written("hard_centers", ((("axes", "returns"), "n b c"),))
    found = form_check(form, lambda x, y, n: torch.zeros(len(x), n, x.shape[1], dtype=torch.float64))
    shape = re.search(r"has the shape \((.+)\), but must be \((.+)\)", found.message)
    got, wanted = (part.split(", ") for part in shape.groups())
    assert wanted == [got[1], got[0], got[2]]


def test_the_words_of_the_lesson_are_marked_where_the_form_is_another():
    form = written("hard_centers", ((("axes", "features"), "b h w c"),), (1, 0, 2))
    sums, _ = ANSWERS["lesson_01"]["hard_centers"]["mistakes"]["sums"]
    message = form_check(form, solution(form, sums)).message
    plain = said(written("hard_centers"), tasks()["hard_centers"].arguments[0])
    assert f"where the call is f(features, labels, num_classes); `features` is {plain}" in message
    assert "The words are" not in form_check(written("hard_centers"), sums).message
