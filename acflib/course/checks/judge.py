"""How an answer to an exercise is judged.

:func:`judge` runs a student's function on random inputs and compares what it returns with the right answers. A wrong
answer is compared with the usual mistakes, computed on the same inputs, so that the message can name the mistake. An
answer may be a tensor, a number, a bool, a string, None, or a tuple, list or dict of these.

The random inputs come from :func:`random_cases` and depend on :func:`with_seed`, so that a teacher can grade on inputs
that no student has seen.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TypeVar

import torch

from acflib.course.checks.compare import (
    all_close,
    copied,
    describe_case,
    first_line,
    form_complaint,
    fraction_complaint,
    general_complaint,
    holds_tensor,
    not_finite,
)
from acflib.course.checks.demands import argument_name, changed_argument, gradient_complaint, library_function

Case = tuple[Any, ...]
Answer = Callable[..., Any]
Drawn = TypeVar("Drawn")  # one case, or a list of them

_SEED: ContextVar[int] = ContextVar("seed of the exercises", default=0)

NOT_YET = "Not right yet: "
UNSOLVED = "Not solved yet: the function returns nothing. Fill in the lines marked TODO."


@dataclass(frozen=True)
class Verdict:
    """What a check found. ``solved`` is for a program, ``message`` for the student."""

    solved: bool
    message: str

    def __repr__(self) -> str:
        return self.message


@dataclass(frozen=True)
class Hints:
    """Sentences of one exercise that go into the general messages.

    Attributes:
        nan: follows "NaN or infinity." where the right answer is finite.
        swapped: follows the complaint about a shape whose last two axes are swapped.
        whole: says why whole numbers cannot be right, after "the result is torch.int64; ".
    """

    nan: str = "Where does the function divide by 0, or take the logarithm of 0?"
    swapped: str = "The last two axes are swapped."
    whole: str = "it must hold floats."


@contextmanager
def with_seed(seed: int) -> Iterator[None]:
    """Checks called inside draw other random inputs. 0, the default, is what students see."""
    token = _SEED.set(int(seed))
    try:
        yield
    finally:
        _SEED.reset(token)


def random_cases(make: Callable[[torch.Generator], Drawn], count: int = 3) -> list[Drawn]:
    """``count`` inputs, each made by ``make(generator)``; the generators follow the seed of :func:`with_seed`."""
    return [make(torch.Generator().manual_seed(_SEED.get() * 1009 + number)) for number in range(1, count + 1)]


def distinct_sizes(random: torch.Generator, count: int, low: int = 2, high: int = 8) -> list[int]:
    """``count`` different whole numbers from low..high: with them no two axes can be mistaken for each other."""
    return (torch.randperm(high - low + 1, generator=random)[:count] + low).tolist()


def judge(
    student: Answer,
    cases: Sequence[Case],
    right: Answer,
    mistakes: Mapping[str, Answer],
    *,
    corners: Mapping[str, Case] | None = None,
    hints: Hints = Hints(),
    demands: Mapping[str, Callable[[Answer], bool]] | None = None,
    gradients: Sequence[int] = (),
    own_lines: bool = False,
    rtol: float = 1e-5,
    atol: float = 1e-8,
) -> Verdict:
    """Run the student's function on all cases and say what is wrong with it, if anything.

    Of every answer it is asked that whole numbers are ints, and that no argument is changed.

    Args:
        student: the function of the exercise. Returning None or raising NotImplementedError means "not solved yet".
        cases: tuples of arguments. Each call gets fresh copies of their tensors.
        right: the right answer, called with the same arguments.
        mistakes: message -> a function with this mistake. The first that gives the student's answers on all cases is
            named. A mistake that raises on a case is passed over.
        corners: message -> inputs of a kind of its own (a class that is absent, a length that divides), tried after all
            values were found right. The message says what a wrong answer there means; what came follows it.
        hints: sentences for the general messages.
        demands: message -> what must hold besides the values, called with the student's function after all values were
            found right, for example ``lambda f: operation_count(f, case) < 40``. The first that fails is named.
        gradients: places of arguments whose gradients must be those of the right answer.
        own_lines: whether the exercise says "not acflib", so that a call of its functions is refused.
        rtol, atol: tolerance of floats; whole numbers, bools and strings must be equal.
    """
    expected = [right(*copied(case)) for case in cases]
    answers = []
    for case, target in zip(cases, expected, strict=True):
        answer, complaint = _answer(student, case, target, hints)
        if complaint:
            return complaint
        answers.append(answer)
    if not all_close(answers, expected, rtol, atol):
        return _wrong(_named_mistake(answers, expected, cases, mistakes, hints, rtol, atol))
    for message, case in (corners or {}).items():
        answer, complaint = _answer(student, case, target := right(*copied(case)), hints)
        if complaint:
            came = complaint.message.removeprefix(NOT_YET).replace(UNSOLVED, "your function returns None.")
            return _wrong(f"{message} (Here {came})")
        if not all_close(answer, target, rtol, atol):
            return _wrong(f"{message} (Here {general_complaint(answer, target, describe_case(case), rtol, atol)})")
    for message, holds in (demands or {}).items():
        try:
            if not holds(student):
                return _wrong(message)
        except Exception as error:
            return _wrong(f"{message} (While this was tried, your function raised {first_line(error)})")
    try:
        beside = _beside_the_values(student, right, cases, gradients, own_lines)
    except Exception as error:
        beside = f"called once more, your function raised {first_line(error)}"
    if beside:
        return _wrong(f"the values are right, but {beside}")
    return Verdict(True, f"Right, on {len(cases)} random {'shapes' if holds_tensor(cases) else 'inputs'}.")


def _answer(student: Answer, case: Case, target: Any, hints: Hints) -> tuple[Any, Verdict | None]:
    """What the student's function returns, and what is wrong with its form, if anything."""
    try:
        answer = student(*copied(case))
    except NotImplementedError:
        answer = None
    except Exception as error:  # whatever a student's code raises is an answer too
        return None, _wrong(f"on {describe_case(case)} your function raised {first_line(error)}")
    if answer is None and target is not None:
        return None, Verdict(False, UNSOLVED)
    if complaint := form_complaint(answer, target, hints.swapped, hints.whole):
        return None, _wrong(f"on {describe_case(case)} {complaint}")
    return answer, None


def _beside_the_values(
    student: Answer, right: Answer, cases: Sequence[Case], gradients: Sequence[int], own_lines: bool
) -> str | None:
    """What is wrong with an answer whose values are all right."""
    for case in cases:
        given = copied(case)
        if complaint := fraction_complaint(student(*given), right(*copied(case))):
            return complaint
        if (place := changed_argument(given, case)) is not None:
            name = argument_name(student, place)
            return (
                f"your function changes its argument {name}. Whoever calls it may need that again: work on a copy, or "
                "write into something new."
            )
        if own_lines and (called := library_function(student, case)):
            return f"your function calls `{called}` of acflib. This exercise asks for your own lines, in torch alone."
        if complaint := gradient_complaint(student, right, case, gradients):
            return complaint
    return None


def _wrong(message: str) -> Verdict:
    return Verdict(False, f"{NOT_YET}{message}")


def _named_mistake(answers, expected, cases, mistakes, hints: Hints, rtol: float, atol: float) -> str:
    """The message of the first mistake that gives the same answers, or a general one."""
    if not_finite(answers) and not not_finite(expected):
        return f"NaN or infinity. {hints.nan}"
    for message, mistake in mistakes.items():
        try:
            if all_close(answers, [mistake(*copied(case)) for case in cases], rtol, atol):
                return message
        except Exception:  # this mistake cannot be made on these inputs, so it is not the student's
            continue
    for case, answer, target in zip(cases, answers, expected, strict=True):
        if not all_close(answer, target, rtol, atol):
            return general_complaint(answer, target, describe_case(case), rtol, atol)
    raise AssertionError("judge calls this for wrong answers alone")
