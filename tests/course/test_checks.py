"""How answers are judged; the exercises themselves are tried in test_wrong_answers.py."""

import math

import numpy as np
import pytest
import torch

from acflib.course import checks
from acflib.course.checks.compare import all_close, describe_case
from acflib.course.checks.judge import Hints, Verdict, distinct_sizes, judge, random_cases, with_seed
from tests.course.wrong_answers.lesson_04 import parameters

CASES = [(2, 3), (4, 5)]


def matrix(_, __):
    return torch.arange(6.0).view(2, 3).double()


def same(value):
    return lambda *_: value


ANSWERS_OF_ONE_FORM = {
    "int": (5, 6),
    "float": (0.25, 0.5),
    "bool": (True, False),
    "string": ("road", "car"),
    "tuple": ((1, "a"), (1, "b")),
    "list": ([1.0, 2.0], [1.0, 3.0]),
    "dict": ({"a": 1, "b": torch.ones(2)}, {"a": 1, "b": torch.zeros(2)}),
    "tensor": (torch.ones(2, 3), torch.zeros(2, 3)),
    "bool tensor": (torch.ones(2) > 0, torch.ones(2) < 0),
    "whole numbers": (torch.ones(2, dtype=torch.int64), torch.zeros(2, dtype=torch.int64)),
    "nan": (math.nan, 0.0),
    "infinity": (math.inf, -math.inf),
    "tensor with nan": (torch.tensor([1.0, math.nan]), torch.tensor([math.nan, 1.0])),
}


@pytest.mark.parametrize("kind", ANSWERS_OF_ONE_FORM)
def test_answers_of_every_kind(kind: str):
    right, wrong = ANSWERS_OF_ONE_FORM[kind]
    assert judge(same(right), CASES, same(right), {}) == Verdict(True, "Right, on 2 random inputs.")
    assert not judge(same(wrong), CASES, same(right), {}).solved
    assert "named" in judge(same(wrong), CASES, same(right), {"named": same(wrong)}).message


def test_message_for_a_program_and_for_a_reader():
    found = judge(same(1), [(torch.zeros(2),)], same(1), {})
    assert found.solved and repr(found) == found.message == "Right, on 1 random shapes."


@pytest.mark.parametrize(("answer", "right"), [(torch.tensor(0.5), 0.5), (0.5, torch.tensor(0.5)), (2, 2.0)])
def test_a_number_is_a_number(answer, right):
    assert judge(same(answer), CASES, same(right), {}).solved


FORMS = [
    (1, "a", "returns a number, not a string"),
    (True, 1, "returns a bool, not a number"),
    (1, True, "returns a number, not a bool"),
    ([1], torch.ones(1), "returns a list, not a tensor"),
    (np.ones(1), torch.ones(1), "returns an array of numpy, not a tensor"),
    ((1, 2, 3), (1, 2), "returns 3 values, not 2"),
    ({"a": 1}, {"b": 1}, "has the keys ['a'], but must have ['b']"),
    ((1, torch.ones(2, 3)), (1, torch.ones(2, 2)), "on the inputs 2, 3 value 2 of 2 has the shape (2, 3)"),
    (torch.ones(3), torch.ones(4), "the shape (3,), but must be (4,)"),
    (torch.ones(2, 3), torch.ones(3, 2), "must be (3, 2). The last two axes are swapped."),
    (torch.ones(2, dtype=torch.int64), torch.ones(2), "the result is torch.int64; it must hold floats."),
    (torch.ones(2), torch.ones(2) > 0, "but must be torch.bool"),
]


@pytest.mark.parametrize(("answer", "right", "message"), FORMS)
def test_wrong_form(answer, right, message: str):
    found = judge(same(answer), CASES, same(right), {})
    assert not found.solved and message in found.message, found


def test_hints_end_the_general_messages():
    hints = Hints(nan="Mind the 0.", swapped="Turn it.", whole="means are floats.")
    assert "Turn it." in judge(lambda a, b: matrix(a, b).T, CASES, matrix, {}, hints=hints).message
    assert "means are floats." in judge(lambda a, b: matrix(a, b).long(), CASES, matrix, {}, hints=hints).message
    assert (
        "NaN or infinity. Mind the 0." in judge(lambda a, b: matrix(a, b) / 0, CASES, matrix, {}, hints=hints).message
    )


def test_the_first_mistake_that_fits_all_cases_is_named():
    mistakes = {
        "raises": lambda a, b: 1 / 0,
        "raises on the second case": lambda a, b: {2: -1}[a],
        "fits the first case alone": lambda a, b: -1 if a == 2 else 7,
        "minus": lambda a, b: a - b,
        "minus too": lambda a, b: -(b - a),
    }
    assert judge(lambda a, b: a - b, CASES, lambda a, b: a + b, mistakes).message == "Not right yet: minus"


def test_an_unknown_mistake_is_shown_beside_the_right_answer():
    found = judge(lambda a, b: a * b, CASES, lambda a, b: a + b + 100, {})
    assert found.message == "Not right yet: on the inputs 2, 3 the result is not right: 6, where 105 is right."
    found = judge(lambda a, b: matrix(a, b) + 0.25, CASES, matrix, {})
    assert "the result is not right: 6 of 6 values, at [0, 0] 0.25, where 0 is right." in found.message
    found = judge(lambda a, b: matrix(a, b) + 1e-4, CASES, matrix, {})
    assert "6 of 6 values" in found.message, "double precision is not called too coarse"
    found = judge(lambda a, b: (matrix(a, b) / 7).half(), CASES, lambda a, b: matrix(a, b) / 7, {})
    assert "the result is too coarse: it is torch.float16. Compute in torch.float64." in found.message
    found = judge(lambda a, b: (1, matrix(a, b) + 1), CASES, lambda a, b: (1, matrix(a, b)), {})
    assert "value 2 of 2 is not right: 6 of 6 values, at [0, 0] 1, where 0 is right." in found.message
    found = judge(lambda a, b: {"sum": [1, 2]}, CASES, lambda a, b: {"sum": [1, 3]}, {})
    assert "value 2 of 2 in the result for 'sum' is not right: 2, where 3 is right." in found.message


def test_corners_come_after_the_values():
    corners = {"Mind 0.": (0, 3)}
    assert judge(lambda a, b: a + b, CASES, lambda a, b: a + b, {}, corners=corners).solved
    found = judge(lambda a, b: b + a if a else 7, CASES, lambda a, b: a + b, {}, corners=corners)
    assert found.message == (
        "Not right yet: Mind 0. (Here on the inputs 0, 3 the result is not right: 7, where 3 is right.)"
    )
    found = judge(lambda a, b: a * (1 + b / a), CASES, lambda a, b: float(a + b), {}, corners=corners)
    assert "Mind 0. (Here on the inputs 0, 3 your function raised ZeroDivisionError" in found.message
    assert "Mind 0." not in judge(lambda a, b: a * b, CASES, lambda a, b: a + b, {}, corners=corners).message


def test_tolerance():
    assert not judge(same(1.001), CASES, same(1.0), {}).solved
    assert judge(same(1.001), CASES, same(1.0), {}, rtol=0.01).solved
    assert judge(same(1e-3), CASES, same(0.0), {}, atol=0.01).solved


def test_not_solved_yet():
    def stub(*_):
        raise NotImplementedError

    for unsolved in (stub, same(None)):
        assert judge(unsolved, CASES, matrix, {}).message.startswith("Not solved yet")


def test_what_a_student_s_code_raises_is_shown_in_one_line():
    def broken(a, b):
        raise ValueError("first line\nsecond line")

    found = judge(broken, CASES, matrix, {})
    assert found.message == "Not right yet: on the inputs 2, 3 your function raised ValueError: first line"
    for index, of_ignore_label in ((255, True), (9, False)):
        found = judge(lambda x, index=index: torch.ones(3)[x + index], [(torch.tensor([0]),)], lambda x: x, {})
        assert "inputs of shape (1,)" in found.message and f"index {index} is out of bounds" in found.message
        assert ("Is 255, the ignore label, used as if it were a class?" in found.message) == of_ignore_label


def test_the_inputs_are_described():
    x = torch.zeros(2, 3)
    assert describe_case((x, 4, 0.25)) == "inputs of shape (2, 3) and 4, 0.25"
    assert describe_case(([(x, x[0])], x)) == "inputs of shape (2, 3), (3,), (2, 3)"
    assert describe_case(([x] * 9,)) == "inputs of shape " + 8 * "(2, 3), " + "..."
    assert describe_case((1, "sum")) == "the inputs 1, 'sum'"


def test_demands_come_after_the_values():
    demands = {"Good.": same(True), "Use no plus.": same(False)}
    assert judge(same(1), CASES, same(1), {}, demands=demands).message == "Not right yet: Use no plus."
    assert "Use no plus." not in judge(same(2), CASES, same(1), {}, demands=demands).message

    def breaks(student):
        return student(1, 2, 3)

    found = judge(lambda a, b: 1, CASES, same(1), {}, demands={"Take three.": breaks})
    assert found.message.startswith("Not right yet: Take three. (While") and "TypeError" in found.message


def test_each_call_gets_fresh_inputs():
    def spoil(pair, named, x):
        result = pair[0] + named["y"] + x
        for tensor in (pair[0], named["y"], x):
            tensor.zero_()
        return result

    case = ((torch.ones(2), 1), {"y": torch.ones(2)}, torch.ones(2))
    found = judge(spoil, [case, case], lambda pair, named, x: pair[0] + named["y"] + x, {"zeros": spoil})
    assert "changes its argument `pair`" in found.message, "the values are those of fresh inputs, each time"
    assert all(t.eq(1).all() for t in (case[0][0], case[1]["y"], case[2]))


def test_seeds():
    def draw():
        return [case[0] for case in random_cases(lambda random: (torch.rand(1, generator=random).item(),))]

    first = draw()
    assert first == draw() and len(set(first)) == 3
    with with_seed(7):
        other = draw()
        with with_seed(8):
            assert draw() != other
        assert draw() == other
    assert draw() == first and not set(first) & set(other)


def test_the_seed_is_put_back_after_an_error():
    first = random_cases(lambda random: (torch.rand(1, generator=random).item(),))
    with pytest.raises(ZeroDivisionError), with_seed(3):
        raise ZeroDivisionError
    assert random_cases(lambda random: (torch.rand(1, generator=random).item(),)) == first


def test_sizes_differ_and_keep_their_bounds():
    for seed in range(50):
        sizes = distinct_sizes(torch.Generator().manual_seed(seed), 5, low=3, high=7)
        assert sorted(sizes) == [3, 4, 5, 6, 7]


@pytest.mark.parametrize("right, wrong", [(1_000_000, 1_000_001), (torch.tensor([10**6]), torch.tensor([10**6 + 1]))])
def test_a_large_whole_number_is_right_or_wrong(right, wrong):
    assert all_close(right, right, 1e-5, 1e-8) and not all_close(wrong, right, 1e-5, 1e-8)


def test_in_a_corner_too_coarse_goes_before_what_a_wrong_answer_there_means():
    """A student who does use torch's softmax is not told to, but to compute in the precision of the inputs."""
    corner = (torch.tensor([1000.01, 1000.0], dtype=torch.float64),)
    cases = [(torch.tensor([1.5, 0.5], dtype=torch.float64),)]
    found = judge(lambda x: x.float() - x.float().max(), cases, lambda x: x - x.max(), {}, corners={"Hint.": corner})
    assert "is too coarse: it is torch.float32. Compute in torch.float64." in found.message
    assert "Hint." not in found.message


def test_one_variant_that_is_not_written_yet_leaves_the_points_of_the_others():
    def partly(features, classes, channels, variant):
        if variant == "center":
            raise NotImplementedError
        return parameters(features, classes, channels, variant)

    found = checks.acf_parameters(partly)
    assert not found.solved and "nothing" not in found.message and sum(line.earned for line in found.lines) > 0
