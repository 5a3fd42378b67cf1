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
from typing import TypeVar

import torch

from acflib.course.checks import lines_01_04, lines_05_09, lines_10_14
from acflib.course.checks.catalog import LinePoints, RubricLine, exercise_of
from acflib.course.checks.compare import TOO_COARSE, holds_tensor
from acflib.course.checks.rubric import Rubric, dented_lines, lost_lines
from acflib.course.checks.trying import (
    BORROWED,
    UNSOLVED,
    VALUES_RIGHT,
    Answer,
    Case,
    Hints,
    Task,
    about_corner,
    about_demand,
    about_values,
    beside_the_values,
    slip_in_corner,
)

__all__ = [
    "Answer",
    "Case",
    "Hints",
    "Verdict",
    "distinct_sizes",
    "first_complaint",
    "judge",
    "random_cases",
    "task_of",
    "with_seed",
    "without_points",
]

RUBRICS = {**lines_01_04.RUBRICS, **lines_05_09.RUBRICS, **lines_10_14.RUBRICS}
Drawn = TypeVar("Drawn")  # one case, or a list of them

_SEED: ContextVar[int] = ContextVar("seed of the exercises", default=0)
_POINTS: ContextVar[bool] = ContextVar("whether points are counted", default=True)
_TASKS: ContextVar[list[Task] | None] = ContextVar("what checks have asked", default=None)

NOT_YET = "Not right yet: "


@dataclass(frozen=True)
class Verdict:
    """What a check found. ``solved`` and ``lines`` are for a program, ``message`` for the student.

    ``lines`` is empty where the check is of no exercise with a rubric.
    """

    solved: bool
    message: str
    lines: tuple[LinePoints, ...] = ()

    def __repr__(self) -> str:
        """The message; of an answer that is not right yet, its points, too."""
        if self.solved or not any(line.earned for line in self.lines):
            return self.message
        earned, points = (sum(getattr(line, name) for line in self.lines) for name in ("earned", "points"))
        return f"{self.message}\n{earned} of {points} points: {', '.join(map(str, self.lines))}."


@contextmanager
def with_seed(seed: int) -> Iterator[None]:
    """Checks called inside draw other random inputs. 0, the default, is what students see."""
    token = _SEED.set(int(seed))
    try:
        yield
    finally:
        _SEED.reset(token)


@contextmanager
def without_points() -> Iterator[None]:
    """Checks called inside count no points, which takes most of their time: ``lines`` stays empty."""
    token = _POINTS.set(False)
    try:
        yield
    finally:
        _POINTS.reset(token)


def task_of(check: Callable[[Answer], Verdict]) -> Task:
    """What a check asks: its inputs, the right answer, the usual mistakes. The seed is that of :func:`with_seed`."""
    asked: list[Task] = []
    token = _TASKS.set(asked)
    try:
        check(lambda *_: None)
    finally:
        _TASKS.reset(token)
    return asked[0]


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
    rubric: str | Rubric | None = None,
    lines: Sequence[RubricLine] = (),
    rtol: float = 1e-5,
    atol: float = 1e-6,
) -> Verdict:
    """Run the student's function on all cases and say what is wrong with it, if anything.

    Of every answer it is asked that whole numbers are ints, and that no argument is changed.

    Args:
        student: the function of the exercise. Returning None or raising NotImplementedError means "not solved yet".
        cases: tuples of arguments. Each call gets fresh copies of their tensors.
        right: the right answer, called with the same arguments.
        mistakes: message -> a function with this mistake. The first that gives the student's answers on all cases is
            named. A mistake that raises on a case is passed over. One that is right on all cases is named in a corner.
        corners: message -> inputs of a kind of its own (a class that is absent, a length that divides), tried after all
            values were found right. The message says what a wrong answer there means; what came follows it.
        hints: sentences for the general messages.
        demands: message -> what must hold besides the values, called with the student's function after all values were
            found right, for example ``lambda f: fewer_operations(f, case, 40)``. The first that fails is named.
        gradients: places of arguments whose gradients must be those of the right answer.
        own_lines: whether the exercise says "not acflib", so that a call of its functions is refused.
        rubric: what costs which line of points, see :mod:`acflib.course.checks.rubric`; of an exercise of the course
            the name of its check.
        lines: those of the rubric, where it is none of the course.
        rtol, atol: tolerance of floats; whole numbers, bools and strings must be equal.
    """
    given = (cases, right, mistakes, corners or {}, hints, demands or {}, gradients, own_lines, rtol, atol)
    task = Task(*given)
    if (asked := _TASKS.get()) is not None:
        asked.append(task)
    if isinstance(rubric, str):
        lines = exercise_of(rubric).lines
        rubric = RUBRICS[rubric]
    with torch.inference_mode(False), torch.enable_grad():  # a notebook may have turned gradients off
        complaint = first_complaint(task, student)
        if complaint is None:
            message = f"Right, on {len(cases)} random {'shapes' if holds_tensor(cases) else 'inputs'}."
        else:
            message = complaint if complaint == UNSOLVED else f"{NOT_YET}{complaint}{_whose_line(complaint, rubric)}"
        counted = rubric if _POINTS.get() else None
        return Verdict(complaint is None, message, _lines(task, student, counted, lines, complaint) if counted else ())


def first_complaint(task: Task, student: Answer) -> str | None:
    """What is wrong with an answer; None where nothing is."""
    complaint, _ = about_values(task, student, task.cases)
    if complaint:
        return complaint
    for message, case in task.corners.items():
        if came := about_corner(task, student, case):
            if TOO_COARSE in came:
                return came
            return f"{slip_in_corner(task, student, case) or message} (Here {came})"
    for message, holds in task.demands.items():
        if failed := about_demand(student, message, holds):
            return failed
    return beside_the_values(task, student, task.right, task.cases)


def _lines(
    task: Task, student: Answer, rubric: Rubric, lines: Sequence[RubricLine], complaint: str | None
) -> tuple[LinePoints, ...]:
    lost: set[int] = set()
    dented: set[int] = set()
    if complaint == UNSOLVED:
        lost = set(range(len(lines)))
    elif complaint:
        lost = lost_lines(task, student, rubric, len(lines))
        dented = dented_lines(task, student, rubric)
        lost = lost if lost or dented else set(range(len(lines)))
    earned = [0 if k in lost else line.points - (k in dented) for k, line in enumerate(lines)]
    return tuple(LinePoints(line.text, line.points, got) for line, got in zip(lines, earned, strict=True))


def _whose_line(complaint: str, rubric: Rubric | None) -> str:
    """Why a line loses points whose values are right: where no line is about what was asked besides them."""
    if rubric is None or not complaint.startswith(VALUES_RIGHT) or BORROWED in complaint or rubric.cost(complaint):
        return ""
    cost = "one point of the first" if rubric.is_small(complaint) else "the first"
    return f" No line of the rubric is about this alone: it costs {cost}."
