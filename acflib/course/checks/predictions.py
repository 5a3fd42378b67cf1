"""A prediction before a cell is run: no points, only the two values side by side."""

import math
from typing import Any

import numpy as np
from torch import Tensor

PERCENT = (0, 100)


def prediction(given: Any, found: float | str, digits: int = 0, span: tuple[float, float] | None = None) -> None:
    """Print what was predicted beside what came out. Of a prediction that is none, print what is asked for instead.

    Args:
        given: the student's number or choice; None where the cell was left as it is.
        found: what the cell has measured.
        digits: of a number, after the point. Few: a stored output must come out again on every machine.
        span: the least and the largest number that may be predicted, ``(0, 100)`` of a percentage; None: any number.
    """
    shown = found if isinstance(found, str) else f"{found:.{digits}f}"
    if given is None:
        print(f"Measured: {shown}. You have not predicted anything: write a guess into the cell above before you look.")
    elif isinstance(found, str):
        print(_beside_word(given, found))
    else:
        print(_beside_number(given, found, digits, span))


def _beside_word(given: Any, found: str) -> str:
    if not isinstance(given, str):
        return f"A word in quotes is asked for, your prediction is {given!r}."
    same = given.strip().lower() == found.lower()
    return f"You predicted: {given}. Measured: {found}.{'' if same else ' Find the reason before you read on.'}"


def _beside_number(given: Any, found: float, digits: int, span: tuple[float, float] | None) -> str:
    number = _number(given)
    asked = "A number" if span is None else f"A number from {span[0]:g} to {span[1]:g}"
    if number is None:
        quotes = " Write it without quotes." if isinstance(given, str) else ""
        return f"{asked} is asked for, your prediction is {given!r}.{quotes}"
    if not math.isfinite(number) or span and not span[0] <= number <= span[1]:
        return f"{asked} is asked for, your prediction is {number:g}."
    if _a_share(number, found, digits, span):
        return f"You predicted {number:g}. Is that a share? The answer is in percent: write {100 * number:g}."
    distance = f"{abs(number - found):.{digits}f} apart."
    return f"You predicted {number:.{digits}f}, measured is {found:.{digits}f}: {distance}"


def _number(given: Any) -> float | None:
    """The prediction as a float; None where it is no number."""
    if isinstance(given, np.generic) or isinstance(given, Tensor) and given.ndim == 0:
        given = given.item()
    return float(given) if isinstance(given, (int, float)) and not isinstance(given, bool) else None


def _a_share(number: float, found: float, digits: int, span: tuple[float, float] | None) -> bool:
    """Whether a share, such as 0.86, was given where a percentage is asked for and 86 would be nearer."""
    percent = span == PERCENT or span is None and digits == 0 and 1 < found <= 100
    return percent and 0 < number < 1 and abs(100 * number - found) < abs(number - found)
