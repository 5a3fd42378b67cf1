"""Answers compared: equal values, equal form, and how inputs and errors are put into words."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from acflib.functional import IGNORE_INDEX

Number = (int, float)


def copied(value: Any) -> Any:
    """The same value with fresh tensors, so that a function that changes its inputs harms nobody."""
    if isinstance(value, Tensor):
        return value.clone()
    if isinstance(value, dict):
        return {key: copied(part) for key, part in value.items()}
    return type(value)(map(copied, value)) if type(value) in (tuple, list) else value


def all_close(answer: Any, target: Any, rtol: float, atol: float) -> bool:
    """Whether two answers have one form and close values. NaN equals NaN."""
    answer, target = _one_number(answer, target), _one_number(target, answer)
    if isinstance(target, Tensor):
        if not isinstance(answer, Tensor) or answer.shape != target.shape:
            return False
        return torch.allclose(answer.detach().double(), target.detach().double(), rtol, atol, equal_nan=True)
    if isinstance(target, Mapping):
        same = isinstance(answer, Mapping) and answer.keys() == target.keys()
        return same and all(all_close(answer[key], target[key], rtol, atol) for key in target)
    if isinstance(target, (tuple, list)):
        same = isinstance(answer, (tuple, list)) and len(answer) == len(target)
        return same and all(all_close(*pair, rtol, atol) for pair in zip(answer, target, strict=True))
    if isinstance(target, Number) and not isinstance(target, bool):
        if not isinstance(answer, Number) or isinstance(answer, bool):
            return False
        both_nan = math.isnan(answer) and math.isnan(target)
        return both_nan or math.isclose(answer, target, rel_tol=rtol, abs_tol=atol)
    return type(answer) is type(target) and answer == target


def form_complaint(answer: Any, target: Any, swapped: str, whole: str) -> str | None:
    """What is wrong with the type or shape of an answer; None where the form is right."""
    answer, target = _one_number(answer, target), _one_number(target, answer)
    if isinstance(target, Tensor):
        return _tensor_complaint(answer, target, swapped, whole)
    wanted, got = _kind(target), _kind(answer)
    if wanted != got:
        return f"the function returns {got}, not {wanted}."
    if isinstance(target, Mapping):
        if answer.keys() != target.keys():
            return f"the dict that is returned has the keys {list(answer)}, but must have {list(target)}."
        pairs = [(f"[{key!r}]", answer[key], target[key]) for key in target]
    elif isinstance(target, (tuple, list)):
        if len(answer) != len(target):
            return f"the function returns {len(answer)} values, not {len(target)}."
        pairs = [(f"[{i}]", *pair) for i, pair in enumerate(zip(answer, target, strict=True))]
    else:
        return None
    complaints = ((place, form_complaint(part, wanted, swapped, whole)) for place, part, wanted in pairs)
    return next((f"in part {place} {complaint}" for place, complaint in complaints if complaint), None)


def _tensor_complaint(answer: Any, target: Tensor, swapped: str, whole: str) -> str | None:
    if not isinstance(answer, Tensor):
        return f"the function returns {_kind(answer)}, not a tensor."
    if answer.shape != target.shape:
        got, wanted = tuple(answer.shape), tuple(target.shape)
        hint = f" {swapped}" if len(wanted) > 1 and got == (*wanted[:-2], wanted[-1], wanted[-2]) else ""
        return f"the result has the shape {got}, but must be {wanted}.{hint}"
    if target.is_floating_point() and not answer.is_floating_point():
        return f"the result is {answer.dtype}; {whole}"
    if target.dtype == torch.bool and answer.dtype != torch.bool:
        return f"the result is {answer.dtype}, but must be torch.bool."
    return None


def general_complaint(answer: Any, target: Any, inputs: str, rtol: float, atol: float) -> str:
    """What to say of a wrong answer of the right form that fits no known mistake. The right value is not told."""
    place, answer, target = _first_wrong(answer, target, rtol, atol)
    if not isinstance(target, Tensor) or target.dtype == torch.bool or not target.is_floating_point():
        shown = "" if isinstance(answer, Tensor) else f": {answer!r}"
        return f"on {inputs} the result{place} is not right{shown}."
    distance = (answer.detach().double() - target.detach().double()).abs().max().item()
    size = "slightly off; compute in float64" if distance < 1e-3 else "other values than the equation gives"
    where = f" of part {place}" if place else ""
    return f"the shape is right, but the numbers{where} are {size}."


def _first_wrong(answer: Any, target: Any, rtol: float, atol: float) -> tuple[str, Any, Any]:
    """The first part of two answers of one form that differs: its place as in Python, and both values."""
    if isinstance(target, Mapping):
        keys: Sequence = list(target)
    elif isinstance(target, (tuple, list)):
        keys = range(len(target))
    else:
        return "", answer, target
    key = next(key for key in keys if not all_close(answer[key], target[key], rtol, atol))
    place, answer, target = _first_wrong(answer[key], target[key], rtol, atol)
    return f"[{key!r}]{place}", answer, target


def _one_number(value: Any, other: Any) -> Any:
    """A tensor without axes as a Python number, where the other side is one: both count as a number."""
    bare = isinstance(value, Tensor) and value.ndim == 0 and not isinstance(other, Tensor)
    return value.item() if bare else value


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "a bool"
    if isinstance(value, Number):
        return "a number"
    known = {Tensor: "a tensor", str: "a string", dict: "a dict", tuple: "a tuple", list: "a list", type(None): "None"}
    return known.get(type(value), f"a {type(value).__name__}")


def not_finite(value: Any) -> bool:
    """Whether NaN or infinity stands anywhere in an answer."""
    if isinstance(value, Tensor):
        return not bool(value.isfinite().all())
    if isinstance(value, Mapping):
        return any(map(not_finite, value.values()))
    if isinstance(value, (tuple, list)):
        return any(map(not_finite, value))
    return isinstance(value, float) and not math.isfinite(value)


def holds_tensor(value: Any) -> bool:
    """Whether a tensor stands anywhere in these inputs."""
    parts = value.values() if isinstance(value, Mapping) else value
    return isinstance(value, Tensor) or isinstance(value, (tuple, list, Mapping)) and any(map(holds_tensor, parts))


def describe_case(case: tuple) -> str:
    """The inputs in words: the shapes of the tensors, those in lists too, or, where there is none, the values."""
    tensors = [tensor for value in case for tensor in (value if isinstance(value, list) else [value])]
    tensors = [value for value in tensors if isinstance(value, Tensor)]
    if tensors:
        return "inputs of shape " + ", ".join(str(tuple(value.shape)) for value in tensors)
    return "the inputs " + ", ".join(map(repr, case))


def first_line(error: Exception) -> str:
    """The first line of an error, with a hint where it looks like the ignore label used as a class."""
    text = f"{type(error).__name__}: {error}".splitlines()[0]
    as_class = "one_hot" in text or "Class values" in text or "out of bounds" in text and str(IGNORE_INDEX) in text
    return f"{text.rstrip('.')}. Is {IGNORE_INDEX}, the ignore label, used as if it were a class?" if as_class else text
