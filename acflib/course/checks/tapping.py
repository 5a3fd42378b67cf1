"""A network for the exercise with hooks (lesson 12), the right answer to it, and what must be left as it was."""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import skip_init

from acflib.course.checks.judge import Answer

OF_ALL = (nn.modules.module._global_forward_hooks, nn.modules.module._global_forward_pre_hooks)


class Network(nn.Module):
    """A network that changes its logits behind the last layer. Two of them are equal if their weights are."""

    def __init__(self, channels: int, classes: int, random: torch.Generator):
        super().__init__()
        first = skip_init(nn.Conv2d, 3, channels, 3)  # no global random numbers
        self.body = nn.Sequential(OrderedDict(first=first, relu=nn.ReLU()))
        self.last = skip_init(nn.Conv2d, channels, classes, 1)
        self.double().requires_grad_(False)
        for weight in self.parameters():
            weight.copy_(torch.randn(weight.shape, generator=random, dtype=torch.float64))

    def forward(self, images: Tensor) -> Tensor:
        return 0.5 * self.last(self.body(images)) - 1

    def __eq__(self, other: object) -> bool:
        mine = self.state_dict()
        return isinstance(other, Network) and all(torch.equal(mine[k], v) for k, v in other.state_dict().items())

    __hash__ = nn.Module.__hash__


def tapped(network: nn.Module, name: str, images: Tensor) -> tuple[Tensor, Tensor]:
    """What the layer of this name gets and gives when the network runs: the right answer."""
    seen: list[tuple[Tensor, Tensor]] = []
    with network.get_submodule(name).register_forward_hook(lambda _, given, result: seen.append((given[0], result))):
        network(images)
    return seen[0]


def _after(student: Answer, prepare: Callable[[Network], Any]) -> Network:
    """A network that was made, prepared and given to the student's function."""
    network = Network(4, 3, torch.Generator().manual_seed(0))
    prepare(network)
    student(network, "last", torch.zeros(2, 3, 5, 6, dtype=torch.float64))
    return network


def _hooks(network: nn.Module) -> list[Any]:
    hooks = [(module._forward_hooks, module._forward_pre_hooks) for module in network.modules()]
    return [hook for pair in hooks for kind in pair for hook in kind.values()]


def leaves_no_hook(student: Answer) -> bool:
    """Whether no hook is left after the call."""
    return not _hooks(_after(student, lambda network: None))


def leaves_the_forward(student: Answer) -> bool:
    """Whether each layer computes by its own ``forward`` after the call."""
    return not any("forward" in vars(module) for module in _after(student, lambda network: None).modules())


def leaves_no_hook_on_all(student: Answer) -> bool:
    """Whether no hook on all modules of torch has come by the call."""
    before = list(map(dict, OF_ALL))
    _after(student, lambda network: None)
    return list(map(dict, OF_ALL)) == before


@contextmanager
def hooks_of_all_put_back() -> Iterator[None]:
    """Context manager: hooks on all modules of torch that come inside, those of a wrong answer, go with it."""
    before = list(map(dict, OF_ALL))
    try:
        yield
    finally:
        for hooks, known in zip(OF_ALL, before, strict=True):
            hooks.clear()
            hooks.update(known)


def leaves_other_hooks(student: Answer) -> bool:
    """Whether hooks that were there before still are."""

    def of_others(network: Network) -> None:
        for module in network.modules():
            module.register_forward_hook(lambda *_: None)

    return len(_hooks(_after(student, of_others))) == len(list(Network(4, 3, torch.Generator()).modules()))


def leaves_the_mode(student: Answer) -> bool:
    """Whether the network is in training mode after the call if it was before."""
    trained, evaluated = _after(student, nn.Module.train), _after(student, nn.Module.eval)
    return all(module.training for module in trained.modules()) and not any(m.training for m in evaluated.modules())


def leaves_mixed_modes(student: Answer) -> bool:
    """Whether a part that was in evaluation mode alone still is."""
    network = _after(student, lambda network: network.body.eval())
    return network.training and network.last.training and not network.body.training


def leaves_the_weights(student: Answer) -> bool:
    """Whether the weights, and what they say of gradients, are as they were."""
    after, before = (_after(f, lambda network: network.last.requires_grad_(True)) for f in (student, tapped))
    wanted = [weight.requires_grad for weight in before.parameters()]
    return after == before and [weight.requires_grad for weight in after.parameters()] == wanted


def comes_from_this_network(student: Answer) -> bool:
    """Whether a gradient of the answer reaches the weights of the very network that was given."""
    network = Network(4, 3, torch.Generator().manual_seed(0)).requires_grad_(True)
    _, logits = student(network, "last", torch.zeros(2, 3, 5, 6, dtype=torch.float64))
    if not logits.requires_grad:  # another mistake, with a message of its own
        return True
    logits.sum().backward()
    return network.last.weight.grad is not None
