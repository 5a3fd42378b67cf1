"""How an answer to a form is judged: by the check of its exercise, and told in the form's own names and values.

The form's units and layout are a line of the rubric of their own. An answer that is not right is judged once more as if
it had been asked without a conversion of values (percent, energies, what is counted from 1), and as if the axes of its
result were still to be put in order: one that is right then loses that line alone. One that misses both loses more, for
that is what a published solution does.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

from torch import Tensor, nn

from acflib.course import checks
from acflib.course.checks.catalog import LinePoints, RubricLine, exercise_of
from acflib.course.checks.compare import copied, describe_case
from acflib.course.checks.demands import changed_argument
from acflib.course.checks.judge import NOT_YET, Answer, Case, Hints, Verdict, first_complaint, task_of
from acflib.course.checks.lesson_12 import given_either
from acflib.course.checks.trying import UNSOLVED, Task
from acflib.course.material.forms import Form, Value, adapted, into_form, said, solution, tasks
from acflib.course.material.kinds import KINDS
from acflib.course.material.views import shown_axes

UNITS = RubricLine(1, "the form's units and layout")
FEW = 6  # numbers of a tensor that are shown


def form_lines(form: Form) -> tuple[RubricLine, ...]:
    """The rubric of a form: the lines of the lesson, and one for what the form has changed."""
    return (*(RubricLine(line.points, _line(form, line.text)) for line in exercise_of(form.check).lines), UNITS)


@dataclass(frozen=True)
class Easier:
    """A form as it would be without one of its demands, and the (name, value) that the demand is about."""

    form: Form
    missed: tuple[tuple[str, Value], ...] = ()


def form_check(form: Form, student: Answer) -> Verdict:
    """Judge an answer to a form."""
    found = _judged(form, student)
    if found.solved or found.message == UNSOLVED:
        return _with_units(form, found, found.solved)
    best, easier = _with_units(form, found, any(line.earned for line in found.lines)), Easier(form)
    for other in _easier(form):
        verdict = _judged(other.form, student)
        if verdict.solved or _earned(verdict) > _earned(best):
            best, easier = _with_units(form, verdict, False), other
        if verdict.solved:
            break
    return replace(best, solved=False, message=NOT_YET + _message(form, student, found, best, easier))


def _judged(form: Form, student: Answer) -> Verdict:
    """What the check of the lesson says of the answer; all arguments must be as they were."""
    seen: list[Case] = []
    verdict = getattr(checks, form.check)(adapted(form, student, seen))
    if not verdict.solved:
        return verdict
    given = copied(seen[0])  # the check sees a changed argument only where the form hands out its own tensor
    student(*given)
    place = changed_argument(given, seen[0])
    if place is None:
        return verdict
    name = form.names[form.order[place]]
    message = f"{NOT_YET}the values are right, but your function changes its argument `{name}`: work on a copy."
    lines = tuple(replace(line, earned=0) if k == 0 else line for k, line in enumerate(verdict.lines))
    return replace(verdict, solved=False, message=message, lines=lines)


def _earned(verdict: Verdict) -> int:
    return sum(line.earned for line in verdict.lines)


def _easier(form: Form) -> Iterator[Easier]:
    """Without one conversion of values or more, single ones first; with the axes of the result left as they were."""
    kinds = tuple(form.kinds)
    for some in (some for count in range(1, len(kinds) + 1) for some in combinations(kinds, count)):
        rest = {kind: view for kind, view in form.kinds.items() if kind not in some}
        missed = tuple(pair for pair in _values(form) if pair[1].kind in some)
        yield Easier(replace(form, kinds=rest), missed)
    result = ("", tasks()[form.check].result)
    for order in _orders_left(form):
        yield Easier(replace(form, axes={**form.axes, "returns": order}), (result,))


def _orders_left(form: Form) -> list[str]:
    """Orders of the result's axes in an answer without its last permute: the lesson's, or those of an argument."""
    result = tasks()[form.check].result
    wanted = form.axes.get("returns", result.axes)
    values = [result.axes, *(form.axes.get(value.name, value.axes) for value in tasks()[form.check].arguments)]
    same = [axes for axes in values if axes.islower() and sorted(axes.split()) == sorted(wanted.split())]
    return [axes for axes in dict.fromkeys(same) if axes != wanted]


def _with_units(form: Form, verdict: Verdict, earned: bool) -> Verdict:
    points = [line.earned for line in verdict.lines] + [UNITS.points * earned]
    pairs = zip(form_lines(form), points, strict=True)
    return replace(verdict, lines=tuple(LinePoints(line.text, line.points, got) for line, got in pairs))


# ---- messages


def _message(form: Form, student: Answer, found: Verdict, best: Verdict, easier: Easier) -> str:
    facts, hint = _complaint(form, student, found)
    if not easier.missed:
        return facts + hint
    right = f"right, but for {UNITS.text}" if _only_units(best) else f"{UNITS.text} are missed"
    wanted = "; ".join(_is(form, *pair) for pair in easier.missed)
    rest = "" if _only_units(best) else " Besides, {}{}".format(*_complaint(easier.form, student, best))
    return f"{right}. Here {wanted}. So {facts}{rest}"


def _only_units(verdict: Verdict) -> bool:
    return all(line.earned for line in verdict.lines[:-1])


def _values(form: Form) -> list[tuple[str, Value]]:
    """(name in the form, value) of all arguments; the result has no name."""
    task = tasks()[form.check]
    return list(zip((*form.names, ""), (*task.arguments, task.result), strict=True))


def _is(form: Form, name: str, value: Value) -> str:
    return f"{f'`{name}`' if name else 'the result'} is {said(form, value)}"


def _complaint(form: Form, student: Answer, found: Verdict) -> tuple[str, str]:
    """What is wrong, with the names, inputs and expected values of the form; and the lesson's word on the mistake."""
    of_lesson = task_of(getattr(checks, form.check))
    task = in_form(form, of_lesson)
    told = found.message.removeprefix(NOT_YET)
    hint = in_words(form, told) if told in of_lesson.mistakes else ""
    facts = first_complaint(task, given_either(student) if form.check == "photo_to_batch" else student)
    facts = facts or in_words(form, told)
    from_lesson = hint or facts.startswith((*task.corners, *task.demands))
    note = _note(form) if from_lesson else ""
    return facts, (f" A mistake that does this: {hint}" if hint else "") + note


def _note(form: Form) -> str:
    """What the words of the lesson are about, where the form is another."""
    plain, call = replace(form, axes={}, kinds={}), ", ".join(form.names)
    there = [f"the call is f({call})"] if list(form.order) != sorted(form.order) else []
    changed = [pair for pair in _values(form) if pair[1].name in form.axes or pair[1].kind in form.kinds]
    there += [_is(plain, *pair) for pair in changed]
    return f" (The words are those of the lesson, where {'; '.join(there)}.)" if there else ""


def in_form(form: Form, of_lesson: Task) -> Task:
    """What a check asks, as the student's function of the form is called: inputs, right answers, demands.

    Usual mistakes are left out: a message tells what came and what is right.
    """
    task, arguments = _in_single_calls(of_lesson, len(form.names)), tasks()[form.check].arguments

    def there(case: Case) -> Case:
        given = [into_form(form, *pair) for pair in zip(arguments, case, strict=True)]
        return tuple(given[place] for place in form.order)

    return replace(
        task,
        cases=[there(case) for case in task.cases],
        right=solution(form, task.right),
        mistakes={},
        corners={in_words(form, message): there(case) for message, case in task.corners.items()},
        hints=Hints(nan=in_words(form, task.hints.nan)),
        demands={in_words(form, message): _asked(form, holds) for message, holds in task.demands.items()},
        gradients=[form.order.index(place) for place in task.gradients],
        shown=lambda case: _shown_case(form, case),
    )


def _asked(form: Form, holds: Callable[[Answer], bool]) -> Callable[[Answer], bool]:
    return lambda student: holds(adapted(form, student))


def _in_single_calls(task: Task, count: int) -> Task:
    """One check asks for a dict of answers, by the last argument: here each is a case."""
    if len(task.cases[0]) == count:
        return task
    cases = [(*case, key) for case in task.cases for key in task.right(*case)]
    return replace(task, cases=cases, right=lambda *case: task.right(*case[:-1])[case[-1]])


def _shown_case(form: Form, case: Case) -> str:
    pairs = zip((form.names[place] for place in form.order), case, strict=True)
    return ", ".join(f"`{name}` {_shown(value)}" for name, value in pairs)


def _shown(value: Any) -> str:
    if isinstance(value, Tensor):
        few = 0 < value.numel() <= FEW
        return f"= {_short(value.detach().tolist())}" if few else f"of shape {tuple(value.shape)}"
    if isinstance(value, nn.Module):
        return f"= a {type(value).__name__}"
    words = describe_case((value,))
    return words.replace("inputs of shape", "with tensors of shape") if "shape" in words else f"= {_short(value)}"


def _short(value: Any) -> str:
    """Numbers of six digits, in lists too."""
    return re.sub(r"\d+\.\d{6,}(e-\d+)?", lambda found: f"{float(found[0]):.6g}", repr(value))


def in_words(form: Form, text: str) -> str:
    """A sentence of the lesson with the form's names, its label to ignore and its words."""
    task = tasks()[form.check]
    names = dict(zip((value.name for value in task.arguments), form.names, strict=True))
    text = re.sub(r"`[^`]+`|\b\w+(?=\[)|\b\w+_\w+\b|\bP\b", lambda found: _renamed(found[0], names), text)
    for view in form.kinds.values():
        if "ignore" in view:
            text = re.sub(r"\b255\b", view.split()[-1], text)
    return re.sub(r'"[^"]+"', lambda found: _said_otherwise(form, found[0].strip('"')), text)


def _renamed(code: str, names: dict[str, str]) -> str:
    return re.sub(r"[A-Za-z_]\w*", lambda found: names.get(found[0], found[0]), code)


def _said_otherwise(form: Form, word: str) -> str:
    """A string of the lesson, such as "above 0", as the form writes it."""
    for kind in ("variant", "reading"):
        with suppress(KeyError):  # no such kind here, or no such string
            return f'"{KINDS[kind].views[form.kinds[kind]].there(word)}"'
    return f'"{word}"'


def _line(form: Form, text: str) -> str:
    result = tasks()[form.check].result
    return in_words(form, text).replace(shown_axes(result.axes), shown_axes(form.axes.get("returns", result.axes)))
