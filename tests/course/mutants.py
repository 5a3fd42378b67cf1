"""Wrong answers of each kind, made from the right answer of any exercise.

Five kinds need nothing but the right answer and the inputs of its check: a changed argument, another dtype, a NaN, an
argument whose value is always that of the first input, a list that is always as long as the first one. The others spoil
the right answer on inputs of one kind alone, such as those in which a class is absent; ``inputs_*.py`` tell which these
are. A check that accepts such an answer tries no such input.
"""

import math
from collections.abc import Callable
from dataclasses import astuple, dataclass, fields
from typing import Any

import torch
from torch import Tensor

from acflib.course.checks.compare import copied

Answer = Callable[..., Any]


@dataclass(frozen=True)
class Inputs:
    """Of one exercise: a function of the arguments that is true of this kind of input, or why there is none.

    ``gradient`` is the place of an argument whose gradient counts, or why none does.
    """

    absent_class: Answer | str
    length_that_divides: Answer | str
    mass_below_1: Answer | str
    collision_of_values: Answer | str
    exact_fit: Answer | str
    gradient: int | str


NO_CLASSES = "its inputs know no classes"
NO_PARTS = "nothing is cut into parts of a given length"
NO_MASS = "nothing is divided by a mass, or the mass is a whole number"
NO_ORDER = "no value is compared with another"
NO_LIMIT = "no size is a limit of another"
NOT_TRAINED = "nothing is trained through it"


def mutants(right: Answer, case: tuple, inputs: Inputs, records: tuple[int, ...] = ()) -> dict[str, Answer]:
    """All wrong answers that these make, by name. ``records``: places of arguments whose length never varies."""
    result = right(*copied(case))
    found = {f"changed argument {k}": _changing(right, k) for k, value in enumerate(case) if _mutable(value)}
    found |= {f"dtype: {label}": _then(right, change) for label, change in _other_types(result).items()}
    if _with_nan(result) is not None:
        found["NaN"] = _then(right, _with_nan)
    for k, value in enumerate(case):
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            found[f"always argument {k} of the first input"] = _always(right, k, value)
        elif _has_length(value) and k not in records:
            found[f"another length of argument {k}"] = _spoiled_where(right, _another_length(k, len(value)))
    for field, kind in zip(fields(inputs), astuple(inputs), strict=True):
        if field.name == "gradient" and not isinstance(kind, str):
            found["detached"] = _without_gradient(right, kind)
        elif callable(kind):
            found[field.name.replace("_", " ")] = _spoiled_where(right, kind)
    return found


def _then(right: Answer, change: Callable[[Any], Any]) -> Answer:
    return lambda *case: change(right(*case))


def _always(right: Answer, place: int, value: Any) -> Answer:
    return lambda *case: right(*case[:place], value, *case[place + 1 :])


def _another_length(place: int, length: int) -> Callable[..., bool]:
    return lambda *case: len(case[place]) != length


def _without_gradient(right: Answer, place: int) -> Answer:
    def cut(value: Any) -> Any:
        if isinstance(value, Tensor):
            return value.detach()
        return type(value)(map(cut, value)) if isinstance(value, (list, tuple)) else value

    return lambda *case: right(*case[:place], cut(case[place]), *case[place + 1 :])


def _spoiled_where(right: Answer, holds: Callable[..., bool]) -> Answer:
    def answer(*case: Any) -> Any:
        result = right(*copied(case))
        return _spoiled(result) if holds(*case) else result

    return answer


def _spoiled(value: Any) -> Any:
    """Another value of the same form."""
    if isinstance(value, Tensor):
        return ~value if value.dtype == torch.bool else value + 1
    if isinstance(value, dict):
        return {key: _spoiled(part) for key, part in value.items()}
    if isinstance(value, (tuple, list)):
        return type(value)(map(_spoiled, value)) if value else [*value, None]
    return not value if isinstance(value, bool) else value + ("!" if isinstance(value, str) else 1)


def _mutable(value: Any) -> bool:
    return isinstance(value, (Tensor, list, dict)) and len(value) > 0


def _has_length(value: Any) -> bool:
    return isinstance(value, (list, tuple, dict)) or isinstance(value, Tensor) and value.ndim == 1


def _changing(right: Answer, place: int) -> Answer:
    def answer(*case: Any) -> Any:
        result = right(*copied(case))
        value = case[place]
        if isinstance(value, Tensor):
            value.copy_(_spoiled(value))
        elif isinstance(value, dict):
            value[next(iter(value))] = None
        elif value:  # a list; it may be empty in a corner
            value.pop()
        return result

    return answer


def _other_types(result: Any) -> dict[str, Callable[[Any], Any]]:
    """Changes of a result to another type of number, each of which some check of lessons 01 to 14 once accepted."""
    if isinstance(result, Tensor):
        if result.is_floating_point():
            return {"rounded": lambda x: x.round().long()}
        return {"a float": lambda x: x.double()}
    if isinstance(result, (tuple, list)) and result and not isinstance(result[0], str):
        inner = _other_types(result[0])
        return {
            f"first {label}": lambda parts, change=change: type(parts)([change(parts[0]), *parts[1:]])
            for label, change in inner.items()
        }
    if isinstance(result, int) and not isinstance(result, bool):
        return {"a float": float}
    return {}


def _with_nan(value: Any) -> Any:
    """The value with one NaN; None where it holds no float."""
    if isinstance(value, Tensor):
        if not value.is_floating_point():
            return None
        value = value.detach().contiguous().clone()
        value.view(-1)[0] = math.nan
        return value
    if isinstance(value, (tuple, list)):
        first = _with_nan(value[0]) if value else None
        return None if first is None else type(value)([first, *value[1:]])
    return math.nan if isinstance(value, float) else None
