"""What training keeps in memory between the forward and the backward pass, and what the CPU allocator gives out."""

import gc
from collections.abc import Callable
from itertools import accumulate

import torch
from torch import Tensor, nn


def saved_bytes(network: Callable[[Tensor], Tensor], x: Tensor) -> int:
    """Bytes that autograd keeps from ``network(x)`` for its backward pass, x included where it is kept.

    Each storage counts once. Parameters and buffers of an ``nn.Module`` do not count: they are there anyway.
    """
    own = [*network.parameters(), *network.buffers()] if isinstance(network, nn.Module) else []
    known = {tensor.untyped_storage().data_ptr() for tensor in own}
    kept: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in known:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor.detach()  # a result that holds itself through its own graph would never be freed

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        result = network(x)  # kept alive, so that no address is used twice
    del result
    return sum(kept.values())


def cpu_allocations(run: Callable[[], object]) -> list[int]:
    """Every allocation (positive) and release (negative) of torch's CPU allocator in ``run()``: bytes, in order."""
    gc.collect()
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as profile:
        run()
    events = profile.profiler.kineto_results.events()  # the public tables hold sums alone, not the order
    return [event.nbytes() for event in events if event.name() == "[memory]"]


def cpu_peak(run: Callable[[], object]) -> int:
    """Most bytes that torch's CPU allocator had given out at once in ``run()``, beyond what stood before."""
    return max(accumulate(cpu_allocations(run), initial=0))
