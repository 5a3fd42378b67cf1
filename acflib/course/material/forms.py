"""A parallel form of an exercise: the same idea with other names, another order of arguments, another layout.

A form is judged by the check of its exercise (``form_verdict.py``): :func:`adapted` translates what the check hands out
into the form, and the student's result back. ``forms.json`` says what each exercise takes and returns; ``kinds.py``
knows the other ways to write it. A secret seed chooses among them (``dealing.py``).

In ``forms.json`` each exercise, by the name of its check, has "idea": the task, in words that hold whatever its
arguments are called and however they are laid out; then "ARGUMENT": "axes: kind | what it is" in the order of the
lesson (axes in capitals are never moved; kinds: ``kinds.py``), and "returns" in the same way. "words" says what an
argument is where its line does not, and what else it may be called; arguments that stand "together" are called by names
at the same place of their lists.
"""

import json
from dataclasses import dataclass
from functools import cache
from inspect import Parameter, Signature
from pathlib import Path
from typing import Any

from acflib.course.checks.compare import all_close, copied
from acflib.course.checks.judge import Answer, Case
from acflib.course.material.kinds import KINDS
from acflib.course.material.views import other_orders, reordered, shown_axes

TABLE = Path(__file__).with_name("forms.json")
CLOSE = 1e-9  # a result that is translated back and forth again


class WrongForm(ValueError):
    """A result that has not the form that the text of the exercise asks for."""


@dataclass(frozen=True)
class Value:
    """An argument or the result: its name in the lesson, its axes such as "b c h w", its kind, what it is."""

    name: str
    axes: str
    kind: str
    words: str


@dataclass(frozen=True)
class FormTask:
    """An exercise in words that hold for all its forms."""

    idea: str
    arguments: tuple[Value, ...]
    result: Value


@dataclass(frozen=True)
class Form:
    """How one exercise is written.

    Attributes:
        check: name of the exercise's check in the course.
        word: what the student's function and the check of the form are called.
        names: of the arguments, in the order of the lesson.
        order: where the arguments of the form come from: the first is the lesson's argument ``order[0]``.
        axes: name of an argument, or "returns" -> order of its axes, where it is not the lesson's.
        kinds: kind of value -> name of the view, where it is not the lesson's way.
    """

    check: str
    word: str
    names: tuple[str, ...]
    order: tuple[int, ...]
    axes: dict[str, str]
    kinds: dict[str, str]


@cache
def _table() -> dict[str, Any]:
    return json.loads(TABLE.read_text(encoding="utf-8"))


@cache
def tasks() -> dict[str, FormTask]:
    """All exercises that have forms, by the name of their check."""
    words = _table()["words"]
    return {check: _task(record, words) for check, record in _table().items() if check not in ("words", "together")}


def _task(record: dict[str, str], words: dict[str, list[str]]) -> FormTask:
    values = []
    for name, text in record.items():
        if name != "idea":
            form, _, what = text.partition("|")
            axes, _, kind = form.partition(":")
            values.append(Value(name, axes.strip(), kind.strip(), what.strip() or words[name][0]))
    return FormTask(record["idea"], tuple(values[:-1]), values[-1])


@cache
def other_names() -> dict[str, list[str]]:
    """What an argument may be called instead."""
    return {name: words[1:] for name, words in _table()["words"].items()}


def naming_groups() -> list[list[str]]:
    """Arguments that are called by one scheme, such as row and column."""
    return _table()["together"]


def possible_changes(task: FormTask) -> dict[tuple[str, str], list[str]]:
    """("axes", name of a value) or ("kinds", kind) -> the choices that there are."""
    values = [*task.arguments, task.result]
    found = {("axes", value.name): other_orders(value.axes) for value in values}
    found |= {("kinds", value.kind): list(KINDS[value.kind].views) for value in values}
    return {change: choices for change, choices in found.items() if choices}


def units_of(task: FormTask) -> list[tuple[str, str]]:
    """The changes of an exercise that write a value in another way; of others, the layout changes alone."""
    return sorted(change for change in possible_changes(task) if change[0] == "kinds")


def layouts_of(task: FormTask) -> list[tuple[str, str]]:
    """The changes of an exercise that put the axes of a value in another order."""
    return sorted(change for change in possible_changes(task) if change[0] == "axes")


def into_form(form: Form, value: Value, given: Any) -> Any:
    """What a value of the lesson is in the form."""
    if view := KINDS[value.kind].views.get(form.kinds.get(value.kind, "")):
        given = view.there(given)
    return reordered(given, value.axes, form.axes[value.name]) if value.name in form.axes else given


def out_of_form(form: Form, value: Value, given: Any) -> Any:
    """What a value of the form is in the lesson."""
    if value.name in form.axes:
        given = reordered(given, form.axes[value.name], value.axes)
    view = KINDS[value.kind].views.get(form.kinds.get(value.kind, ""))
    return view.back(given) if view else given


def adapted(form: Form, student: Answer, seen: list[Case] | None = None) -> Answer:
    """The student's function of the form as the check of the lesson calls it.

    ``seen`` gets the arguments of the first call that raises nothing, as the student's function got them.
    """
    task = tasks()[form.check]

    def answer(*case: Any) -> Any:
        given = [into_form(form, *pair) for pair in zip(task.arguments, case, strict=True)]
        arguments = tuple(given[place] for place in form.order)
        kept = copied(arguments) if seen == [] else None
        result = student(*arguments)
        if seen is not None and kept is not None:
            seen.append(kept)
        if result is None:
            return None
        try:
            back = out_of_form(form, task.result, result)
            kept = all_close(into_form(form, task.result, back), result, CLOSE, CLOSE)
        except Exception as error:
            raise WrongForm(f"its result is not {said(form, task.result)}") from error
        if not kept:  # 11 is twice no whole number
            raise WrongForm(f"its result is not {said(form, task.result)}")
        return back

    # The check names an argument as the student calls it.
    answer.__signature__ = Signature(  # type: ignore[attr-defined]
        [Parameter(name, Parameter.POSITIONAL_OR_KEYWORD) for name in form.names]
    )
    return answer


def solution(form: Form, right: Answer) -> Answer:
    """A right answer of the form, made from one of the lesson."""
    task = tasks()[form.check]

    def answer(*arguments: Any) -> Any:
        placed = dict(zip(form.order, arguments, strict=True))
        given = [out_of_form(form, value, placed[place]) for place, value in enumerate(task.arguments)]
        return into_form(form, task.result, right(*given))

    return answer


def said(form: Form, value: Value) -> str:
    """Axes and meaning of a value in the form: "(B, H, W), class numbers from 1; 0 = ignore"."""
    kind = KINDS[value.kind]
    view = kind.views.get(form.kinds.get(value.kind, ""))
    axes = shown_axes(form.axes.get(value.name, value.axes)) if value.axes else ""
    return ", ".join(part for part in (axes, value.words, view.text if view else kind.text) if part)
