"""Points by the lines of a rubric: each wrong answer keeps what it has right, and no more."""

import re

import pytest
import torch

from acflib.course import checks
from acflib.course.checks import judge as judging
from acflib.course.checks.catalog import LinePoints, exercise_of, exercises
from acflib.course.checks.compare import copied
from acflib.course.checks.judge import RUBRICS, Verdict
from tests.course.lost_lines import LOST, ONE_POINT
from tests.course.test_wrong_answers import ANSWERS, CHECKS, EXERCISES, WRONG, right_answers, verdict

every_exercise = pytest.mark.parametrize(("lesson", "name"), EXERCISES)


def lost(found: Verdict) -> tuple[int, ...]:
    """The places of the lines that earned nothing, of an answer that earned the others as a whole."""
    assert all(line.earned in (0, line.points) for line in found.lines)
    return tuple(place for place, line in enumerate(found.lines) if not line.earned)


def test_the_table_names_answers_that_are_there_and_each_once():
    assert sorted(LOST) == sorted(CHECKS)
    for lesson, name in EXERCISES:
        groups = [*LOST[name].values(), *ONE_POINT.get(name, {}).values()]
        labels = [label for group in groups for label in group]
        assert len(set(labels)) == len(labels) and set(labels) <= set(ANSWERS[lesson][name]["mistakes"])


def test_lines_sum_to_the_points():
    assert all(sum(line.points for line in exercise.lines) == exercise.points for exercise in exercises())
    assert [str(LinePoints(line.text, line.points, 0)) for line in exercise_of("hard_centers").lines] == [
        "the right centers 0/2",
        "absent classes 0/1",
        "ignored pixels 0/1",
    ], "as lesson 01 says"


@every_exercise
def test_right_answers_earn_all(lesson: str, name: str):
    for answer in right_answers(lesson, name):
        assert lost(verdict(name, answer)) == ()


def zeros(value):
    if isinstance(value, torch.Tensor):
        return torch.zeros_like(value)
    if isinstance(value, dict):
        return {key: zeros(part) for key, part in value.items()}
    return type(value)(map(zeros, value)) if isinstance(value, (tuple, list)) else type(value)()


@every_exercise
@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))])
def test_an_answer_without_sense_earns_nothing(lesson: str, name: str, seed: int):
    """Zeros of the right form, ones, the first argument, nothing at all."""
    right = right_answers(lesson, name)[0]

    def ones(value):
        parts = isinstance(value, (tuple, list))
        return type(value)(map(ones, value)) if parts else torch.ones_like(value) if torch.is_tensor(value) else value

    senseless = [
        lambda *case: zeros(right(*copied(case))),
        lambda *case: ones(zeros(right(*copied(case)))),
        lambda *case: case[0],
        lambda *_: None,
    ]
    for number, answer in enumerate(senseless):
        found = verdict(name, answer, seed)
        assert not any(line.earned for line in found.lines), (number, found)


@every_exercise
def test_every_piece_is_about_a_message_and_every_corner_has_a_line(lesson: str, name: str, monkeypatch):
    tasks = []
    monkeypatch.setattr(judging, "lost_lines", lambda task, *_: tasks.append(task) or set())
    answer, _ = next(iter(ANSWERS[lesson][name]["mistakes"].values()))
    verdict(name, answer)
    (task,), rubric = tasks, RUBRICS[name]
    of_all = [
        "your function changes its argument",
        "is NaN or infinite",
        "the result is a float",
        "a part of the gradient",
    ]
    messages = [*task.mistakes, *task.corners, *task.demands, *of_all]
    idle = [piece for pieces in rubric.costs.values() for piece in pieces if not any(piece in m for m in messages)]
    assert idle == []
    assert [message for message in (*task.corners, *task.demands) if not rubric.cost(message)] == []
    places = {*rubric.costs, *rubric.only, *rubric.parts, *rubric.mends}
    assert places <= set(range(len(exercise_of(name).lines)))


def test_two_mistakes_cost_two_lines():
    """Ties count as lost, and the asked pixel is compared, on inputs that no named mistake describes."""
    order = ANSWERS["lesson_09"]["order_share"]["right"][0]
    assert lost(verdict("order_share", lambda *case: order(*case, tie=0, itself=True))) == (1, 2)
    assert lost(verdict("order_share", lambda *case: order(*case, tie=1, ignore=False))) == (1, 3)


def one_hot_centers(x, y, n, least=0):
    weights = torch.nn.functional.one_hot(y, n).movedim(-1, 1).double()
    return torch.einsum("bchw,bnhw->bnc", x, weights) / weights.sum((2, 3)).clamp(min=least)[..., None]


def ids_by_dict(values, table):
    known = dict(table)
    return torch.tensor([[known[value] for value in row] for row in values.tolist()])


def chosen_from_lists(gains, k):
    order = sorted(range(len(gains)), key=lambda i: (gains[i].item(), -i))
    return torch.tensor(order[::-1][:k]), torch.tensor(order[:k])  # of equal losses the last comes first


OWN_WAYS = {
    "raises on 255": ("hard_centers", lambda x, y, n: one_hot_centers(x, y, n, 1), (2,)),
    "255 is class 0, and an absent class NaN": (
        "hard_centers",
        lambda x, y, n: one_hot_centers(x, y.masked_fill(y == 255, 0), n),
        (1, 2),
    ),
    "raises where a last row is short": ("log_rows", lambda losses, every: losses.view(-1, every).mean(1), (1,)),
    "raises on a value that the table does not name": ("train_ids", ids_by_dict, (1,)),
    "equal gains in two orders": ("good_and_bad", chosen_from_lists, (1,)),
    "the mean alone": ("seed_interval", lambda values, t: (values.mean(), values.mean()), (1, 2)),
    "one variant wrong": (
        "acf_parameters",
        lambda f, n, c, v: ANSWERS["lesson_04"]["acf_parameters"]["right"][0](f, n, c, v) + 7 * (v == "center"),
        (2,),
    ),
}


@pytest.mark.parametrize("way", OWN_WAYS)
def test_answers_that_no_named_mistake_describes(way: str):
    name, answer, places = OWN_WAYS[way]
    for seed in (0, 1, 2):
        assert lost(verdict(name, answer, seed)) == places


def test_a_missing_part_of_a_gradient_and_a_loop_cost_one_point_each():
    """And nothing where the values are wrong: those are judged first."""

    def loop(f, p):
        return sum(p[:, i, None] * f[:, i, :, None, None] for i in range(p.shape[1]))

    assert verdict("attend_sum", loop).lines[0].earned == 1
    both = verdict("attend_sum", lambda f, p: loop(f, p / p.sum(1, keepdim=True)))
    assert [line.earned for line in both.lines] == [1, 1, 1]
    assert lost(verdict("attend_sum", lambda f, p: loop(f, p.detach()))) == (0,)
    assert lost(verdict("attend_sum", lambda f, p: loop(f[:1].expand_as(f), p))) == (2,)


def test_the_points_stand_below_the_message():
    absent, _ = ANSWERS["lesson_01"]["hard_centers"]["mistakes"]["absent class"]
    shown = repr(verdict("hard_centers", absent))
    assert shown.endswith("\n3 of 4 points: the right centers 2/2, absent classes 0/1, ignored pixels 1/1.")
    assert "\n" not in repr(verdict("hard_centers", lambda *_: None))
    assert re.fullmatch(
        r"Right, on 3 random shapes\.", repr(checks.hard_centers(right_answers("lesson_01", "hard_centers")[0]))
    )


IN_PLACE = [(lesson, name) for lesson, name, label in WRONG if label == "in place"]


@pytest.mark.parametrize(("lesson", "name"), IN_PLACE)
def test_an_answer_that_changes_its_argument_is_told_where_that_counts(lesson: str, name: str):
    """Where a rubric has no line for it: the first line says something that the answer has right."""
    answer, _ = ANSWERS[lesson][name]["mistakes"]["in place"]
    found = verdict(name, answer)
    told = "No line of the rubric is about this alone" in found.message
    values_right = found.message.startswith("Not right yet: the values are right, but ")
    assert told == (values_right and not RUBRICS[name].cost("your function changes its argument"))
