"""What an exercise may demand besides right values; each is for the argument ``demands`` of :func:`judge`.

None measures time: operations and tensor sizes are counted, so that the verdict is the same on every machine.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from acflib.course.checks.compare import copied


def lets_gradients_flow(student: Callable[..., Any], case: tuple, argument: int = 0) -> bool:
    """Whether the gradient of the result (a tensor, or a tuple of them) reaches the tensor ``case[argument]``."""
    inputs = list(copied(case))
    inputs[argument] = inputs[argument].detach().requires_grad_()
    result = student(*inputs)
    results = [result] if isinstance(result, Tensor) else list(result)
    total = torch.stack([part.double().square().sum() for part in results]).sum()
    if not total.requires_grad:
        return False
    (gradient,) = torch.autograd.grad(total, inputs[argument], allow_unused=True)
    return gradient is not None and bool((gradient != 0).any())


def leaves_inputs_alone(student: Callable[..., Any], case: tuple) -> bool:
    """Whether the tensors given are unchanged after the call."""
    inputs = copied(case)
    student(*inputs)
    pairs = zip(inputs, case, strict=True)
    return all(torch.equal(given, kept) for given, kept in pairs if isinstance(kept, Tensor))


class _Counter(TorchDispatchMode):
    """Counts operations, and keeps the number of elements of the largest tensor that one of them made."""

    def __init__(self) -> None:
        super().__init__()
        self.operations, self.largest = 0, 0

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        result = operation(*args, **(kwargs or {}))
        self.operations += 1
        made = result if isinstance(result, (tuple, list)) else [result]
        self.largest = max([self.largest, *(part.numel() for part in made if isinstance(part, Tensor))])
        return result


def operation_count(student: Callable[..., Any], case: tuple) -> int:
    """How many torch operations the function runs. A loop over pixels or classes shows here, whatever the machine."""
    inputs = copied(case)
    with _Counter() as counter:
        student(*inputs)
    return counter.operations


def largest_tensor(student: Callable[..., Any], case: tuple) -> int:
    """Number of elements of the largest tensor that the function makes on its way (copies of inputs not counted)."""
    inputs = copied(case)
    with _Counter() as counter:
        student(*inputs)
    return counter.largest
