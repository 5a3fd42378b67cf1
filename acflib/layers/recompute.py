"""Activation checkpointing: keep only what goes into a block, and run the block again in the backward pass.

Saves memory for the time of one more forward pass. The results are the same, running statistics included.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint


def run_blocks(blocks: nn.Sequential, x: Tensor, recompute: bool) -> Tensor:
    """``blocks(x)``; with ``recompute``, and where gradients are wanted, each block runs again in the backward pass."""
    if not (recompute and torch.is_grad_enabled()):
        return blocks(x)
    for block in blocks:
        x = checkpoint(block, x, use_reentrant=False, context_fn=partial(_contexts, block))
    return x


def _contexts(block: nn.Module) -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
    """Of the first and the second run, which must not count the batch twice in the running statistics."""
    return nullcontext(), frozen_running_statistics(block)


@contextmanager
def frozen_running_statistics(module: nn.Module) -> Iterator[None]:
    """Normalize by the statistics of the batch, as in training, but leave the running ones as they are."""
    norms = [m for m in module.modules() if isinstance(m, _BatchNorm) and m.track_running_stats and m.training]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.0  # running = 1 * running + 0 * batch
    try:
        yield
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
            assert norm.num_batches_tracked is not None  # it tracks them
            norm.num_batches_tracked -= 1
