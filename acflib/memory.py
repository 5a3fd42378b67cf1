"""What training keeps in memory between the forward and the backward pass."""

from collections.abc import Callable

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
