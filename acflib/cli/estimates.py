"""What a run will take: memory and arithmetic, counted without a GPU, and time, where it was measured.

Optimizer steps of the library's own training loop run on *fake* tensors, which have a shape and a dtype and no content.

Memory: every tensor that is made and dropped is counted. So weights, gradients, momentum and activations are exact up
to what the device's own kernels do. Not counted: the device's workspaces and fragmentation, see ``OVERHEAD``.

Arithmetic: multiplications and additions of convolutions and matrix products, forward and backward. Not counted is what
works pixel by pixel (BatchNorm, activations, resizing, softmax, SGD): it costs memory traffic rather than arithmetic.
"""

import json
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.amp import GradScaler
from torch.optim import SGD
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from acflib.acfnet import build_model, without_weights
from acflib.datasets.labels import CITYSCAPES_CLASSES
from acflib.engine.config import TrainConfig
from acflib.engine.machine import AROUND
from acflib.engine.train_state import LOSSES, TrainState
from acflib.layers.inplace import use_inplace
from acflib.training import optimizer_step

# An allowance, not a measurement: the CUDA context, workspaces of cuDNN, fragmentation of the allocator.
OVERHEAD = 2 * 2**30
MEASURED = AROUND / "results" / "benchmarks" / "training_step.json"


class PeakMemory(TorchDispatchMode):
    """Context manager: counts the bytes of all tensors made inside, fake ones too, and the most there were at once.

    Attributes:
        level: bytes now.
        peak: highest level so far.
    """

    def __init__(self) -> None:
        super().__init__()
        self.level = self.peak = 0
        self._known: weakref.WeakSet = weakref.WeakSet()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None) -> Any:
        result = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(result):
            if isinstance(tensor, Tensor):
                self._count(tensor.untyped_storage())
        return result

    def _count(self, storage: torch.UntypedStorage) -> None:
        if storage not in self._known:  # a view has the storage of its base
            self._known.add(storage)
            self.level += storage.nbytes()
            self.peak = max(self.peak, self.level)
            weakref.finalize(storage, self._drop, storage.nbytes())

    def _drop(self, size: int) -> None:
        self.level -= size


@dataclass(frozen=True)
class TrainingMemory:
    """Bytes on one device that holds the whole batch."""

    peak: int  # of an optimizer step, without ``OVERHEAD``
    between_steps: int  # weights, buffers, gradients and momentum


def make_network(config: TrainConfig) -> nn.Module:
    """The network that a configuration trains, without pretrained weights."""
    model = build_model(without_weights(config.model))
    return use_inplace(model) if config.norm == "inplace" else model


def count_training_memory(
    config: TrainConfig, precision: str, make: Callable[[TrainConfig], nn.Module] = make_network
) -> TrainingMemory:
    """Count the memory of training with ``config``; takes seconds, and next to no memory itself.

    Args:
        precision: "float32", "bf16" or "fp16" (counted as bf16, which is as large).
        make: gives the network, for another one than the configuration's.
    """
    precision = "bf16" if precision == "fp16" else precision
    with torch.random.fork_rng(devices=[]), FakeTensorMode(), PeakMemory() as memory:
        step = _make_step(config, precision, make)
        step()
        step()  # momentum comes with the first
        return TrainingMemory(memory.peak, memory.level)


def count_training_flops(config: TrainConfig, make: Callable[[TrainConfig], nn.Module] = make_network) -> int:
    """Multiplications and additions of the convolutions and matrix products of one optimizer step; takes seconds.

    Args:
        make: gives the network, for another one than the configuration's.
    """
    with torch.random.fork_rng(devices=[]), FakeTensorMode():
        step = _make_step(config, "float32", make)
        with FlopCounterMode(display=False) as counter:
            step()
        return counter.get_total_flops()


def _make_step(config: TrainConfig, precision: str, make: Callable[[TrainConfig], nn.Module]) -> Callable[[], None]:
    """A function that makes one optimizer step on a batch of zeros, which goes with the end of the step."""
    model = make(config).train()
    optimizer = SGD(model.parameters(), config.learning_rate, config.momentum, weight_decay=config.weight_decay)
    class_weights = torch.ones(config.model.num_classes or len(CITYSCAPES_CLASSES)) if config.class_balance else None
    state = TrainState(
        model, model, optimizer, GradScaler(enabled=False), torch.device("cpu"), precision, class_weights, 0,
        torch.zeros(len(LOSSES) + 1),
    )  # fmt: skip

    def step() -> None:
        images = torch.zeros(config.batch_size, 3, *config.crop_size)
        labels = torch.zeros(config.batch_size, *config.crop_size, dtype=torch.int64)
        optimizer_step(state, images, labels, config.learning_rate, config)

    return step


def checkpoint_bytes(config: TrainConfig) -> int:
    """Size of a checkpoint: weights, buffers and momentum."""
    with torch.device("meta"):
        model = build_model(without_weights(config.model))
    saved = [*model.state_dict().values(), *model.parameters()]  # the momentum is as large as the parameters
    return sum(value.nbytes for value in saved)


def measured_seconds(preset: str, gpu: str, precision: str, path: Path = MEASURED) -> float | None:
    """Seconds of an iteration of a preset on a GPU of this name, as ``benchmarks/training_step.py`` measured them.

    None where there is no such measurement with the preset's own size and batch, as training runs by default: in this
    precision, uncompiled, without a search of cuDNN. It is never guessed from another device or size.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        settings = content["settings"]
        own = {"size": None, "batch": None, "compile": False, "cudnn_benchmark": False, "precision": precision}
        if content["machine"]["gpu"] != gpu or any(settings[name] != value for name, value in own.items()):
            return None
        return float(content["results"][preset]["seconds_per_iteration"])
    except (OSError, ValueError, KeyError, TypeError):  # no file, or a preset that was not measured
        return None
