"""Parallel forms: a published solution is no answer to one, what it means in the form is, for every exercise."""

import json
from itertools import combinations, permutations
from pathlib import Path

import nbformat
import pytest
import torch

from acflib.course import checks
from acflib.course.checks.catalog import exercises
from acflib.course.checks.judge import without_points
from acflib.course.material.dealing import draw_form
from acflib.course.material.form_notebooks import draw_forms, write_forms
from acflib.course.material.form_verdict import form_check
from acflib.course.material.forms import Form, adapted, possible_changes, solution, tasks
from acflib.course.material.kinds import KINDS
from acflib.course.material.trial import published_solutions
from acflib.errors import ConfigError
from tests.course.test_wrong_answers import CHECKS, EXERCISES, recorded_inputs, right_answers

SOLUTIONS = Path(__file__).parents[2] / "notebooks" / "solutions"
SEEDS = ("heath", "2027-a", "0")
MOST_ORDERS = 24
LESSON = {name: lesson for lesson, name in EXERCISES}
every_exercise = pytest.mark.parametrize("check", sorted(tasks()))


@pytest.fixture(scope="module")
def published() -> dict:
    """The functions that the published solutions check, by the name of the check."""
    return published_solutions(SOLUTIONS)


def written(check: str, changes: tuple = (), order: tuple[int, ...] | None = None) -> Form:
    """A form with the lesson's names and given changes ((part, key), choice)."""
    names = tuple(value.name for value in tasks()[check].arguments)
    parts: dict[str, dict[str, str]] = {"axes": {}, "kinds": {}}
    for (part, key), chosen in changes:
        parts[part][key] = chosen
    return Form(check, "heron", names, order or tuple(range(len(names))), parts["axes"], parts["kinds"])


def all_changes(check: str) -> list[tuple]:
    return [(change, chosen) for change, choices in possible_changes(tasks()[check]).items() for chosen in choices]


def is_right(form: Form, answer) -> bool:
    """As form_check says, without a message and points."""
    with without_points():
        return getattr(checks, form.check)(adapted(form, answer)).solved


def test_every_exercise_has_forms_with_the_arguments_of_its_check():
    assert sorted(tasks()) == sorted(CHECKS) == sorted(exercise.check for exercise in exercises())
    for check, task in tasks().items():
        assert len(recorded_inputs(check, 0)[0]) == len(task.arguments), check
        assert possible_changes(task), f"{check}: nothing but names can be changed"
    used = {value.kind for task in tasks().values() for value in (*task.arguments, task.result)}
    assert used == set(KINDS)


@every_exercise
@pytest.mark.parametrize("seed", [SEEDS[0], *(pytest.param(seed, marks=pytest.mark.slow) for seed in SEEDS[1:])])
def test_a_published_solution_fails_as_it_is_and_passes_when_adapted(check: str, seed: str, published: dict):
    form = draw_form(check, "heron", seed)
    for answer in published[check]:
        assert not form_check(form, answer).solved, form
        found = form_check(form, solution(form, answer))
        assert found.solved, f"{form}: {found}"


@every_exercise
def test_every_change_alone_makes_it_fail_and_no_two_cancel(check: str, published: dict):
    """A form has one change or two, so these are all forms but for the order of the arguments."""
    changes = all_changes(check)
    pairs = [pair for pair in combinations(changes, 2) if pair[0][0] != pair[1][0]]
    for answer in [*published[check], *right_answers(LESSON[check], check)]:
        for change in changes:
            form = written(check, (change,))
            assert not is_right(form, answer), change
            found = form_check(form, solution(form, answer))
            assert found.solved, f"{change}: {found}"
        for pair in pairs:
            assert not is_right(written(check, pair), answer), pair


@every_exercise
def test_no_order_of_the_arguments_undoes_a_change(check: str, published: dict):
    answer, count = published[check][0], len(tasks()[check].arguments)
    orders = list(permutations(range(count)))[1:MOST_ORDERS]
    for change in all_changes(check):
        for order in orders[: 60 if count < 4 else 6]:
            assert not is_right(written(check, (change,), order), answer), (change, order)


def test_the_same_seed_gives_the_same_files_and_another_one_others(tmp_path: Path):
    counts = [write_forms(tmp_path / name, seed) for name, seed in (("a", "x"), ("b", "x"), ("c", "y"))]
    assert counts == [53, 53, 53]
    texts = [
        {path.relative_to(tmp_path / name): path.read_bytes() for path in (tmp_path / name).rglob("*.*")}
        for name in "abc"
    ]
    assert texts[0] == texts[1]
    for first, second in zip(draw_forms("x"), draw_forms("y"), strict=True):
        assert first[0] == second[0] and first[1] != second[1]
    different = [
        a[1]
        for a, b in zip(draw_forms("x"), draw_forms("y"), strict=True)
        if a[1].axes != b[1].axes or a[1].kinds != b[1].kinds
    ]
    assert len(different) > 26  # more than words: layouts and units differ in most exercises


def test_what_students_get_names_no_exercise_of_the_course_and_no_seed(tmp_path: Path):
    write_forms(tmp_path / "out", "myseedword")
    notebooks = sorted((tmp_path / "out" / "students").iterdir())
    assert [path.name for path in notebooks] == [f"{number:02}.ipynb" for number in range(1, 15)]
    for path in notebooks:
        nbformat.validate(nbformat.read(path, as_version=4))
        text = path.read_text(encoding="utf-8")
        assert "myseedword" not in text
        lesson = [exercise for exercise in exercises() if exercise.lesson == path.stem]
        assert not [exercise.check for exercise in lesson if exercise.check in text]
        assert text.count("TODO") == len(lesson)
    records = [json.loads(path.read_text()) for path in (tmp_path / "out" / "material").glob("*/exercise.json")]
    assert all(record["points"] == sum(line["points"] for line in record["lines"]) for record in records)


# ---- answers written from the text of a form, by hand: the text and the adapter mean the same


def test_centers_with_channels_last_and_classes_from_10():
    form = written(
        "hard_centers", ((("axes", "features"), "b h w c"), (("kinds", "labels"), "from 10, ignore 0")), (1, 2, 0)
    )

    def heron(labels, num_classes, features):
        masks = torch.stack([labels == 10 + i for i in range(num_classes)], 1).double()  # (B, N, H, W)
        return torch.einsum("bhwc,bnhw->bnc", features, masks) / masks.sum((2, 3)).clamp(min=1)[..., None]

    assert form_check(form, heron).solved
    assert not form_check(form, lambda y, n, x: heron(y - 1, n, x)).solved


def test_attended_features_from_thousandths():
    form = written("attend_sum", ((("kinds", "probs"), "thousandths"), (("axes", "returns"), "h w b c")), (1, 0))
    assert form_check(form, lambda p, f: torch.einsum("bnc,bnhw->hwbc", f, p / 1000)).solved
    assert not form_check(form, lambda p, f: torch.einsum("bnc,bnhw->hwbc", f, p)).solved


def test_size_of_a_convolution_from_both_sides_of_padding():
    form = written("conv_size", ((("kinds", "padding"), "both"), (("kinds", "gaps"), "gaps")), (4, 3, 2, 1, 0))

    def heron(left_out, both, stride, kernel, size):
        return (size + both - (left_out + 1) * (kernel - 1) - 1) // stride + 1

    assert form_check(form, heron).solved


def test_softmax_of_energies():
    form = written("centers_from_logits", ((("kinds", "logits"), "energies"),), (1, 0))

    def heron(z, x):
        p = (-z).softmax(1)
        return torch.einsum("bchw,bnhw->bnc", x, p) / p.sum((2, 3))[..., None]

    assert form_check(form, heron).solved
    detached = form_check(form, lambda z, x: heron(z.detach(), x))
    assert not detached.solved and "gradient" in detached.message and "`z`" in detached.message


# ---- what a student is told


def test_a_changed_argument_is_seen_where_the_form_hands_out_a_copy():
    form = written("hard_centers", ((("kinds", "labels"), "from 1, ignore 0"),))

    def heron(features, labels, num_classes):
        masks = torch.stack([labels == 1 + i for i in range(num_classes)], 1).double()
        labels += 1
        return torch.einsum("bchw,bnhw->bnc", features, masks) / masks.sum((2, 3)).clamp(min=1)[..., None]

    found = form_check(form, heron)
    assert not found.solved and "changes its argument `labels`" in found.message


def test_an_answer_of_no_form_at_all_is_told_so():
    form = written("hard_centers", ((("axes", "returns"), "n b c"),))
    assert "returns a string, not a tensor" in form_check(form, lambda x, y, n: "no tensor").message
    assert form_check(form, lambda *_: None).message.startswith("Not solved yet")


@pytest.mark.parametrize(("seed", "lessons", "words"), [(" ", (), "--seed is empty"), ("x", ("00",), "--lesson 00")])
def test_what_cannot_be_drawn_is_said(seed: str, lessons: tuple, words: str):
    with pytest.raises(ConfigError, match=words):
        draw_forms(seed, lessons)
