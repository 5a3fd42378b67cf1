"""Answers compared: equal values, equal form, and how inputs and errors are put into words."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from acflib.functional import IGNORE_INDEX

Number = (int, float)
TOO_COARSE = "is too coarse"


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
        rtol, atol = (rtol, atol) if target.is_floating_point() else (0.0, 0.0)  # whole numbers are right or wrong
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
        rtol, atol = (0.0, 0.0) if isinstance(target, int) else (rtol, atol)
        return both_nan or math.isclose(answer, target, rel_tol=rtol, abs_tol=atol)
    return type(answer) is type(target) and answer == target


def form_complaint(answer: Any, target: Any, swapped: str, whole: str, what: str = "the result") -> str | None:
    """What is wrong with the type or shape of an answer; None where the form is right. ``what`` is its name."""
    answer, target = _one_number(answer, target), _one_number(target, answer)
    if isinstance(target, Tensor):
        return _tensor_complaint(answer, target, swapped, whole, what)
    wanted, got = _kind(target), _kind(answer)
    if wanted != got and not (isinstance(target, tuple) and isinstance(answer, list)):  # some numbers are some numbers
        return _kinds_differ(got, wanted, what)
    if isinstance(target, Mapping):
        if answer.keys() != target.keys():
            return f"the dict that is returned has the keys {list(answer)}, but must have {list(target)}."
    elif isinstance(target, (tuple, list)):
        if len(answer) != len(target):
            return _kinds_differ(f"{len(answer)} values", str(len(target)), what)
    else:
        return None
    pairs = ((answer[key], target[key], _part(key, target, what)) for key in _keys(target))
    complaints = (form_complaint(part, wanted, swapped, whole, name) for part, wanted, name in pairs)
    return next((complaint for complaint in complaints if complaint), None)


def _kinds_differ(got: str, wanted: str, what: str) -> str:
    return f"the function returns {got}, not {wanted}{'' if what == 'the result' else f', as {what}'}."


def _tensor_complaint(answer: Any, target: Tensor, swapped: str, whole: str, what: str) -> str | None:
    if not isinstance(answer, Tensor):
        return _kinds_differ(_kind(answer), "a tensor", what)
    if answer.shape != target.shape:
        got, wanted = tuple(answer.shape), tuple(target.shape)
        hint = f" {swapped}" if len(wanted) > 1 and got == (*wanted[:-2], wanted[-1], wanted[-2]) else ""
        return f"{what} has the shape {got}, but must be {wanted}.{hint}"
    if target.is_floating_point() and not answer.is_floating_point():
        return f"{what} is {answer.dtype}; {whole}"
    if (target.dtype == torch.bool) != (answer.dtype == torch.bool):
        return f"{what} is {answer.dtype}, but must be {target.dtype}."
    return None


def fraction_complaint(answer: Any, target: Any, what: str = "the result") -> str | None:
    """Where a float stands for a whole number, in answers of one form and equal values; None where none does."""
    answer, target = _one_number(answer, target), _one_number(target, answer)
    if isinstance(target, (Mapping, tuple, list)):
        parts = (fraction_complaint(answer[key], target[key], _part(key, target, what)) for key in _keys(target))
        return next((complaint for complaint in parts if complaint), None)
    if isinstance(target, Tensor) and not target.is_floating_point() and answer.is_floating_point():
        return f"{what} holds floats, {answer.dtype}. Whole numbers are asked for: they count, or name a place."
    if isinstance(target, int) and isinstance(answer, float):
        return f"{what} is a float, {answer}. A whole number is asked for: an int."
    return None


def general_complaint(answer: Any, target: Any, inputs: str, rtol: float, atol: float) -> str:
    """What to say of a wrong answer of the right form that fits no known mistake: what came, and what is right."""
    what, answer, target = _first_wrong(answer, target, rtol, atol)
    answer, target = _one_number(answer, target), _one_number(target, answer)
    if not isinstance(target, Tensor):
        return f"on {inputs} {what} is not right: {_shown(answer)}, where {_shown(target)} is right."
    far = ~torch.isclose(answer.detach().double(), target.detach().double(), rtol, atol, equal_nan=True)
    if target.is_floating_point() and answer.dtype != target.dtype:
        scale = target.detach().abs().max().item()
        if (answer.detach().double() - target.detach().double()).abs().max().item() < 1e-2 * scale:
            return f"on {inputs} {what} {TOO_COARSE}: it is {answer.dtype}. Compute in {target.dtype}."
    place = far.nonzero()[0].tolist()
    got, wanted = (value.detach()[tuple(place)].item() for value in (answer, target))
    count = f"{int(far.sum())} of {far.numel()} values, at {place} " if place else ""
    return f"on {inputs} {what} is not right: {count}{_shown(got)}, where {_shown(wanted)} is right."


def _shown(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else repr(value)


def _keys(parts: Any) -> Sequence:
    """Where the parts of an answer stand: the keys of a dict, the indices of a list or tuple."""
    return list(parts) if isinstance(parts, Mapping) else range(len(parts))


def _part(key: Any, parts: Any, what: str) -> str:
    """The name of a part of an answer: 'value 1 of 2', 'the result for "sum"'."""
    place = f"{what} for {key!r}" if isinstance(parts, Mapping) else f"value {key + 1} of {len(parts)}"
    return place if what == "the result" or isinstance(parts, Mapping) else f"{place} in {what}"


def _first_wrong(answer: Any, target: Any, rtol: float, atol: float, what: str = "the result") -> tuple[str, Any, Any]:
    """The first part of two answers of one form that differs: its name, and both values."""
    if not isinstance(target, (Mapping, tuple, list)):
        return what, answer, target
    key = next(key for key in _keys(target) if not all_close(answer[key], target[key], rtol, atol))
    return _first_wrong(answer[key], target[key], rtol, atol, _part(key, target, what))


def _one_number(value: Any, other: Any) -> Any:
    """A number of numpy, or a tensor without axes where the other side is a number, as a Python number."""
    bare = isinstance(value, Tensor) and value.ndim == 0 and not isinstance(other, Tensor)
    return value.item() if bare or isinstance(value, np.generic) else value


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "a bool"
    if isinstance(value, Number):
        return "a number"
    known = {Tensor: "a tensor", str: "a string", dict: "a dict", tuple: "a tuple", list: "a list", type(None): "None"}
    known[np.ndarray] = "an array of numpy"
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
    """The inputs in words: the shapes of the tensors and the other values, or, where there is no tensor, all values."""
    shapes = [str(tuple(tensor.shape)) for value in case for tensor in _tensors(value)]
    if not shapes:
        return "the inputs " + ", ".join(map(repr, case))
    others = ", ".join(_shown(value) for value in case if isinstance(value, (int, float, str)))
    more = ", ..." if len(shapes) > 8 else ""
    return f"inputs of shape {', '.join(shapes[:8])}{more}{' and ' if others else ''}{others}"


def _tensors(value: Any) -> list[Tensor]:
    """All tensors in an input, those in lists of lists too."""
    if isinstance(value, (list, tuple)):
        return [tensor for part in value for tensor in _tensors(part)]
    return [value] if isinstance(value, Tensor) else []


def first_line(error: Exception) -> str:
    """The first line of an error, with a hint where it looks like the ignore label used as a class."""
    text = f"{type(error).__name__}: {error}".splitlines()[0]
    as_class = "one_hot" in text or "Class values" in text or "out of bounds" in text and str(IGNORE_INDEX) in text
    return f"{text.rstrip('.')}. Is {IGNORE_INDEX}, the ignore label, used as if it were a class?" if as_class else text
