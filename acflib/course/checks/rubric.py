"""Points by the lines of a rubric: which lines an answer loses that is not wholly right.

The lines stand in the lesson ("2 points for the right centers, 1 for absent classes"), from where ``exercises.json``
takes them. What costs which line stands in ``lines_01_04.py``, ``lines_05_09.py`` and ``lines_10_14.py``:

- A usual mistake, a corner or a demand costs the lines under which its message is listed. A mistake that is listed
  nowhere costs all lines: what stands on it cannot be seen.
- An answer that is wrong in a way of its own is tried again on inputs on which one line alone matters. Where it is
  right without absent classes and wrong with them, it loses that line.
- A form that can be mended (two axes swapped) costs its line, if the values are right once it is mended.
- What is asked of every answer (arguments unchanged, whole numbers whole, gradients) belongs to the first line. Calling
  acflib where the exercise forbids it costs all.
- A missing part of a gradient, a softmax that fails far from 0, and what a rubric lists as ``small`` cost one point of
  their line, and nothing where the values are wrong.

A line is kept where the answer was seen to do what it asks: to be right there, or to differ from right by the named
mistake alone. So an answer without any sense in it, such as zeros of the right shape, keeps none.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from acflib.course.checks.compare import all_close, copied
from acflib.course.checks.demands import PART
from acflib.course.checks.trying import (
    BORROWED,
    Answer,
    Case,
    Task,
    about_corner,
    about_demand,
    about_values,
    agree,
    beside_the_values,
    slip_in_corner,
    tried,
)
from acflib.functional import IGNORE_INDEX

MAIN = 0  # the first line
SMALL = (PART, "far from 0")  # in every exercise


@dataclass(frozen=True)
class Rubric:
    """What costs the lines of one exercise. Lines are counted from 0.

    Attributes:
        costs: line -> pieces of the messages that cost it. A message under several lines costs all of them; one about
            a corner costs the first of them, and nothing where one of them was lost already.
        only: line -> from an input of the check, one on which of all lines but the first this one alone matters; for
            line 0, one on which none of them does. None where an input has nothing to do with the line.
        parts: line -> from (answer, arguments...), the part that earns the line whatever the rest is.
        mends: line -> changes of (answer, arguments...) that bring a wrong form right.
        small: pieces of the messages that cost one point of their line, not all of it.
    """

    costs: Mapping[int, tuple[str, ...]]
    only: Mapping[int, Callable[..., Case | None]] = field(default_factory=dict)
    parts: Mapping[int, Callable[..., Any]] = field(default_factory=dict)
    mends: Mapping[int, tuple[Callable[..., Any], ...]] = field(default_factory=dict)
    small: tuple[str, ...] = ()

    def cost(self, message: str) -> list[int]:
        """The lines under which a message is listed, in the order of ``costs``."""
        return [line for line, pieces in self.costs.items() if any(piece in message for piece in pieces)]

    def is_small(self, message: str) -> bool:
        """Whether a message costs one point alone."""
        return any(piece in message for piece in (*SMALL, *self.small))


def lost_lines(task: Task, student: Answer, rubric: Rubric, count: int) -> set[int]:
    """The lines, of ``count``, that a wrong answer loses. None where all that is wrong is small."""
    every = set(range(count))
    message, mistake = about_values(task, student, task.cases)
    if message and not mistake:
        for line, mend in ((line, mend) for line, mends in rubric.mends.items() for mend in mends):
            mended = _mended(student, mend)
            if about_values(task, mended, task.cases)[0] is None:
                return {line} | _and_the_rest(task, mended, rubric, every, set(), task.cases)
        return _by_trials(task, student, rubric, every)
    lost = set(rubric.cost(message) or every) if message else set()
    return _and_the_rest(task, student, rubric, every, lost, task.cases, *([mistake] if mistake else []))


def dented_lines(task: Task, student: Answer, rubric: Rubric) -> set[int]:
    """The lines that lose one point, of an answer whose values are right."""
    if about_values(task, student, task.cases)[0]:
        return set()
    failed = [message for message, holds in task.demands.items() if about_demand(student, message, holds)]
    failed += [
        _said(task, student, *corner) for corner in task.corners.items() if about_corner(task, student, corner[1])
    ]
    said = [*failed, beside_the_values(task, student, task.right, task.cases) or ""]
    small = filter(rubric.is_small, said)
    return {line for message in small for line in rubric.cost(message) or [MAIN]}


def _by_trials(task: Task, student: Answer, rubric: Rubric, every: set[int]) -> set[int]:
    """Of an answer that is wrong in a way of its own."""
    plain = _changed(task.cases, rubric.only.get(MAIN))
    message, mistake = about_values(task, student, plain) if plain else ("", None)
    cost = rubric.cost(message) if message else []
    elsewhere = set(rubric.only) & set(cost) - {MAIN}  # a mistake that cannot be made where its line does not matter
    if message is not None and (not mistake or elsewhere):
        return {line for line in every if line not in rubric.parts or not _part_is_right(task, student, rubric, line)}
    lost = set(cost or every) if message else set()
    if lost == every:
        return every
    mistakes = [mistake] if mistake else []
    for line in sorted(set(rubric.only) - lost - {MAIN}):
        cases = _changed(task.cases, rubric.only[line])
        if not _as_one(task, student, [task.right, *mistakes], cases):
            lost.add(line)
            _, mistake = about_values(task, student, cases)
            mistakes += [mistake] if mistake else []
    return _and_the_rest(task, student, rubric, every, lost, plain, *mistakes) or every


def _and_the_rest(
    task: Task,
    student: Answer,
    rubric: Rubric,
    every: set[int],
    lost: set[int],
    cases: Sequence[Case],
    *mistakes: Answer,
) -> set[int]:
    """All that is lost: ``lost``, and what corners, demands and what is asked of every answer cost besides.

    ``mistakes`` are paid for already; ``cases`` are inputs on which the answer is right but for one of them.
    """
    references = [task.right, *mistakes]
    lost = set(lost)
    for message, case in task.corners.items():
        if _as_one(task, student, references, [case]):
            continue
        said = _said(task, student, message, case)
        cost = rubric.cost(said) or [MAIN]
        if not rubric.is_small(said) and not lost.intersection(cost):
            lost.add(cost[0])
    for message, holds in task.demands.items():
        if rubric.is_small(message):
            continue
        if about_demand(student, message, holds) and not any(about_demand(one, message, holds) for one in mistakes):
            lost.update(rubric.cost(message) or [MAIN])
    like = next((one for one in references if _as_one(task, student, [one], cases)), task.right)
    besides = beside_the_values(task, student, like, cases)
    if besides and not rubric.is_small(besides):
        lost.update(every if BORROWED in besides else rubric.cost(besides) or [MAIN])
    return lost


def _said(task: Task, student: Answer, message: str, case: Case) -> str:
    """What an answer that is wrong in a corner is told: the usual mistake that it makes there, else the message."""
    return slip_in_corner(task, student, case) or message


def _mended(student: Answer, mend: Callable[..., Any]) -> Answer:
    return lambda *case: mend(student(*case), *copied(case))


def _changed(cases: Sequence[Case], change: Callable[..., Case | None] | None) -> list[Case]:
    if change is None:
        return []
    found = [change(*copied(case)) for case in cases]
    return [case for case in found if case is not None]


def _as_one(task: Task, student: Answer, references: Sequence[Answer], cases: Sequence[Case]) -> bool:
    """Whether the answers on these inputs are those of one of the references."""
    answers = []
    for case in cases:
        answer, complaint = tried(task, student, case, task.right(*copied(case)))
        if complaint:
            return False
        answers.append(answer)
    return any(agree(task, answers, reference, cases) for reference in references)


def _part_is_right(task: Task, student: Answer, rubric: Rubric, line: int) -> bool:
    part = rubric.parts[line]
    try:
        return all(
            all_close(part(student(*copied(case)), *case), part(task.right(*copied(case)), *case), task.rtol, task.atol)
            for case in task.cases
        )
    except Exception:
        return False


# ---- changes of inputs that several lessons share


def without_ignored(labels: Tensor, label: int = 0) -> Tensor:
    """The ignored pixels given to a class."""
    return labels.masked_fill(labels == IGNORE_INDEX, label)


def without_zero(values: Tensor) -> Tensor:
    """(C, h, w) or (N, C): the features or centers that are 0 everywhere, as others."""
    rows = values.flatten(1).T if values.dim() == 3 else values
    rows = torch.where((rows == 0).all(1, keepdim=True), torch.linspace(1, 2, rows.shape[1], dtype=rows.dtype), rows)
    return rows.T.reshape(values.shape) if values.dim() == 3 else rows
