"""One answer tried on inputs: what comes back, what is wrong with it, and which usual mistake it makes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from acflib.course.checks.compare import (
    all_close,
    copied,
    describe_case,
    first_line,
    form_complaint,
    fraction_complaint,
    general_complaint,
    not_finite,
)
from acflib.course.checks.demands import argument_name, changed_argument, gradient_complaint, library_function

Case = tuple[Any, ...]
Answer = Callable[..., Any]

UNSOLVED = "Not solved yet: the function returns nothing. Fill in the lines marked TODO."
VALUES_RIGHT = "the values are right, but "
BORROWED = "of acflib. This exercise asks for your own lines, in torch alone."


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


@dataclass(frozen=True)
class Task:
    """What an answer is tried on and compared with; the arguments of :func:`acflib.course.checks.judge.judge`."""

    cases: Sequence[Case]
    right: Answer
    mistakes: Mapping[str, Answer]
    corners: Mapping[str, Case]
    hints: Hints
    demands: Mapping[str, Callable[[Answer], bool]]
    gradients: Sequence[int]
    own_lines: bool
    rtol: float
    atol: float
    shown: Callable[[Case], str] = describe_case  # an input in words


def tried(task: Task, student: Answer, case: Case, target: Any) -> tuple[Any, str | None]:
    """What the student's function returns, and what is wrong with its form, if anything."""
    try:
        answer = student(*copied(case))
    except NotImplementedError:
        answer = None
    except Exception as error:  # whatever a student's code raises is an answer too
        return None, f"on {task.shown(case)} your function raised {first_line(error)}"
    if answer is None and target is not None:
        return None, UNSOLVED
    if complaint := form_complaint(answer, target, task.hints.swapped, task.hints.whole):
        return None, f"on {task.shown(case)} {complaint}"
    return answer, None


def about_values(task: Task, student: Answer, cases: Sequence[Case]) -> tuple[str | None, Answer | None]:
    """The complaint about the answers on these inputs, None where all are right; and the mistake that they make.

    The mistake is None where the answers are right, and where they are wrong in a way of their own.
    """
    expected = [task.right(*copied(case)) for case in cases]
    answers = []
    for case, target in zip(cases, expected, strict=True):
        answer, complaint = tried(task, student, case, target)
        if complaint:
            return complaint, None
        answers.append(answer)
    if all_close(answers, expected, task.rtol, task.atol):
        return None, None
    if not_finite(answers) and not not_finite(expected):
        return f"NaN or infinity. {task.hints.nan}", None
    for message, mistake in task.mistakes.items():
        if agree(task, answers, mistake, cases):
            return message, mistake
    wrong = (
        trio for trio in zip(cases, answers, expected, strict=True) if not all_close(*trio[1:], task.rtol, task.atol)
    )
    case, answer, target = next(wrong)
    return general_complaint(answer, target, task.shown(case), task.rtol, task.atol), None


def agree(task: Task, answers: Sequence[Any], reference: Answer, cases: Sequence[Case]) -> bool:
    """Whether a reference gives these answers. One that raises on these inputs, as some mistakes do, does not."""
    try:
        return all_close(answers, [reference(*copied(case)) for case in cases], task.rtol, task.atol)
    except Exception:
        return False


def slip_in_corner(task: Task, student: Answer, case: Case) -> str | None:
    """The message of a mistake that is right on all cases, and gives the student's answer in this corner."""
    answer, complaint = tried(task, student, case, task.right(*copied(case)))
    if complaint:
        return None
    expected = [task.right(*copied(given)) for given in task.cases]
    mistakes = task.mistakes.items()
    found = (
        said for said, one in mistakes if agree(task, [answer], one, [case]) and agree(task, expected, one, task.cases)
    )
    return next(found, None)


def about_corner(task: Task, student: Answer, case: Case) -> str | None:
    """The complaint about the answer in a corner."""
    target = task.right(*copied(case))
    answer, complaint = tried(task, student, case, target)
    if complaint:
        return complaint.replace(UNSOLVED, "your function returns None.")
    if not all_close(answer, target, task.rtol, task.atol):
        return general_complaint(answer, target, task.shown(case), task.rtol, task.atol)
    return None


def about_demand(student: Answer, message: str, holds: Callable[[Answer], bool]) -> str | None:
    """The message of a demand that fails."""
    try:
        return None if holds(student) else message
    except Exception as error:
        return f"{message} (While this was tried, your function raised {first_line(error)})"


def beside_the_values(task: Task, student: Answer, right: Answer, cases: Sequence[Case]) -> str | None:
    """What is wrong with an answer whose values are those of ``right``."""
    try:
        found = next((said for case in cases if (said := _beside(task, student, right, case))), None)
    except Exception as error:
        found = f"called once more, your function raised {first_line(error)}"
    return f"{VALUES_RIGHT}{found}" if found else None


def _beside(task: Task, student: Answer, right: Answer, case: Case) -> str | None:
    given = copied(case)
    if complaint := fraction_complaint(student(*given), right(*copied(case))):
        return complaint
    if (place := changed_argument(given, case)) is not None:
        name = argument_name(student, place)
        return (
            f"your function changes its argument {name}. Whoever calls it may need that again: work on a copy, or "
            "write into something new."
        )
    if task.own_lines and (called := library_function(student, case)):
        return f"your function calls `{called}` {BORROWED}"
    return gradient_complaint(student, right, case, task.gradients)
