"""What is asked of an answer besides right values, of every one or where an exercise demands it; see :func:`judge`.

Nothing measures time: operations and tensor sizes are counted, so that the verdict is the same on every machine.
"""

import math
import os
import sys
from collections.abc import Callable, Iterable
from inspect import signature
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from acflib.course.checks.compare import all_close, copied

LIBRARY = str(Path(__file__).parents[2]) + os.sep  # the package acflib, ...
COURSE = str(Path(__file__).parents[1]) + os.sep  # ... of which the checks themselves may call what they like
PART = "a part of the gradient"


def changed_argument(given: tuple, kept: tuple) -> int | None:
    """The place of the first argument that is no longer what it was; None where all are."""
    pairs = enumerate(zip(given, kept, strict=True))
    return next((place for place, (now, before) in pairs if not _unchanged(now, before)), None)


def _unchanged(now: Any, before: Any) -> bool:
    if isinstance(before, Tensor):
        return now.dtype == before.dtype and all_close(now, before, 0, 0)
    if isinstance(before, dict):
        return now.keys() == before.keys() and all(_unchanged(now[key], before[key]) for key in before)
    if isinstance(before, (list, tuple)):
        return len(now) == len(before) and all(map(_unchanged, now, before))
    return now is before or now == before


def argument_name(student: Callable[..., Any], place: int) -> str:
    """What the student calls this argument."""
    try:
        named = [p.name for p in signature(student).parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
    except (TypeError, ValueError):  # no signature: built in
        named = []
    return f"`{named[place]}`" if place < len(named) else f"number {place + 1}"


def gradient_complaint(
    student: Callable[..., Any], right: Callable[..., Any], case: tuple, arguments: Iterable[int]
) -> str | None:
    """Compare the gradients in some arguments (tensors, or lists of them) with those of the right answer."""
    for place in arguments:
        name = argument_name(student, place)
        wanted = _gradients(right, case, place)
        try:
            found = _gradients(student, case, place)
        except RuntimeError as error:
            if "numpy()" not in str(error):
                raise
            return f"no gradient can reach {name}: numpy passes none. Compute in torch from end to end."
        for want, got in zip(wanted, found, strict=True):
            if not got.isfinite().all():
                return f"the gradient in {name} is NaN or infinite. Where is something divided by 0 on the way?"
            if not got.any() and want.any():
                return (
                    f"no gradient reaches {name}, so nothing could be trained through it. Leave out detach(), .item(), "
                    "tolist(), torch.tensor(...) and no_grad()."
                )
            # sums of many terms cancel: a small one is held against the largest, or 1e-6 in a divisor would show
            if not torch.allclose(got, want, 1e-4, 1e-7 + 1e-5 * want.abs().max().item()):
                return (
                    f"{PART} in {name} is missing. Is something detached on the way, or scaled to "
                    "the sum 1 that has it already?"
                )
    return None


def _gradients(answer: Callable[..., Any], case: tuple, place: int) -> list[Tensor]:
    """The gradients of a weighted sum of all that an answer returns, in the float tensors of one argument."""
    inputs, leaves = list(copied(case)), []

    def leaf(value: Any) -> Any:
        if isinstance(value, Tensor) and value.is_floating_point():
            leaves.append(value.detach().requires_grad_())
            return leaves[-1]
        return type(value)(map(leaf, value)) if type(value) in (tuple, list) else value

    inputs[place] = leaf(inputs[place])
    result = answer(*inputs)
    parts = [part for part in (result if isinstance(result, (tuple, list)) else [result]) if isinstance(part, Tensor)]
    sums = [(part.double().flatten() * torch.arange(1.0, part.numel() + 1).cos()).sum() for part in parts]
    reached = [part for part in sums if part.requires_grad]
    if not reached:
        return [torch.zeros_like(value) for value in leaves]
    found = torch.autograd.grad(torch.stack(reached).sum(), leaves, allow_unused=True)
    return [torch.zeros_like(leaf) if got is None else got for leaf, got in zip(leaves, found, strict=True)]


def library_function(student: Callable[..., Any], case: tuple) -> str | None:
    """The first function of acflib that the student's function runs, under whatever name it was imported."""
    called: list[str] = []

    def watch(frame: FrameType, event: str, _: Any) -> None:
        code = frame.f_code
        inside = code.co_filename.startswith(LIBRARY) and not code.co_filename.startswith(COURSE)
        if event == "call" and inside and not code.co_name.startswith("<"):
            called.append(code.co_name)

    before = sys.getprofile()
    inputs = copied(case)
    sys.setprofile(watch)
    try:
        student(*inputs)
    finally:
        sys.setprofile(before)
    return called[0] if called else None


class _Enough(BaseException):
    """Ends a function that has run more operations than it may; no ``except Exception`` of its own holds it up."""


class _Counter(TorchDispatchMode):
    """Counts operations, and keeps the number of elements of the largest tensor that one of them made."""

    def __init__(self, limit: float = math.inf) -> None:
        super().__init__()
        self.operations, self.largest, self.limit = 0, 0, limit

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        self.operations += 1
        if self.operations >= self.limit:
            raise _Enough
        result = operation(*args, **(kwargs or {}))
        made = result if isinstance(result, (tuple, list)) else [result]
        self.largest = max([self.largest, *(part.numel() for part in made if isinstance(part, Tensor))])
        return result


def fewer_operations(student: Callable[..., Any], case: tuple, limit: int) -> bool:
    """Whether the function runs fewer torch operations. A loop over pixels or classes shows here on any machine.

    A function that reaches the limit is broken off there.
    """
    inputs = copied(case)
    try:
        with _Counter(limit):
            student(*inputs)
    except _Enough:
        return False
    return True


def largest_tensor(student: Callable[..., Any], case: tuple) -> int:
    """Number of elements of the largest tensor that the function makes on its way (copies of inputs not counted)."""
    inputs = copied(case)
    with _Counter() as counter:
        student(*inputs)
    return counter.largest
