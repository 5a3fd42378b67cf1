"""What is asked of an answer besides its values."""

import numpy as np
import pytest
import torch

from acflib import functional
from acflib.course.checks.demands import fewer_operations, largest_tensor
from acflib.course.checks.judge import judge
from tests.course.test_checks import CASES, same


def test_whole_numbers_are_whole():
    ints = torch.arange(3)
    for whole in (ints, ints.int(), np.int64(4), torch.tensor(4), (1, ints)):
        assert judge(same(whole), CASES, same(whole), {}).solved
    found = judge(same(ints.double()), CASES, same(ints), {})
    assert "the values are right, but the result holds floats, torch.float64. Whole numbers" in found.message
    assert "the result is a float, 4.0." in judge(same(4.0), CASES, same(4), {}).message
    assert "value 2 of 2 holds floats" in judge(same((1, ints.double())), CASES, same((1, ints)), {}).message
    assert "minus" in judge(same(-4.0), CASES, same(4), {"minus": same(-4)}).message, "a named mistake comes first"


def test_numbers_of_numpy_are_numbers():
    assert judge(same(np.float32(0.5)), CASES, same(0.5), {}).solved
    assert judge(same((np.int64(2), np.bool_(True))), CASES, same((2, True)), {}).solved
    assert not judge(same(np.float64(2)), CASES, same(2), {}).solved


@pytest.mark.parametrize(
    "kept", [torch.ones(2), [1, 2], {"a": 1}, {"b": 0.5}, (torch.ones(2), 1), [(torch.ones(2), [3])]]
)
def test_a_changed_argument_is_told_by_its_name(kept):
    def change(value):
        if isinstance(value, torch.Tensor):
            value.mul_(2)
        elif isinstance(value, dict):
            value["b"] = 1
        elif isinstance(value, tuple) or isinstance(value[0], tuple):
            change(value[0])
        else:
            value.append(3)

    def spoil(number, given):
        change(given)
        return number

    assert judge(lambda number, given: number, [(1, kept)], lambda number, given: number, {}).solved
    found = judge(spoil, [(1, kept)], lambda number, given: number, {})
    assert "the values are right, but your function changes its argument `given`." in found.message
    found = judge(lambda *given: spoil(*given), [(1, kept)], lambda number, given: number, {})
    assert "changes its argument number 2." in found.message


def test_the_gradient_must_be_that_of_the_right_answer():
    cases = [(torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0]))]

    def message(student):
        return judge(student, cases, torch.mul, {}, gradients=(0, 1)).message

    assert judge(lambda x, y: y * x, cases, torch.mul, {}, gradients=(0, 1)).solved
    assert judge(lambda x, y: y * x.detach(), cases, torch.mul, {}, gradients=(1,)).solved
    assert "no gradient reaches `x`" in message(lambda x, y: y * x.detach())
    assert "no gradient reaches `x`" in message(lambda x, y: torch.tensor((x * y).tolist()))
    assert "no gradient can reach `x`" in message(lambda x, y: torch.from_numpy(x.numpy() * y.numpy()))
    assert "a part of the gradient in `y` is missing" in message(lambda x, y: x * (y + y.detach()) / 2)
    assert judge(lambda x, y: x * (y + 1e-6), cases, torch.mul, {}, gradients=(0, 1)).solved, "as close as the values"
    assert "a part of the gradient in `y` is missing" in message(lambda x, y: x * y.where(x > 1, y.detach()))
    assert "gradient in `x` is NaN" in message(lambda x, y: torch.where(x > 0, x * y, (x - x).sqrt()))


def test_own_lines():
    cases = [(torch.ones(1, 2, 3), torch.ones(1, 2, 4, 5))]
    right = functional.attend_sum

    def own(centers, maps):
        return torch.einsum("bnc,bnhw->bchw", centers, maps)

    for borrowed in (right, lambda f, p: right(f, p) + 0, lambda f, p: functional.sum_to_one(p)[:, :1] * 0 + own(f, p)):
        assert judge(borrowed, cases, right, {}).solved
        assert (
            "of acflib. This exercise asks for your own lines"
            in judge(borrowed, cases, right, {}, own_lines=True).message
        )
    assert judge(own, cases, right, {}, own_lines=True).solved
    assert "`attend_sum`" in judge(right, cases, right, {}, own_lines=True).message


def test_operations_and_sizes():
    case = (torch.ones(4, 5),)
    assert fewer_operations(lambda x: x + 1, case, 2) and not fewer_operations(lambda x: x + 1, case, 1)
    assert not fewer_operations(lambda x: [row + 1 for row in x.unbind()], case, 5)
    assert largest_tensor(lambda x: (x[:, :, None] * x[:, None, :]).sum(2), case) == 100
    assert largest_tensor(lambda x: x.sum(), case) == 1


def test_a_loop_is_broken_off_at_the_limit():
    rows = []

    def loop(x):
        for row in range(10**9):
            try:
                rows.append(x[0] + row)
            except Exception:
                rows.append(None)

    assert not fewer_operations(loop, (torch.ones(4, 5),), 9)
    assert 0 < len(rows) < 9


def test_what_is_raised_by_a_second_call_is_told():
    calls = []

    def once(a, b):
        calls.append(a)
        if len(calls) > len(CASES):
            raise ValueError("no more")
        return a + b

    found = judge(once, CASES, lambda a, b: a + b, {})
    assert "the values are right, but called once more, your function raised ValueError: no more" in found.message
